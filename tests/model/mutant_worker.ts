/**
 * Tries mutants one after the other, in a thread of its own: `{ id, seeds }` in, `{ id, found }` out.
 *
 * @module
 */
import { allMutants, type Found, tryModels } from "./mutants.ts";

const mutants = new Map(allMutants().map((mutant) => [mutant.id, mutant]));

/** Scenarios in which a machine has something to do. */
const SCENARIOS: Readonly<Record<string, readonly string[]>> = {
  "heartbeat.monitor": ["heartbeat", "crashes", "partitions"],
  "heartbeat.emitter": ["heartbeat", "crashes", "partitions"],
};
const ELSE = ["two_phase_commit", "crashes", "transfers", "leases"];

// The types of a window are checked; a worker's own are not at hand.
const worker = self as unknown as Worker;

worker.onmessage = async ({ data }: MessageEvent<{ id: string; seeds: number }>) => {
  const { id, seeds } = data;
  const mutant = mutants.get(id)!;
  let found = tryModels(mutant);
  if (found === undefined && seeds > 0) found = await simulated(id, seeds);
  worker.postMessage({ id, found });
};

async function simulated(id: string, seeds: number): Promise<Found | undefined> {
  const { tryMutant } = await import("../simulation/mutant_hook.ts");
  const { of, machine } = mutants.get(id)!;
  const scenarios = SCENARIOS[of] ?? ELSE;
  const caught = await tryMutant({ machine: machine(), scenarios, seeds });
  if (caught === undefined) return undefined;
  return {
    by: `simulate ${caught.scenario} seed ${caught.seed}`,
    rule: `${caught.invariant}: ${caught.message}`,
  };
}
