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
  /**
   * How it is decided; `"2pc"` if not given. `"3pc"` does not block, and needs links on which silence
   * means failure: on others a partition may split its decision, so ledgers may refuse it.
   */
  readonly protocol?: "2pc" | "3pc";
  /** How much it matters, the more the higher; 0 if not given. */
  readonly priority?: number;
  /** Whether the answer is to name the transaction; of several attempts the last. */
  readonly named?: boolean;
}

/** What became of it. Only `committed` changed anything. */
export type Fate =
  & {
    /** Its id, if the request asked for that. */
    readonly transaction?: string;
  }
  & (
    | { readonly outcome: "committed"; readonly answer: unknown }
    | {
      readonly outcome: "aborted";
      /** Whether the same request may succeed later. */
      readonly retryable: boolean;
      readonly reason: "refused" | "timeout" | "requested";
      /** Why a participant said no, if one did. */
      readonly refusal?: Refusal;
    }
  );

/** Whether a body has the shape of a {@link TransactRequest}. */
export function isTransactRequest(body: unknown): body is TransactRequest {
  if (!isRecord(body) || !isIndex(body["answerShard"]) || !Array.isArray(body["shards"])) {
    return false;
  }
  if (!["2pc", "3pc", undefined].includes(body["protocol"] as string | undefined)) return false;
  if (body["priority"] !== undefined && !isIndex(body["priority"])) return false;
  if (!["boolean", "undefined"].includes(typeof body["named"])) return false;
  return body["shards"].every((part) =>
    isRecord(part) && isIndex(part["shard"]) && Array.isArray(part["operations"])
  );
}

/** Why a transaction cannot be begun at all. */
export type TransactProblem =
  | "emptyTransaction"
  | "repeatedShard"
  | "unknownShard"
  | "unknownAnswerShard";

/** What is wrong with a request, if anything. @param keepers how many shards somebody keeps */
export function transactProblem(
  { shards, answerShard }: TransactRequest,
  keepers: number,
): TransactProblem | undefined {
  const seen = new Set(shards.map(({ shard }) => shard));
  const empty = shards.length === 0 || shards.some(({ operations }) => operations.length === 0);
  if (empty) return "emptyTransaction";
  if (seen.size < shards.length) return "repeatedShard";
  if (shards.some(({ shard }) => shard >= keepers)) return "unknownShard";
  return seen.has(answerShard) ? undefined : "unknownAnswerShard";
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
