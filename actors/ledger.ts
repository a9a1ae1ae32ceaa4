/**
 * The contract between a generic two-phase commit participant and the application it commits for.
 *
 * A participant knows rows, locks and journals; a ledger knows what the operations mean. The ledger
 * is pure: it reads committed rows through `read`, and answers with the writes to make.
 *
 * @module
 */

import type { Value } from "../runtime/ports.ts";

export type { Value } from "../runtime/ports.ts";

/** The committed value of a row, or `undefined` where there is no such row. */
export type Read = (key: string) => Value | undefined;

/** What a transaction changes at one participant once it commits. */
export interface Writes {
  /** Rows to set; `null` deletes the row. Each of these rows was locked through `Ledger.keys`. */
  readonly puts: readonly (readonly [key: string, value: Value | null])[];
  /**
   * Counters to add to. They commute, so they are not locked, and a counter without a row starts at
   * zero. Keep them in 64-bit integers: single deltas stay within 2^53 - 1, many at once may not.
   */
  readonly adds: readonly (readonly [key: string, delta: number])[];
}

/** Why a participant votes no. */
export interface Refusal {
  /** A word for programs, such as `insufficient_funds`. */
  readonly code: string;
  /** A sentence for people: what could not be done, the value met, what would be accepted. */
  readonly message: string;
  /** True where the same request may succeed if it is planned and sent again. */
  readonly retryable?: boolean;
  /** For a repeated idempotency key: the answer its first request was given. */
  readonly answer?: Value;
}

/** What executing operations against the committed rows comes to. */
export type Execution =
  | {
    readonly ok: true;
    readonly writes: Writes;
    /** What the client is told, if this participant is the one that answers. */
    readonly answer: Value;
    /** Names of the cache entries that the writes make stale, in order of first change. */
    readonly entries: readonly string[];
  }
  | { readonly ok: false; readonly reason: Refusal };

/** Rows by key; `null` where the store has no such row. */
export type Rows = ReadonlyMap<string, Value | null>;

/** An application's rules, as a participant needs them. */
export interface Ledger<Op> {
  /**
   * Checks operations that came from another node; a sentence says what is wrong with them.
   *
   * @param shard the shard that was asked
   */
  parse(value: unknown, shard: number): readonly Op[] | string;
  /** The rows to lock before `execute`: sorted, each once. */
  keys(operations: readonly Op[]): readonly string[];
  /**
   * Those of `keys` that are only read: transactions that only read a row do not wait for one
   * another. Not given: none, all are locked exclusively.
   */
  sharedKeys?(operations: readonly Op[]): readonly string[];
  /**
   * Why operations are refused whatever undecided transactions may write, such as a request that was
   * answered before: looked for in committed rows before any lock is asked for. Not given: nothing is.
   *
   * @param nowMs as in `execute`
   */
  settled?(operations: readonly Op[], read: Read, nowMs: number): Refusal | undefined;
  /**
   * Work out the writes, under the locks. Later operations see the effect of earlier ones.
   *
   * @param nowMs The participant's wall clock, in milliseconds since 1970.
   */
  execute(operations: readonly Op[], read: Read, nowMs: number): Execution;
  /**
   * Check what must hold after every transaction, before the vote: a second opinion on `execute`.
   * `read` still answers with the rows as they were. The message says what is violated.
   */
  verify?(writes: Writes, read: Read, operations: readonly Op[]): string | undefined;
  /**
   * Whether operations must not be decided differently at different places, whatever it costs: three-phase
   * commit is refused for them unless the links are declared synchronous. Not given: for none.
   */
  needsSynchrony?(operations: readonly Op[]): boolean;
  /** The keys a query still needs besides `rows`; none when it can be answered. */
  readKeys(query: unknown, rows: Rows): readonly string[];
  /** The cache entry an edge may keep of a query's answer, if any. */
  entryOf(query: unknown, rows: Rows): string | undefined;
  /** The shard a row belongs to. */
  shardOfKey(key: string): number;
  /** Key prefixes of a shard under which rows may expire. */
  expiring(shard: number): readonly string[];
  /** Whether a row has outlived its purpose and may be swept. */
  isExpired(key: string, value: Value, nowMs: number): boolean;
  /** The rows of a new store. */
  seed?(shards: readonly number[], options: unknown): Iterable<readonly [key: string, Value]>;
}
