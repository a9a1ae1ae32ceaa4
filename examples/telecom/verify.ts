/**
 * What must hold after every transaction at a shard, checked apart from how it was worked out.
 *
 * @module
 */
import type { Read, Writes } from "../../actors/ledger.ts";
import type { Operation } from "./operations.ts";
import type { Account } from "./rows.ts";

/**
 * Check a transaction's writes: money is neither made nor lost, beyond what a transfer carries to
 * or from another shard; no balance is negative; versions grow; accounts are never deleted.
 *
 * @returns What is violated, or `undefined`.
 */
export function verifyWrites(
  writes: Writes,
  read: Read,
  operations: readonly Operation[],
): string | undefined {
  let cents = 0n;
  for (const [key, value] of writes.puts) {
    if (!key.startsWith("/account/", 2)) continue;
    const after = value as Account | null;
    const before = read(key) as Account | undefined;
    const problem = accountProblem(key, after, before);
    if (problem !== undefined) return problem;
    cents += BigInt(after?.balance ?? 0) - BigInt(before?.balance ?? 0);
  }
  for (const [key, delta] of writes.adds) {
    if (!key.startsWith("/contra", 2)) return `${key} is no counter`;
    if (!Number.isSafeInteger(delta)) return `${key} cannot grow by ${delta}`;
    cents += BigInt(delta);
  }
  const carried = centsCarried(operations);
  if (cents === carried) return undefined;
  return `the shard gained ${cents} cents, its transfers bring ${carried}`;
}

function accountProblem(
  key: string,
  after: Account | null,
  before: Account | undefined,
): string | undefined {
  if (after === null) return `${key} would be deleted`;
  if (!key.endsWith(`/account/${after.msisdn}`)) return `${key} would hold ${after.msisdn}`;
  if (!Number.isSafeInteger(after.balance) || after.balance < 0) {
    return `${key} would have a balance of ${after.balance}`;
  }
  if (after.version <= (before?.version ?? 0)) {
    return `${key} would go from version ${before?.version} to ${after.version}`;
  }
  return undefined;
}

/** Cents that the operations bring to this shard from others: negative where they take away. */
function centsCarried(operations: readonly Operation[]): bigint {
  let cents = 0n;
  for (const operation of operations) {
    if (operation.op === "transfer-in") cents += BigInt(operation.amount);
    if (operation.op === "transfer-out") cents -= BigInt(operation.amount);
  }
  return cents;
}
