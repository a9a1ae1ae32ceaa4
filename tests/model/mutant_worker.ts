/**
 * Tries mutants one after the other, in a thread of its own: a {@link Trial} in, a {@link Result} out.
 *
 * @module
 */
import { serve } from "../simulation/threads.ts";
import { allMutants, type Found, tryModels } from "./mutants.ts";

/** What is asked. */
export interface Trial {
  readonly id: string;
  /** Seeds of the simulator, of each scenario. */
  readonly seeds: number;
  /** Whether the simulator is asked about those too that a model finds. */
  readonly always: boolean;
}

/** Who found it. */
export interface Result {
  readonly id: string;
  readonly byChecker: Found | undefined;
  readonly bySimulator: Found | undefined;
}

const mutants = new Map(allMutants().map((mutant) => [mutant.id, mutant]));

/** Scenarios in which a machine has something to do. */
const SCENARIOS: Readonly<Record<string, readonly string[]>> = {
  "twoPhaseCommit.coordinator": ["two_phase_commit", "crashes", "partitions", "leases"],
  "twoPhaseCommit.participant": ["two_phase_commit", "crashes", "partitions"],
  "twoPhaseCommit.holder": ["leases", "partitions"],
  "threePhaseCommit.coordinator": ["three_phase_swarm", "three_phase_asynchronous"],
  "threePhaseCommit.participant": ["three_phase_swarm", "three_phase_asynchronous"],
  "heartbeat.monitor": ["heartbeat", "partitions"],
  "heartbeat.emitter": ["heartbeat", "partitions"],
  "rpc.call": ["lifecycle", "partitions", "crashes"],
  "lifecycle.node": ["lifecycle", "restart_storm"],
  "deadlock.detector": ["two_phase_commit", "transfers"],
  "pbft.replica": ["pbft", "pbft_views"],
  "pbft.client": ["pbft"],
  role: ["lifecycle", "restart_storm"],
  supervision: ["lifecycle", "restart_storm", "heartbeat"],
};

serve(() => async ({ id, seeds, always }: Trial): Promise<Result> => {
  const mutant = mutants.get(id)!;
  const byChecker = tryModels(mutant);
  const wanted = seeds > 0 && (always || byChecker === undefined);
  const bySimulator = wanted ? await simulated(id, seeds) : undefined;
  return { id, byChecker, bySimulator };
});

async function simulated(id: string, seeds: number): Promise<Found | undefined> {
  const { tryMutant } = await import("../simulation/mutant_hook.ts");
  const { of, machine } = mutants.get(id)!;
  const caught = await tryMutant({ machine: machine(), scenarios: SCENARIOS[of]!, seeds });
  if (caught === undefined) return undefined;
  return {
    by: `simulate ${caught.scenario} seed ${caught.seed}`,
    rule: `${caught.invariant}: ${caught.message}`,
  };
}
