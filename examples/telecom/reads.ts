/**
 * The reads of the API: which rows they need, and what they answer.
 *
 * A read may have to follow an index to another shard. So it is asked for keys again, with the rows
 * found so far, until it needs no more.
 *
 * @module
 */
import type { Refusal, Rows, Value } from "../../actors/ledger.ts";
import * as v from "valibot";
import { isMethod, methods } from "./api.ts";
import { refuse, staleRead, unknownSubscriber } from "./refusals.ts";
import type { ReadMethod, ReadParams } from "./methods.ts";
import {
  type Account,
  accountKey,
  imsiKey,
  type ImsiRow,
  sessionKey,
  type SessionRow,
} from "./rows.ts";

/** What a read comes to. */
export type ReadAnswer =
  | { readonly ok: true; readonly answer: { readonly [key: string]: Value } }
  | { readonly ok: false; readonly reason: Refusal };

/**
 * The keys still to be read, in any order, before `answerRead` can answer; none at the end.
 *
 * @param rows What has been read for this request so far; empty at first.
 */
export function readKeys<M extends ReadMethod>(
  _method: M,
  params: ReadParams[M],
  rows: Rows = new Map(),
): readonly string[] {
  if ("subscribers" in params) {
    return params.subscribers.map(accountKey).filter((key) => !rows.has(key));
  }
  const pointer = pointerKey(params);
  if (pointer !== undefined && !rows.has(pointer)) return [pointer];
  const msisdn = numberOf(params, rows);
  if (msisdn === undefined) return [];
  const account = accountKey(msisdn);
  return rows.has(account) ? [] : [account];
}

/**
 * Answer a read from its rows.
 *
 * @param nowMs Milliseconds since 1970: a session is valid before its end.
 */
export function answerRead<M extends ReadMethod>(
  method: M,
  params: ReadParams[M],
  rows: Rows,
  nowMs: number,
): ReadAnswer {
  if ("session" in params) return answerSession(params.session, rows, nowMs);
  if ("subscribers" in params) return answerBalances(params.subscribers, rows);
  const msisdn = numberOf(params, rows);
  const account = msisdn === undefined ? undefined : accountOf(msisdn, rows);
  if (account === undefined) {
    const asked = "imsi" in params ? `with SIM ${params.imsi}` : msisdn ?? "";
    return { ok: false, reason: unknownSubscriber(asked) };
  }
  if ("imsi" in params && account.imsi !== params.imsi) {
    const reason = staleRead(`${account.msisdn} moved to another SIM while it was read`);
    return { ok: false, reason };
  }
  const { imsi, homeEdge, balance, version } = account;
  const answer = method === "account.balance"
    ? { subscriber: account.msisdn, balance, version }
    : { msisdn: account.msisdn, imsi, homeEdge, balance, version };
  return { ok: true, answer };
}

function answerBalances(subscribers: readonly string[], rows: Rows): ReadAnswer {
  const unknown = subscribers.find((msisdn) => accountOf(msisdn, rows) === undefined);
  if (unknown !== undefined) return { ok: false, reason: unknownSubscriber(unknown) };
  const accounts = subscribers.map((subscriber) => {
    const { balance, version } = accountOf(subscriber, rows)!;
    return { subscriber, balance, version };
  });
  return { ok: true, answer: { accounts } };
}

function answerSession(session: string, rows: Rows, nowMs: number): ReadAnswer {
  const key = sessionKey(session);
  const row = key === undefined ? undefined : rows.get(key) as SessionRow | null | undefined;
  if (row === undefined || row === null) {
    return { ok: false, reason: refuse("unknown_session", "Cannot find the session") };
  }
  if (row.expiresAt <= nowMs) {
    const ended = new Date(row.expiresAt).toISOString();
    return { ok: false, reason: refuse("expired_session", `The session ended at ${ended}`) };
  }
  const account = accountOf(row.msisdn, rows);
  if (account?.imsi !== row.imsi || (account.binding ?? 0) !== (row.binding ?? 0)) {
    const message = "The session ended when its number moved to another SIM";
    return { ok: false, reason: refuse("expired_session", message) };
  }
  const { msisdn: subscriber, expiresAt } = row;
  return { ok: true, answer: { session, subscriber, valid: true, expiresAt } };
}

/** A read as one node asks it of another. */
export type ReadQuery = {
  [M in ReadMethod]: { readonly method: M; readonly params: ReadParams[M] };
}[
  ReadMethod
];

/** Reads found to be well made: a participant asks about the same one several times. */
const checked = new WeakSet<object>();

/** Whether what came from another node is a read of the API. */
export function isReadQuery(value: unknown): value is ReadQuery {
  if (typeof value !== "object" || value === null) return false;
  if (checked.has(value)) return true;
  const { method, params } = value as { readonly method?: unknown; readonly params?: unknown };
  if (typeof method !== "string" || !isMethod(method)) return false;
  const { kind, params: { schema } } = methods[method];
  const read = kind === "read" && v.safeParse(schema, params).success;
  if (read) checked.add(value);
  return read;
}

/** A look at one idempotency key: what its first request was answered, if there was one. */
export type ClaimQuery = {
  /** The key of its row. */
  readonly claim: string;
};

/** Whether what came from another node is a look at an idempotency key. */
export function isClaimQuery(value: unknown): value is ClaimQuery {
  if (typeof value !== "object" || value === null) return false;
  const { claim } = value as { readonly claim?: unknown };
  return typeof claim === "string" && /^(?:[0-5]\d|6[0-3])\/key\//.test(claim);
}

/**
 * The cache entry that an edge may keep the answer under, its subscriber's: none where there is
 * nothing to keep. Every transaction on that subscriber asks the edge to hold it; what stays true
 * after a commit is for the edge to say.
 */
export function entryOf(params: AnyRead, rows: Rows): string | undefined {
  const msisdn = numberOf(params, rows);
  const account = msisdn === undefined ? undefined : accountOf(msisdn, rows);
  if (msisdn === undefined || account === undefined) return undefined;
  if ("imsi" in params && account.imsi !== params.imsi) return undefined;
  return msisdn;
}

/** What any read takes. */
export type AnyRead = ReadParams[ReadMethod];

/** The row that leads to the account, where the number is not given. */
function pointerKey(params: AnyRead): string | undefined {
  if ("session" in params) return sessionKey(params.session);
  if ("imsi" in params) return imsiKey(params.imsi);
  return undefined;
}

function numberOf(params: AnyRead, rows: Rows): string | undefined {
  if ("subscriber" in params) return params.subscriber;
  if ("msisdn" in params) return params.msisdn;
  const pointer = pointerKey(params);
  const row = pointer === undefined ? undefined : rows.get(pointer);
  return (row as ImsiRow | SessionRow | null | undefined)?.msisdn;
}

function accountOf(msisdn: string, rows: Rows): Account | undefined {
  return (rows.get(accountKey(msisdn)) ?? undefined) as Account | undefined;
}
