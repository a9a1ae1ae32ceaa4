/** Lives of roles and nodes: started, drained, stopped, held, hung and given up at any moment. */
import type { ClusterPlan } from "../../../actors/cluster_plan.ts";
import { between, pick, PROFILES, type Scenario } from "../scenario.ts";
import { meddle } from "../meddler.ts";

const module = new URL("../stub_roles.ts", import.meta.url).href;

/** Nodes whose roles do nothing but live. */
export const lifecycle: Scenario = {
  name: "lifecycle",
  summary: "starts and stops of nodes and roles, cut short, repeated and failing",
  faults: { often: { exit: 2, node: 2, pause: 2 } },
  recast: (plan: ClusterPlan) => ({
    ...plan,
    participant: { module, name: "durable" },
    gateway: { module, name: "volatile" },
  }),
  cast: (random) => ({
    profile: pick(random, PROFILES),
    // A start that cannot succeed is given up after 15 s.
    safetyMs: random() < 0.6 ? between(random, 4000, 20_000) : between(random, 20_000, 26_000),
    roughStart: random() < 0.5,
    stop: random() < 0.5,
  }),
  act: (stage, until) => meddle(stage, until),
};
