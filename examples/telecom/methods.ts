/**
 * The parameters and results of the API's methods, as types: one line each.
 *
 * Money is integer cents; times are milliseconds since 1970; `subscriber` and `msisdn` are E.164
 * digits.
 *
 * @module
 */

import type { Behaviour } from "../../actors/byzantine.ts";

/** What a write takes, by method. */
export type WriteParams = {
  "session.open": { readonly subscriber: string };
  "account.debit": Posting;
  "account.credit": Posting;
  "account.transfer": Transfer;
  "account.batch": Batch;
  "number.port": Port;
  "sim.provision": Provision;
};

/** What a read takes, by method. */
export type ReadParams = {
  "session.validate": { readonly session: string };
  "account.balance": { readonly subscriber: string };
  "account.balances": { readonly subscribers: readonly string[] };
  "subscriber.get": { readonly msisdn: string } | { readonly imsi: string };
};

/** Parameters of `account.debit` and `account.credit`. */
export type Posting = {
  readonly subscriber: string;
  readonly amount: number;
  readonly idempotencyKey: string;
};

/** Parameters of `account.transfer`. */
export type Transfer = {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  readonly idempotencyKey: string;
};

/** Parameters of `account.batch`. */
export type Batch = {
  readonly operations: readonly Adjustment[];
  readonly idempotencyKey: string;
};

/** One account of a batch. */
export type Adjustment = {
  readonly subscriber: string;
  /** Cents to add, or to take where it is negative; 0 only looks. */
  readonly change: number;
  /** What the balance must be before. */
  readonly before?: Bounds;
  /** What the balance must be after. */
  readonly after?: Bounds;
};

/** Cents at least and at most. */
export type Bounds = { readonly min?: number; readonly max?: number };

/** Parameters of `number.port`. */
export type Port = {
  readonly msisdn: string;
  readonly toImsi: string;
  readonly idempotencyKey: string;
};

/** Parameters of `sim.provision`. */
export type Provision = {
  readonly imsi: string;
  readonly msisdn: string;
  readonly balance: number;
  readonly idempotencyKey: string;
};

/** What an order of a fault takes, by method. */
export type FaultParams = {
  "fault.exit": { readonly role: string };
  "fault.partition": { readonly links: readonly Link[] };
  "fault.heal": { readonly links: readonly Link[] };
  "fault.degrade": {
    readonly links: readonly Link[];
    readonly loss?: number;
    readonly delayMs?: number;
  };
  "fault.crash": { readonly node: string };
  "fault.restart": { readonly node: string };
  "fault.load": { readonly node: string; readonly ms: number };
  "fault.behave": { readonly node: string; readonly behaviours: readonly Behaviour[] };
};

/** A link in one direction. */
export type Link = { readonly from: string; readonly to: string };

/** What a look at transactions or the roster, or a decision about them, takes, by method. */
export type OperatorParams = {
  "roster.list": Readonly<Record<never, never>>;
  "roster.handOver": { readonly from: string; readonly to: string };
  "roster.cancel": { readonly from: string };
  "roster.set": { readonly maxConcurrentTransactions: number };
  "roster.replace": { readonly node: string };
  "transactions.list": Readonly<Record<never, never>>;
  "transactions.resolve": Resolve;
};

/** Parameters of `transactions.resolve`. */
export type Resolve = {
  readonly id: string;
  readonly decision: "commit" | "abort";
  readonly reason: string;
};

/** A method about transactions themselves, or about who runs them. */
export type OperatorMethod = keyof OperatorParams;

/** A method that changes rows, through a transaction. */
export type WriteMethod = keyof WriteParams;

const MONEY = new Set<WriteMethod>([
  "account.debit",
  "account.credit",
  "account.transfer",
  "sim.provision",
]);

/** Whether a method changes balances. */
export function movesMoney(method: WriteMethod): boolean {
  return MONEY.has(method);
}

/** A method that only reads rows. */
export type ReadMethod = keyof ReadParams;

/** A method that breaks something on purpose. */
export type FaultMethod = keyof FaultParams;

/** Every method of the API. */
export type MethodName = WriteMethod | ReadMethod | FaultMethod | OperatorMethod | "rpc.discover";
