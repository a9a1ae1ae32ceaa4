/**
 * Every error the API answers with, in one table.
 *
 * `data.outcome` tells a client what became of a write: `none`, nothing was changed; `unknown`, it
 * may or may not have been: ask again with the same idempotency key. `data.retryable` tells whether
 * the same request may succeed later. `data.reason` says more precisely what was wrong, as a word.
 *
 * @module
 */
import type { Refusal } from "../../actors/ledger.ts";

/** What is known of the effect of a request that failed. */
export type Outcome = "none" | "unknown";

/** A kind of error. */
export interface ErrorKind {
  /** The JSON-RPC error code. */
  readonly code: number;
  /** What it says unless there is more to say. */
  readonly message: string;
  /** What is known of the effect. */
  readonly outcome: Outcome;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
}

function none(code: number, message: string): ErrorKind {
  return { code, message, outcome: "none", retryable: false };
}

function retry(code: number, message: string): ErrorKind {
  return { code, message, outcome: "none", retryable: true };
}

/** The name of an error. */
export type ErrorName =
  | "parse_error"
  | "invalid_request"
  | "method_not_found"
  | "invalid_params"
  | "internal_error"
  | "unauthenticated"
  | "forbidden"
  | "key_reused"
  | "unknown_subscriber"
  | "insufficient_funds"
  | "protocol_refused"
  | "duplicate_imsi"
  | "duplicate_msisdn"
  | "unknown_session"
  | "expired_session"
  | "timeout"
  | "overloaded"
  | "unavailable"
  | "conflict"
  | "balance_limit"
  | "body_too_large"
  | "batch_too_large"
  | "condition_failed"
  | "decision_known"
  | "not_in_doubt"
  | "depends_on_others"
  | "order_refused";

/** The table: every error by name. */
export const apiErrors: { readonly [N in ErrorName]: ErrorKind } = {
  parse_error: none(-32700, "The body is not JSON"),
  invalid_request: none(-32600, "The JSON is not a JSON-RPC 2.0 request"),
  method_not_found: none(-32601, "There is no such method"),
  invalid_params: none(-32602, "The parameters are not what the method takes"),
  internal_error: {
    code: -32603,
    message: "The server failed",
    outcome: "unknown",
    retryable: true,
  },
  unauthenticated: none(-32001, "The request carries no valid token"),
  forbidden: none(-32002, "The token does not allow this"),
  key_reused: none(-32003, "The idempotency key was used with other arguments"),
  unknown_subscriber: none(-32004, "There is no such subscriber"),
  insufficient_funds: none(-32005, "The balance is too low"),
  duplicate_imsi: none(-32006, "The SIM is in use"),
  duplicate_msisdn: none(-32007, "The number is in use"),
  unknown_session: none(-32008, "There is no such session"),
  expired_session: none(-32009, "The session has ended"),
  timeout: {
    code: -32010,
    message: "The outcome was not known in time",
    outcome: "unknown",
    retryable: true,
  },
  overloaded: retry(-32011, "The server has too much to do"),
  unavailable: retry(-32012, "A node that is needed cannot be reached"),
  conflict: retry(-32013, "Other transactions held the same rows for too long"),
  balance_limit: none(-32014, "The balance would be too large"),
  body_too_large: none(-32015, "The body is too large"),
  batch_too_large: none(-32016, "The batch has too many requests"),
  condition_failed: none(-32017, "A balance is not what the request demands"),
  protocol_refused: none(-32018, "The transaction may not be decided by three-phase commit"),
  decision_known: none(-32019, "The decision is known, or is being made"),
  not_in_doubt: none(-32020, "The transaction is not in doubt"),
  depends_on_others: none(-32021, "Others that are not decided must be resolved first"),
  order_refused: none(-32022, "The group that orders the configuration has refused"),
};

/** An error as it goes to a client. */
export type ApiError = {
  readonly code: number;
  readonly message: string;
  readonly data: {
    readonly outcome: Outcome;
    readonly retryable: boolean;
    readonly reason: string;
    /** With `overloaded`: how long to wait before trying again, in milliseconds. */
    readonly retryAfterMs?: number;
  };
};

/**
 * Make an error of a kind.
 *
 * @param message A sentence for people, where there is more to say than the kind does.
 * @param reason A word for programs, where there is more to say than the kind's name does.
 */
export function apiError(name: ErrorName, message?: string, reason: string = name): ApiError {
  const kind = apiErrors[name];
  const { code, outcome, retryable } = kind;
  return { code, message: message ?? kind.message, data: { outcome, retryable, reason } };
}

/** The error of a server that has too much to do, with when to come back. */
export function overloaded(retryAfterMs: number, reason: string = "overloaded"): ApiError {
  const { code, data } = apiError("overloaded", undefined, reason);
  const message = `The server has too much to do: retry after ${retryAfterMs} ms`;
  return { code, message, data: { ...data, retryAfterMs } };
}

/** Whether a word is an error's name. */
export function isErrorName(name: string): name is ErrorName {
  return Object.hasOwn(apiErrors, name);
}

/**
 * The error for a refusal. A `duplicate` is none: answer with the refusal's `answer`. What may be
 * retried was, until the retries ran out: that is a `conflict`.
 */
export function errorOfRefusal(refusal: Refusal): ApiError {
  const { code, message, retryable } = refusal;
  if (retryable === true) return apiError("conflict", message, code);
  if (code === "same_account") return apiError("invalid_params", message, code);
  return isErrorName(code)
    ? apiError(code, message)
    : apiError("internal_error", undefined, "unknown_refusal");
}
