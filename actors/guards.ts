/**
 * Shape checks for message bodies: a node trusts nothing that another one sends.
 *
 * @module
 */
import type { TransactionId } from "../protocols/two_phase_commit/messages.ts";

/** A plain object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A non-negative safe integer, and below `limit` if one is given. */
export function isIndex(value: unknown, limit: number = Infinity): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < limit;
}

/** An array of strings. */
export function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** A transaction id. */
export function isTransactionId(value: unknown): value is TransactionId {
  return isRecord(value) && typeof value["log"] === "string" && isIndex(value["sequence"]);
}

/** A body that names a transaction. */
export function hasId(
  body: unknown,
): body is Record<string, unknown> & { readonly id: TransactionId } {
  return isRecord(body) && isTransactionId(body["id"]);
}
