/**
 * From a write of the API to a transaction: which shards do what.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Operation, shardOfOperation } from "./operations.ts";
import type { WriteMethod, WriteParams } from "./methods.ts";
import type { Refusal, Value } from "../../actors/ledger.ts";
import { refuse } from "./refusals.ts";
import { sessionsEntry } from "./rows.ts";

/** A transaction to run. */
export interface Plan {
  /** What each shard is to do; the answering shard comes first. */
  readonly shards: readonly {
    readonly shard: number;
    readonly operations: readonly Operation[];
  }[];
  /** The shard whose answer the client gets, and which keeps the idempotency key. */
  readonly answerShard: number;
  /** Cache entries that will be stale once it commits: ask the edges that hold them to vote. */
  readonly entries: readonly string[];
}

/** What a plan needs to know beyond the request. */
export interface PlanContext {
  /** `number.port`: the SIM the number is on now, looked up by a read, checked under the lock. */
  readonly fromImsi?: string;
  /** `sim.provision`: the edge node the new subscriber will be at home on. */
  readonly homeEdge?: string;
  /** `session.open`: a new id, from `newSession`. */
  readonly session?: string;
  /** `session.open`: when the session ends, in milliseconds since 1970. */
  readonly expiresAt?: number;
}

/** Operations of all shards, the first account's first, and the entries they change. */
interface Draft {
  readonly operations: readonly Operation[];
  readonly entries: readonly string[];
}

const drafts: {
  readonly [M in WriteMethod]: (params: WriteParams[M], context: PlanContext) => Draft | Refusal;
} = {
  "account.debit": ({ subscriber: msisdn, amount }) => ({
    operations: [{ op: "debit", msisdn, amount }],
    entries: [msisdn],
  }),
  "account.credit": ({ subscriber: msisdn, amount }) => ({
    operations: [{ op: "credit", msisdn, amount }],
    entries: [msisdn],
  }),
  "account.transfer": ({ from, to, amount }) => {
    if (from === to) return refuse("same_account", `Cannot transfer from ${from} to itself`);
    return {
      operations: [
        { op: "transfer-out", msisdn: from, to, amount },
        { op: "transfer-in", msisdn: to, from, amount },
      ],
      entries: [from, to],
    };
  },
  "account.batch": ({ operations }) => ({
    operations: operations.map(({ subscriber: msisdn, ...rest }) => ({
      op: "adjust",
      msisdn,
      ...rest,
    })),
    entries: operations.map(({ subscriber }) => subscriber),
  }),
  "number.port": ({ msisdn, toImsi }, context) => {
    const fromImsi = needed(context.fromImsi, "number.port", "fromImsi");
    return {
      operations: [
        { op: "port-account", msisdn, fromImsi, toImsi },
        { op: "release-imsi", imsi: fromImsi, msisdn },
        { op: "assign-imsi", imsi: toImsi, msisdn },
      ],
      entries: [msisdn, sessionsEntry(msisdn)],
    };
  },
  "sim.provision": ({ msisdn, imsi, balance }, context) => {
    const homeEdge = needed(context.homeEdge, "sim.provision", "homeEdge");
    return {
      operations: [
        { op: "provision-account", msisdn, imsi, homeEdge, balance },
        { op: "assign-imsi", imsi, msisdn },
      ],
      entries: [msisdn],
    };
  },
  "session.open": ({ subscriber: msisdn }, context) => {
    const session = needed(context.session, "session.open", "session");
    const expiresAt = needed(context.expiresAt, "session.open", "expiresAt");
    return { operations: [{ op: "open-session", msisdn, session, expiresAt }], entries: [] };
  },
};

/**
 * Plan a write whose parameters have been checked.
 *
 * @param principal Who asks: idempotency keys are theirs alone.
 * @throws {TypeError} If the context lacks what the method needs.
 */
export function plan<M extends WriteMethod>(
  method: M,
  params: WriteParams[M],
  principal: { readonly subject: string },
  context: PlanContext = {},
): { readonly ok: true; readonly plan: Plan } | { readonly ok: false; readonly reason: Refusal } {
  const draft = drafts[method](params, context);
  if ("code" in draft) return { ok: false, reason: draft };
  const [first] = draft.operations;
  if (first === undefined) throw new TypeError(`Cannot plan ${method}: no operation`);
  const operations = [...draft.operations];
  if ("idempotencyKey" in params) {
    operations.unshift({
      op: "claim-key",
      msisdn: first.msisdn,
      principal: principal.subject,
      key: params.idempotencyKey,
      hash: argumentsHash(method, params),
    });
  }
  const byShard = new Map<number, Operation[]>();
  for (const operation of operations) {
    const shard = shardOfOperation(operation);
    const others = byShard.get(shard);
    if (others === undefined) byShard.set(shard, [operation]);
    else others.push(operation);
  }
  const shards = [...byShard].map(([shard, own]) => ({ shard, operations: own }));
  const answerShard = shardOfOperation(first);
  return { ok: true, plan: { shards, answerShard, entries: draft.entries } };
}

/**
 * SHA-256, in base64url, of a method and its arguments, the idempotency key left out. The order of
 * the arguments does not matter.
 */
export function argumentsHash(method: string, params: Readonly<Record<string, Value>>): string {
  const named = Object.entries(params).filter(([name]) => name !== "idempotencyKey");
  named.sort(([a], [b]) => a < b ? -1 : 1);
  return createHash("sha256").update(JSON.stringify([method, named])).digest("base64url");
}

function needed<T>(value: T | undefined, method: string, name: string): T {
  if (value !== undefined) return value;
  throw new TypeError(`Cannot plan ${method}: the context must have ${name}`);
}
