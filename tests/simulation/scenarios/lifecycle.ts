/** Lives of roles and nodes: started, drained, stopped, held, hung and given up at any moment. */
import type { ClusterPlan } from "../../../actors/cluster_plan.ts";
import { between, pick, PROFILES, type Scenario } from "../scenario.ts";
import { meddle } from "../meddler.ts";

const module = new URL("../stub_roles.ts", import.meta.url).href;

/** All but what needs a store with something in it. */
const MAYBE = [
  "loss",
  "duplicate",
  "delay",
  "partition",
  "crash",
  "exit",
  "node",
  "power",
  "slow",
  "pause",
  "drift",
  "mailbox",
] as const;

/** Nodes whose roles do nothing but live. */
export const lifecycle: Scenario = {
  name: "lifecycle",
  summary: "starts and stops of nodes and roles, cut short, repeated and failing",
  faults: { often: { exit: 2, node: 2, pause: 2 }, maybe: MAYBE },
  recast: (plan: ClusterPlan) => ({
    ...plan,
    participant: { module, name: "durable" },
    gateway: { module, name: "volatile" },
  }),
  cast: (random) => ({
    profile: pick(random, PROFILES),
    safetyMs: between(random, 4000, 25_000),
    roughStart: random() < 0.5,
    stop: random() < 0.5,
  }),
  act: (stage, until) => meddle(stage, until),
};
