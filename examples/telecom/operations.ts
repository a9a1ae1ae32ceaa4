/**
 * What a cloud shard can be asked to do inside a transaction.
 *
 * | operation | at the shard of | what it does |
 * |---|---|---|
 * | `claim-key` | the first account | takes an idempotency key, or finds the first answer |
 * | `debit`, `credit` | the account | moves cents between the account and the shard's contra |
 * | `adjust` | the account | either of them, or neither, if the balance is within bounds |
 * | `transfer-out`, `transfer-in` | each account | the two halves of one transfer |
 * | `provision-account` | the new number | a new account, its balance taken from the contra |
 * | `port-account` | the number | puts the number on another SIM |
 * | `assign-imsi` | the SIM | gives a free SIM to a number |
 * | `release-imsi` | the SIM | frees a SIM |
 * | `open-session` | the account | a new session row |
 *
 * @module
 */
import * as v from "valibot";
import type { Bounds } from "./methods.ts";
import { MAX_CENTS, shardOf } from "./rows.ts";

/** One step of a transaction at one shard. Amounts are integer cents. */
export type Operation =
  | {
    readonly op: "claim-key";
    /** The first account, whose shard keeps the key. */
    readonly msisdn: string;
    readonly principal: string;
    readonly key: string;
    readonly hash: string;
  }
  | { readonly op: "debit"; readonly msisdn: string; readonly amount: number }
  | { readonly op: "credit"; readonly msisdn: string; readonly amount: number }
  | {
    readonly op: "adjust";
    readonly msisdn: string;
    /** Cents to add, or to take where negative; 0 only looks. */
    readonly change: number;
    readonly before?: Bounds;
    readonly after?: Bounds;
  }
  | {
    readonly op: "transfer-out";
    readonly msisdn: string;
    readonly to: string;
    readonly amount: number;
  }
  | {
    readonly op: "transfer-in";
    readonly msisdn: string;
    readonly from: string;
    readonly amount: number;
  }
  | {
    readonly op: "provision-account";
    readonly msisdn: string;
    readonly imsi: string;
    readonly homeEdge: string;
    readonly balance: number;
  }
  | {
    readonly op: "port-account";
    readonly msisdn: string;
    readonly fromImsi: string;
    readonly toImsi: string;
  }
  | { readonly op: "assign-imsi"; readonly imsi: string; readonly msisdn: string }
  | { readonly op: "release-imsi"; readonly imsi: string; readonly msisdn: string }
  | {
    readonly op: "open-session";
    readonly msisdn: string;
    readonly session: string;
    readonly expiresAt: number;
  };

/** The shard that an operation belongs to. */
export function shardOfOperation(operation: Operation): number {
  const bySim = operation.op === "assign-imsi" || operation.op === "release-imsi";
  return shardOf(bySim ? operation.imsi : operation.msisdn);
}

const digits = v.pipe(v.string(), v.regex(/^\d{8,15}$/));
const text = v.pipe(v.string(), v.regex(/^[\x20-\x7e]{1,128}$/));
const amount = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_CENTS));
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const bounds = v.strictObject({
  min: v.exactOptional(v.pipe(whole, v.maxValue(MAX_CENTS))),
  max: v.exactOptional(v.pipe(whole, v.maxValue(MAX_CENTS))),
});

const operationsSchema = v.array(v.variant("op", [
  v.strictObject({
    op: v.literal("claim-key"),
    msisdn: digits,
    principal: text,
    key: text,
    hash: text,
  }),
  v.strictObject({ op: v.picklist(["debit", "credit"]), msisdn: digits, amount }),
  v.strictObject({
    op: v.literal("adjust"),
    msisdn: digits,
    change: v.pipe(v.number(), v.safeInteger()),
    before: v.exactOptional(bounds),
    after: v.exactOptional(bounds),
  }),
  v.strictObject({ op: v.literal("transfer-out"), msisdn: digits, to: digits, amount }),
  v.strictObject({ op: v.literal("transfer-in"), msisdn: digits, from: digits, amount }),
  v.strictObject({
    op: v.literal("provision-account"),
    msisdn: digits,
    imsi: digits,
    homeEdge: text,
    balance: whole,
  }),
  v.strictObject({
    op: v.literal("port-account"),
    msisdn: digits,
    fromImsi: digits,
    toImsi: digits,
  }),
  v.strictObject({
    op: v.picklist(["assign-imsi", "release-imsi"]),
    imsi: digits,
    msisdn: digits,
  }),
  v.strictObject({
    op: v.literal("open-session"),
    msisdn: digits,
    session: v.pipe(v.string(), v.regex(/^\d\d-[A-Za-z0-9_-]{22}$/)),
    expiresAt: whole,
  }),
]));

/**
 * Check operations that came from another node.
 *
 * @param shard The shard that was asked: operations of other shards are refused.
 * @returns The operations, or a sentence that says what is wrong with them.
 */
export function parseOperations(value: unknown, shard: number): readonly Operation[] | string {
  const parsed = v.safeParse(operationsSchema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return `Cannot read the operations: ${v.getDotPath(issue) ?? "all"}: ${issue.message}`;
  }
  const operations = parsed.output as readonly Operation[];
  const stray = operations.find((operation) => shardOfOperation(operation) !== shard);
  if (stray === undefined) return operations;
  return `Cannot execute ${stray.op} at shard ${shard}: it belongs to ${shardOfOperation(stray)}`;
}

const OVER_BALANCES = new Set([
  "debit",
  "credit",
  "transfer-out",
  "transfer-in",
  "provision-account",
]);

/** Whether an operation changes a balance, so that its transaction must never be decided twice. */
export function isOverBalances({ op }: Operation): boolean {
  return OVER_BALANCES.has(op);
}
