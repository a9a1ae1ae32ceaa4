/**
 * `inspect`: what looking on costs. The transactions of the `commit` bench, in turns with nobody
 * attached and with somebody attached to everything: every step, message and record of every role,
 * as records in the hub. The money is counted at the end, and what was dropped for want of room is
 * told. Processor time per transaction goes beside the throughput: it says more where a machine has
 * other things to do.
 */
import { CommitSystem, type Round } from "./commit_system.ts";
import {
  atLeast,
  type Bench,
  type BenchOptions,
  type Outcome,
  round,
  rounded,
  spread,
  spreadOf,
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
  const measure = () => system.round(LOAD);
  const before: Round[] = [], attached: Round[] = [], after: Round[] = [];
  let steps = 0;
  await measure(); // Warms it up.
  for (let i = 1; i <= rounds; i++) {
    before.push(await measure());
    {
      using _watching = inspection.attach({}, (records) => void (steps += records.length));
      attached.push(await measure());
    }
    after.push(await measure());
    const [base, on, off] = [before, attached, after].map((it) => round(it.at(-1)!.perS));
    progress(`round ${i} of ${rounds}: ${base}, attached ${on}, detached ${off} transactions/s`);
  }
  const committed = await system.counted("committed");
  await system.settle(committed * SHARDS);
  return outcome(before, attached, after, inspection.figures);
}

function outcome(
  before: readonly Round[],
  attached: readonly Round[],
  after: readonly Round[],
  { records, dropped }: { readonly records: number; readonly dropped: number },
): Outcome {
  const perS = ({ perS }: Round) => perS, cpuUs = ({ cpuUs }: Round) => cpuUs;
  const base = spreadOf(before, perS), on = spreadOf(attached, perS), off = spreadOf(after, perS);
  const ratio = spread(attached.map(({ perS }, i) => perS / before[i]!.perS));
  const left = spread(after.map(({ perS }, i) => perS / before[i]!.perS));
  const cpu = spreadOf(before, cpuUs), cpuOn = spreadOf(attached, cpuUs);
  const cpuOff = spreadOf(after, cpuUs);
  const share = dropped / Math.max(1, records + dropped);
  return {
    report: {
      txn_per_s: rounded(base),
      attached_txn_per_s: rounded(on),
      detached_txn_per_s: rounded(off),
      attached_ratio: round(ratio.median),
      detached_ratio: round(left.median),
      cpu_us_per_txn: rounded(cpu),
      attached_cpu_us_per_txn: rounded(cpuOn),
      detached_cpu_us_per_txn: rounded(cpuOff),
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
      { name: "processor time, never attached", value: cpu, unit: "us/transaction" },
      { name: "processor time, attached", value: cpuOn, unit: "us/transaction" },
      { name: "processor time, detached again", value: cpuOff, unit: "us/transaction" },
      { name: "records seen", value: records.toLocaleString("en-US") },
      { name: "dropped for want of room", value: `${dropped} (${(100 * share).toFixed(1)} %)` },
    ],
  };
}
