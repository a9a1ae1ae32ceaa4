/**
 * A mood in which what was said before a crash is heard long after it: nodes restart often, disks
 * are slow, and a few packets take a hundred times as long as the others.
 *
 * @module
 */
import type { Casting } from "./scenario.ts";

/** What a casting gets in that mood. */
export const LATE: Pick<Casting, "surely" | "strength"> = {
  surely: ["delay", "crash", "slow"],
  strength: {
    delayMs: 40,
    tailShape: 1.1,
    slowMs: 120,
    slowShare: 0.2,
    everyMs: { crash: 150 },
  },
};

/**
 * A mood in which a vote against is held up and its voter crashes: it forgets that vote, may vote
 * for the same transaction after it, and the first vote arrives when all is decided. Transactions
 * are patient, and few enough that the locks are free the second time.
 */
export const LATE_VOTES = {
  surely: ["delay", "slow"],
  strength: { delayMs: 5, slowMs: 100, slowShare: 0.1, lateVotes: 1 },
  settings: { transactionTimeoutMs: 5000, lockTimeoutMs: 20, resendMs: 20, leaseMs: 200 },
  supervision: { backoffMs: 20, maxBackoffMs: 40 },
  perSecond: 10,
} as const satisfies Omit<Casting, "profile" | "safetyMs"> & { perSecond: number };
