/**
 * Why a shard says no, and which of several noes the client is told.
 *
 * @module
 */
import type { Refusal } from "../../actors/ledger.ts";

/** Why a shard refuses. */
export type RefusalCode =
  | "duplicate"
  | "key_reused"
  | "unknown_subscriber"
  | "insufficient_funds"
  | "balance_limit"
  | "condition_failed"
  | "duplicate_imsi"
  | "duplicate_msisdn"
  | "same_account"
  | "unknown_session"
  | "expired_session"
  | "stale_read";

/** A refusal that repeating will not cure. */
export function refuse(code: RefusalCode, message: string): Refusal {
  return { code, message };
}

/** A refusal that planning anew may cure: what was read before has changed since. */
export function staleRead(message: string): Refusal {
  return { code: "stale_read", message: `Cannot go on: ${message}`, retryable: true };
}

/** There is no such number. */
export function unknownSubscriber(subscriber: string): Refusal {
  return refuse("unknown_subscriber", `Cannot find subscriber ${subscriber}`);
}

/**
 * Of the refusals of one transaction, the one to tell the client.
 *
 * The answering shard holds the idempotency key and has the last word: a repeated request finds its
 * own traces elsewhere (the SIM it took is in use), and only that shard knows that it is one. So
 * wait for its vote, even after others have said no, before telling a refusal that is final.
 *
 * @param answering The answering shard's refusal; `undefined` if it voted yes.
 * @param others Refusals of other shards; what may be retried comes before what may not.
 */
export function decidingRefusal(
  answering: Refusal | undefined,
  others: readonly Refusal[],
): Refusal | undefined {
  return answering ?? others.find(({ retryable }) => retryable === true) ?? others[0];
}
