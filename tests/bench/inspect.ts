/**
 * `inspect`: what looking on costs. The transactions of the `commit` bench, in turns with nobody
 * attached and with somebody attached to everything: every step, message and record of every role,
 * as records in the hub. The money is counted at the end, and what was dropped for want of room is
 * told.
 */
import type { Measured } from "./commit_roles.ts";
import { CommitSystem } from "./commit_system.ts";
import {
  atLeast,
  type Bench,
  type BenchOptions,
  type Outcome,
  round,
  rounded,
  spread,
} from "./figures.ts";
import { scratch } from "./mesh.ts";

const ROUNDS = 5;
const SHARDS = 3;
const LOAD = { pattern: "debits", inFlight: 256, warmUpMs: 1000, forMs: 2000 } as const;
const WANTED_DETACHED = 0.99;
const WANTED_ATTACHED = 0.6;

/** The bench. */
export const inspect: Bench = {
  summary: "durable two-phase commits with an inspector attached to everything, and detached again",
  run,
};

async function run({ rounds = ROUNDS, progress }: BenchOptions): Promise<Outcome> {
  await using folder = await scratch();
  await using system = await CommitSystem.start(folder.path, {
    coordinators: 1,
    participants: SHARDS,
  });
  const { inspection } = system;
  const measure = async (): Promise<number> => perSecond(await system.load(LOAD));
  const before: number[] = [], attached: number[] = [], after: number[] = [];
  let steps = 0;
  await measure(); // Warms it up.
  for (let i = 1; i <= rounds; i++) {
    before.push(await measure());
    {
      using _watching = inspection.attach({}, (records) => void (steps += records.length));
      attached.push(await measure());
    }
    after.push(await measure());
    progress(
      `round ${i} of ${rounds}: ${round(before.at(-1)!)}, attached ${
        round(attached.at(-1)!)
      }, detached ${round(after.at(-1)!)} transactions/s`,
    );
  }
  const committed = await system.counted("committed");
  await system.drain();
  const missing = system.missing() - committed * SHARDS;
  if (missing !== 0) throw new Error(`The stores are off by ${missing}`);
  return outcome(before, attached, after, inspection.figures);
}

function perSecond({ committed, ms }: Measured): number {
  return committed / ms * 1000;
}

function outcome(
  before: readonly number[],
  attached: readonly number[],
  after: readonly number[],
  { records, dropped }: { readonly records: number; readonly dropped: number },
): Outcome {
  const base = spread(before), on = spread(attached), off = spread(after);
  const ratio = spread(attached.map((value, i) => value / before[i]!));
  const left = spread(after.map((value, i) => value / before[i]!));
  const share = dropped / Math.max(1, records + dropped);
  return {
    report: {
      txn_per_s: rounded(base),
      attached_txn_per_s: rounded(on),
      detached_txn_per_s: rounded(off),
      attached_ratio: round(ratio.median),
      detached_ratio: round(left.median),
      records,
      dropped,
      money_lost: 0,
    },
    rows: [
      { name: "never attached", value: base, unit: "transactions/s" },
      { name: "attached to everything", value: on, unit: "transactions/s" },
      { name: "detached again", value: off, unit: "transactions/s" },
      { name: "attached / not", value: ratio, goal: atLeast(ratio.median, WANTED_ATTACHED) },
      { name: "detached / not", value: left, goal: atLeast(left.median, WANTED_DETACHED) },
      { name: "records seen", value: records.toLocaleString("en-US") },
      { name: "dropped for want of room", value: `${dropped} (${(100 * share).toFixed(1)} %)` },
    ],
  };
}
