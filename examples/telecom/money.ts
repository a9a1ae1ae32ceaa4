/**
 * Counts the money in the stores of a cluster that does not run.
 *
 * @module
 */
import type { Value } from "../../runtime/ports.ts";
import { totalCents } from "./rows.ts";

/** All money in the given stores, in cents, read from the files as they are on disk. */
export async function countMoney(files: readonly string[]): Promise<bigint> {
  const { DatabaseSync } = await import("node:sqlite");
  let total = 0n;
  for (const file of files) {
    const store = new DatabaseSync(file, { readOnly: true });
    try {
      const rows = store.prepare(
        "SELECT key, value FROM rows WHERE key LIKE '__/account/%' OR key LIKE '__/contra'",
      ).iterate() as Iterable<{ key: string; value: string }>;
      total += totalCents(parsed(rows));
    } finally {
      store.close();
    }
  }
  return total;
}

function* parsed(
  rows: Iterable<{ readonly key: string; readonly value: string }>,
): Generator<readonly [string, Value]> {
  for (const { key, value } of rows) yield [key, JSON.parse(value) as Value];
}
