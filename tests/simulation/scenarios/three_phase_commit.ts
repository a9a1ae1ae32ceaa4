/** The same two transactions by both protocols, and a participant that is cut off after its votes. */
import type { ClusterPlan } from "../../../actors/cluster_plan.ts";
import { NOTES } from "../note_writers.ts";
import { between, type Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const [COORDINATOR, CUT_OFF] = ["core-1/coordinator", "cloud-2/participant"];
const POLL_MS = 0.5;
const SILENCE_MS = 500;

type Census = Readonly<Record<string, number>>;
interface Stats {
  /** Of two-phase commit. */
  readonly transactions: Census;
  readonly threePhase: Census;
}

function stats({ system }: Stage, address: string): Promise<Stats> {
  return system.ask(address, "$stats", null, 60_000) as Promise<Stats>;
}

function pause({ system }: Stage, ms: number): Promise<void> {
  return new Promise((resolve) => system.scheduler.at(system.now + ms, resolve));
}

/** Cuts all links into a node, or all out of it. */
export function cut({ system, plan }: Stage, node: string, way: "in" | "out", up = false): void {
  for (const { name } of plan.nodes) {
    const [from, to] = way === "in" ? [name, node] : [node, name];
    if (system.switchboard.get(from, to) !== undefined) system.switchboard.set(from, to, { up });
  }
}

/** Both write a row of their own at two participants. */
function begin({ system }: Stage): void {
  for (const protocol of ["2pc", "3pc"] as const) {
    const shards = [0, 1].map((shard) => {
      return { shard, operations: [{ key: `note/${protocol}`, text: protocol }] };
    });
    system.ask(COORDINATOR, "transact", { shards, answerShard: 0, protocol }, 60_000)
      .catch(() => {});
  }
}

/** What cuts a participant off between its vote and what follows from the votes. */
async function play(stage: Stage): Promise<void> {
  // The coordinator's numbers are durable by then.
  await pause(stage, between(stage.random("begin"), 20, 200));
  begin(stage);
  for (;;) {
    const { transactions, threePhase } = await stats(stage, CUT_OFF);
    if (transactions["inDoubt"] === 1 && threePhase["uncertain"] === 1) break;
    await pause(stage, POLL_MS);
  }
  cut(stage, "cloud-2", "in");
  // Its votes arrive. The coordinator takes it for failed after a while, and commits.
  while ((await stats(stage, COORDINATOR)).threePhase["committed.telling"] !== 1) {
    await pause(stage, POLL_MS);
  }
  cut(stage, "cloud-2", "out");
}

/** Three-phase commit decides on both sides of a partition, two-phase commit on neither alone. */
export const threePhaseCommit: Scenario = {
  name: "three_phase_commit",
  summary: "a participant cut off after its vote: 3PC must split its decision, and 2PC block",
  roles: ["coordinator", "participant"],
  faults: { maybe: [] },
  mustBreak: "atomic_agreement",
  recast: (plan: ClusterPlan) => ({
    ...plan,
    participant: NOTES,
    settings: { ...plan.settings, silenceMs: SILENCE_MS },
  }),
  cast: (random) => ({
    profile: "carrier",
    safetyMs: 6000,
    settings: { resendMs: between(random, 20, 60) },
  }),
  act: (stage) => void play(stage),
  // That it was the partition, and that the other protocol waits it out.
  async confirm(stage) {
    const { transactions, threePhase } = await stage.system.until(stats(stage, CUT_OFF));
    if (threePhase["aborted"] !== 1) return `3PC at ${CUT_OFF} is in ${JSON.stringify(threePhase)}`;
    if (transactions["inDoubt"] === 1) return undefined;
    return `2PC does not block at ${CUT_OFF}: it is in ${JSON.stringify(transactions)}`;
  },
};
