/**
 * JSON-RPC 2.0, strictly: from the text of a body to its requests, and from answers to a body.
 *
 * Stricter than the standard in two ways: parameters go by name, and a number that would not come
 * back as it was sent cannot be an id.
 *
 * @module
 */
import { type ApiError, apiError } from "./api_errors.ts";
import type { Value } from "../../actors/ledger.ts";

/** The most requests a batch may have. */
export const BATCH_LIMIT = 100;

/** The most bytes a body may have, in UTF-8: 64 KiB. */
export const BODY_LIMIT_BYTES: number = 64 * 1024;

/** What a request may be known by. */
export type Id = string | number | null;

/** Parameters by name. */
export type Params = Readonly<Record<string, unknown>>;

/** One member of a body. */
export type Entry =
  /** A request: it must be answered. */
  | {
    readonly kind: "request";
    readonly id: Id;
    readonly method: string;
    readonly params: Params;
  }
  /** A notification: do it, answer nothing. */
  | { readonly kind: "notification"; readonly method: string; readonly params: Params }
  /** Neither: answer with the error. */
  | { readonly kind: "invalid"; readonly id: Id; readonly error: ApiError }
  /** A notification with parameters that no method takes: do nothing, answer nothing. */
  | { readonly kind: "ignored"; readonly error: ApiError };

/** A body that has been read. */
export interface Body {
  /** Whether the answers go into an array. */
  readonly batch: boolean;
  /** Its members, in order. */
  readonly entries: readonly Entry[];
}

/** An answer to one request. */
export type Response =
  | { readonly jsonrpc: "2.0"; readonly id: Id; readonly result: Value }
  | { readonly jsonrpc: "2.0"; readonly id: Id; readonly error: ApiError };

/** What became of one request. */
export type Result =
  | { readonly ok: true; readonly result: Value }
  | { readonly ok: false; readonly error: ApiError };

/** Read a body. Whatever is wrong with it becomes an entry with an error: this never throws. */
export function parseBody(text: string): Body {
  if (isTooLarge(text)) {
    const message = `The body is too large: at most ${BODY_LIMIT_BYTES} bytes are read`;
    return alone(apiError("body_too_large", message));
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return alone(apiError("parse_error"));
  }
  if (!Array.isArray(value)) return { batch: false, entries: [parseEntry(value)] };
  if (value.length === 0) {
    return alone(apiError("invalid_request", "A batch must not be empty", "empty_batch"));
  }
  if (value.length > BATCH_LIMIT) {
    const message = `The batch has ${value.length} requests: at most ${BATCH_LIMIT} are taken`;
    return alone(apiError("batch_too_large", message));
  }
  return { batch: true, entries: value.map(parseEntry) };
}

/** The one answer to a body that was too large to read, or could not be read. */
export function alone(error: ApiError): Body {
  return { batch: false, entries: [{ kind: "invalid", id: null, error }] };
}

/**
 * The answer to an entry; none for notifications.
 *
 * @param result What became of a request; not looked at for any other entry.
 */
export function responseTo(entry: Entry, result?: Result): Response | undefined {
  if (entry.kind === "invalid") return { jsonrpc: "2.0", id: entry.id, error: entry.error };
  if (entry.kind !== "request") return undefined;
  const { id } = entry;
  if (result === undefined) return { jsonrpc: "2.0", id, error: apiError("internal_error") };
  return result.ok
    ? { jsonrpc: "2.0", id, result: result.result ?? null }
    : { jsonrpc: "2.0", id, error: result.error };
}

/** The text to answer a body with; `undefined` where nothing is to be answered (HTTP 204). */
export function respond(
  batch: boolean,
  responses: readonly (Response | undefined)[],
): string | undefined {
  const told = responses.filter((response) => response !== undefined);
  const [first] = told;
  if (first === undefined) return undefined;
  return JSON.stringify(batch ? told : first);
}

function isTooLarge(text: string): boolean {
  if (text.length > BODY_LIMIT_BYTES) return true;
  if (text.length * 3 <= BODY_LIMIT_BYTES) return false; // No UTF-16 unit takes more than 3 bytes.
  return new TextEncoder().encode(text).length > BODY_LIMIT_BYTES;
}

function parseEntry(value: unknown): Entry {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return invalid(null, "A request must be an object", "not_an_object");
  }
  // Only the object's own members count, whatever it inherits or claims to.
  const member = (name: string) =>
    Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  const named = Object.hasOwn(value, "id");
  const id = member("id");
  if (named && !isId(id)) {
    return invalid(null, "id must be a string, a number that JSON keeps, or null", "id");
  }
  const known = named ? id as Id : null;
  if (member("jsonrpc") !== "2.0") return invalid(known, 'jsonrpc must be "2.0"', "jsonrpc");
  const method = member("method");
  if (typeof method !== "string") return invalid(known, "method must be a string", "method");
  const params = Object.hasOwn(value, "params") ? member("params") : {};
  if (typeof params !== "object" || params === null) {
    return invalid(known, "params must be an object", "params");
  }
  if (Array.isArray(params)) {
    const error = apiError("invalid_params", "params must be by name", "params_by_position");
    return named ? { kind: "invalid", id: known, error } : { kind: "ignored", error };
  }
  return named
    ? { kind: "request", id: known, method, params: params as Params }
    : { kind: "notification", method, params: params as Params };
}

function invalid(id: Id, message: string, reason: string): Entry {
  return { kind: "invalid", id, error: apiError("invalid_request", message, reason) };
}

function isId(value: unknown): value is Id {
  if (value === null || typeof value === "string") return true;
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  return !Number.isInteger(value) || Number.isSafeInteger(value);
}
