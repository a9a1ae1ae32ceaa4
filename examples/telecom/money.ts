/**
 * Counts the money in the stores of a cluster that does not run.
 *
 * @module
 */
import { totalCents } from "./rows.ts";

/** All money in the given stores, in cents, as it is on disk. */
export async function countMoney(files: readonly string[]): Promise<bigint> {
  const { storedRows } = await import("../../runtime/worker/sqlite_rows.ts");
  return files.reduce((total, file) => total + totalCents(storedRows(file)), 0n);
}
