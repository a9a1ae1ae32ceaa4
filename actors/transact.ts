/**
 * What a gateway asks of a coordinator, and what comes of it.
 *
 * @module
 */
import { isIndex, isRecord } from "./guards.ts";
import type { Refusal } from "./ledger.ts";

/** A transaction to run: operations by shard. */
export interface TransactRequest {
  /** What each shard is to do. */
  readonly shards: readonly { readonly shard: number; readonly operations: readonly unknown[] }[];
  /** Whose answer the client gets. */
  readonly answerShard: number;
  /** How much it matters, the more the higher; 0 if not given. */
  readonly priority?: number;
}

/** What became of it. Only `committed` changed anything. */
export type Fate =
  | { readonly outcome: "committed"; readonly answer: unknown }
  | {
    readonly outcome: "aborted";
    /** Whether the same request may succeed later. */
    readonly retryable: boolean;
    readonly reason: "refused" | "timeout" | "requested";
    /** Why a participant said no, if one did. */
    readonly refusal?: Refusal;
  };

/** Whether a body is a {@link TransactRequest}: at least one shard, none twice. */
export function isTransactRequest(body: unknown): body is TransactRequest {
  if (!isRecord(body) || !isIndex(body["answerShard"]) || !Array.isArray(body["shards"])) {
    return false;
  }
  if (body["priority"] !== undefined && !isIndex(body["priority"])) return false;
  const seen = new Set<number>();
  for (const part of body["shards"]) {
    if (!isRecord(part) || !isIndex(part["shard"]) || !Array.isArray(part["operations"])) {
      return false;
    }
    if (part["operations"].length === 0 || seen.has(part["shard"])) return false;
    seen.add(part["shard"]);
  }
  return seen.has(body["answerShard"]);
}

/**
 * Whether a fate holds for a request of which other attempts may still be under way: it committed,
 * or its idempotency key has an answer already. An abort is the fate of one attempt only.
 */
export function settles(value: unknown): boolean {
  return !isFate(value) || value.outcome === "committed" || value.refusal?.answer !== undefined;
}

/** Whether an answer is a {@link Fate}. */
export function isFate(value: unknown): value is Fate {
  return isRecord(value) && (value["outcome"] === "committed" || value["outcome"] === "aborted");
}
