/**
 * The rows of the subscriber store: how they are named, what they hold, where they live.
 *
 * | row | value |
 * |---|---|
 * | `SS/account/<msisdn>` | {@linkcode Account} |
 * | `SS/imsi/<imsi>` | {@linkcode ImsiRow}, the index from SIM to number |
 * | `SS/session/<session>` | {@linkcode SessionRow} |
 * | `SS/key/<principal>/<key>` | {@linkcode KeyRow}, an idempotency key in use |
 * | `SS/contra` | cents, the account that debits and credits of the shard are posted against |
 *
 * `SS` is the shard in two digits, so that everything of one shard sorts, and moves, together.
 *
 * @module
 */
import type { Value } from "../../actors/ledger.ts";

/** How many shards subscribers hash to. */
export const SHARDS = 64;

/** The largest balance and the largest amount, in cents: 2^53 - 1. */
export const MAX_CENTS: number = Number.MAX_SAFE_INTEGER;

/** How long the answer to an idempotency key is kept: 24 hours, in milliseconds. */
export const KEY_LIFETIME_MS: number = 24 * 60 * 60 * 1000;

/** A subscriber, by number. */
export type Account = {
  /** The number: E.164 digits without the plus. */
  readonly msisdn: string;
  /** The SIM the number is on. */
  readonly imsi: string;
  /** How often the number was ported; left out as long as it never was. */
  readonly binding?: number;
  /** The edge node that caches the subscriber, such as `edge-2`. */
  readonly homeEdge: string;
  /** Integer cents, never negative, at most {@linkcode MAX_CENTS}. */
  readonly balance: number;
  /** Grows by one with every operation on the account; 1 when provisioned. */
  readonly version: number;
  /** The one state there is so far. */
  readonly state: "active";
};

/** Which number a SIM carries. */
export type ImsiRow = { readonly msisdn: string };

/** A session of a subscriber on one SIM. */
export type SessionRow = {
  readonly msisdn: string;
  /** The SIM that opened it: the session ends when the number moves to another. */
  readonly imsi: string;
  /** That of the account when it was opened: the session stays ended when the number comes back. */
  readonly binding?: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
};

/** The first use of an idempotency key. */
export type KeyRow = {
  /** Hash of the method and its arguments. */
  readonly hash: string;
  /** What the first request was answered. */
  readonly answer: Value;
  /** When it was first used, in milliseconds since 1970. */
  readonly at: number;
};

/**
 * The shard, 0 to 63, of a number or SIM: 32-bit FNV-1a of its characters, modulo 64.
 *
 * @param id Digits, or any other ASCII text.
 */
export function shardOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) {
    hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % SHARDS;
}

/** A shard as it stands in row keys: two digits. */
export function shardName(shard: number): string {
  return shard < 10 ? `0${shard}` : `${shard}`;
}

/** The shard a row key belongs to. */
export function shardOfKey(key: string): number {
  return Number(key.slice(0, 2));
}

/** The key of an account row. */
export function accountKey(msisdn: string): string {
  return `${shardName(shardOf(msisdn))}/account/${msisdn}`;
}

/** The key of a row in the SIM index. */
export function imsiKey(imsi: string): string {
  return `${shardName(shardOf(imsi))}/imsi/${imsi}`;
}

/** The key of a shard's contra account. */
export function contraKey(shard: number): string {
  return `${shardName(shard)}/contra`;
}

/** The key of an idempotency key's row: both parts are encoded, so neither can reach outside. */
export function claimKey(shard: number, principal: string, key: string): string {
  return `${shardName(shard)}/key/${encodeURIComponent(principal)}/${encodeURIComponent(key)}`;
}

/** The key of a session row, or `undefined` where the text cannot be a session of ours. */
export function sessionKey(session: string): string | undefined {
  return SESSION.test(session) ? `${session.slice(0, 2)}/session/${session}` : undefined;
}

/** Two digits below 64, a dash, 16 bytes in base64url. */
const SESSION = /^(?:[0-5]\d|6[0-3])-[A-Za-z0-9_-]{22}$/;

/**
 * A new session id. It starts with its subscriber's shard, so that it can be looked up alone.
 *
 * @param random 16 bytes from a cryptographic source: the id is the caller's only proof.
 * @throws {RangeError} If `random` is not 16 bytes.
 */
export function newSession(msisdn: string, random: Uint8Array): string {
  if (random.length !== 16) {
    throw new RangeError(`Cannot make a session: random must be 16 bytes, got ${random.length}`);
  }
  const base64 = btoa(String.fromCharCode(...random));
  const text = base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `${shardName(shardOf(msisdn))}-${text}`;
}

/**
 * The cache entry that holds all sessions of a number. What is kept of its account goes by the
 * number itself, and changes far more often.
 */
export function sessionsEntry(msisdn: string): string {
  return `${msisdn}/sessions`;
}

/** Whether a row has outlived its purpose and may be swept: an old session or idempotency key. */
export function isExpired(key: string, value: Value, nowMs: number): boolean {
  if (key.startsWith("/session/", 2)) return (value as SessionRow).expiresAt <= nowMs;
  if (key.startsWith("/key/", 2)) return nowMs - (value as KeyRow).at >= KEY_LIFETIME_MS;
  return false;
}

/** The number of the i-th built-in subscriber. */
export function seedMsisdn(i: number): string {
  return String(254_700_000_000 + i);
}

/** The SIM of the i-th built-in subscriber. */
export function seedImsi(i: number): string {
  return String(639_020_000_000_000 + i);
}

/**
 * The rows of the built-in subscribers that live on the given shards: accounts and SIM index.
 *
 * @param count How many subscribers there are in all, on whatever shard.
 * @param edges Names of the edge nodes: subscriber i is at home on the (i mod edges)-th, from 0.
 * @param initialBalance Cents of each.
 */
export function* seedSubscribers(
  shards: readonly number[],
  count: number,
  edges: readonly string[],
  initialBalance = 100_000,
): Generator<[key: string, value: Value], void, undefined> {
  const wanted = new Set(shards);
  for (let i = 0; i < count; i++) {
    const msisdn = seedMsisdn(i);
    const imsi = seedImsi(i);
    if (wanted.has(shardOf(msisdn))) {
      const homeEdge = edges[i % edges.length]!;
      const account: Account = {
        msisdn,
        imsi,
        homeEdge,
        balance: initialBalance,
        version: 1,
        state: "active",
      };
      yield [accountKey(msisdn), account];
    }
    if (wanted.has(shardOf(imsi))) yield [imsiKey(imsi), { msisdn }];
  }
}

/** All money in the given rows, in cents, accounts and contra accounts together. */
export function totalCents(rows: Iterable<readonly [key: string, value: Value]>): bigint {
  let total = 0n;
  for (const [key, value] of rows) {
    if (key.startsWith("/account/", 2)) total += BigInt((value as Account).balance);
    else if (key.startsWith("/contra", 2)) total += BigInt(value as number);
  }
  return total;
}
