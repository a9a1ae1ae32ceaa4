/** Transfers over few accounts, chosen by Zipf's law, beside the same transfers over many. */
import { HOT_ACCOUNTS, type Measured, ZIPF } from "./commit_roles.ts";
import type { CommitSystem } from "./commit_system.ts";
import { atLeast, type Outcome, round } from "./figures.ts";

const LOAD = { inFlight: 256, warmUpMs: 2000, forMs: 5000 };
/** Below it throughput has collapsed. */
const WANTED_RATIO = 0.3;

/** Measures both. */
export async function measureContended(
  system: CommitSystem,
  progress: (text: string) => void,
): Promise<Outcome> {
  const free = await system.load({ pattern: "transfers", ...LOAD });
  progress(`${perSecond(free)} transfers/s between any accounts`);
  const before = { retried: await system.counted("retried"), aborted: await aborts(system) };
  const hot = await system.load({ pattern: "contended", ...LOAD });
  progress(`${perSecond(hot)} transfers/s between ${HOT_ACCOUNTS} accounts, Zipf ${ZIPF}`);
  const ratio = hot.committed / free.committed;
  const retried = await system.counted("retried") - before.retried;
  const aborted = await aborts(system) - before.aborted;
  const report = {
    accounts: HOT_ACCOUNTS,
    zipf: ZIPF,
    in_flight: LOAD.inFlight,
    txn_per_s: perSecond(hot),
    uncontended_txn_per_s: perSecond(free),
    ratio: round(ratio),
    aborted: hot.aborted,
    failed: hot.failed,
    attempts_aborted: aborted,
    retried,
    deadlocks: await system.counted("deadlocks"),
  };
  const rows = [
    { name: "transfers between any accounts", value: `${perSecond(free)}`, unit: "1/s" },
    {
      name: `transfers between ${HOT_ACCOUNTS}, Zipf ${ZIPF}`,
      value: `${perSecond(hot)}`,
      unit: "1/s",
    },
    {
      name: "  ratio",
      value: { median: ratio, min: ratio, max: ratio },
      goal: atLeast(ratio, WANTED_RATIO),
    },
    { name: "  aborted, failed, retried", value: `${hot.aborted}, ${hot.failed}, ${retried}` },
  ];
  return { report, rows };
}

async function aborts(system: CommitSystem): Promise<number> {
  return await system.counted("aborted");
}

function perSecond({ committed, ms }: Measured): number {
  return round(committed / ms * 1000);
}
