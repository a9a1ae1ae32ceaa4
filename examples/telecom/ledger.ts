/**
 * What a cloud shard does with operations: the rules of accounts, numbers, SIMs and sessions.
 *
 * Double entry: a debit, credit or opening balance is posted against the contra account of its
 * shard, and the halves of a transfer cancel out, so that the total of all rows never changes.
 *
 * @module
 */
import type { Ledger } from "../../actors/ledger.ts";
import { execute, keysOf, settled, sharedKeysOf } from "./execution.ts";
import { isOverBalances, type Operation, parseOperations } from "./operations.ts";
import { entryOf, isClaimQuery, isReadQuery, readKeys } from "./reads.ts";
import { isExpired, seedSubscribers, shardName, shardOfKey } from "./rows.ts";
import { verifyWrites } from "./verify.ts";

export * from "../../actors/ledger.ts";

/** The rules of the telecom application, for a participant to apply. */
export const telecomLedger: Ledger<Operation> = {
  parse: parseOperations,
  keys: (operations) => [...new Set(operations.flatMap(keysOf))].sort(),
  sharedKeys: sharedKeysOf,
  settled,
  execute,
  verify: verifyWrites,
  needsSynchrony: (operations) => operations.some(isOverBalances),
  readKeys: (query, rows) => {
    if (isReadQuery(query)) return readKeys(query.method, query.params, rows);
    return isClaimQuery(query) && !rows.has(query.claim) ? [query.claim] : [];
  },
  entryOf: (query, rows) => isReadQuery(query) ? entryOf(query.params, rows) : undefined,
  shardOfKey,
  expiring: (shard) => [`${shardName(shard)}/key/`, `${shardName(shard)}/session/`],
  isExpired,
  seed: (shards, options) => seedSubscribers(shards, ...seedOptions(options)),
};

/** How to fill a new store: the `options` of `telecomLedger.seed`. */
export interface SeedOptions {
  /** How many built-in subscribers there are in all. */
  readonly subscribers: number;
  /** Names of the edge nodes they are at home on. */
  readonly edges: readonly string[];
  /** Cents of each; 100,000 if not given. */
  readonly balance?: number;
}

function seedOptions(
  options: unknown,
): [count: number, edges: readonly string[], balance?: number] {
  const { subscribers, edges, balance = 100_000 } = (options ?? {}) as Partial<SeedOptions>;
  const whole = (value: unknown, least: number) =>
    Number.isSafeInteger(value) && value as number >= least;
  const named = Array.isArray(edges) && edges.length > 0 &&
    edges.every((edge) => typeof edge === "string");
  if (!whole(subscribers, 0) || !named || !whole(balance, 0)) {
    throw new TypeError("Cannot seed: the options must be { subscribers, edges, balance? }");
  }
  return [subscribers as number, edges, balance];
}
