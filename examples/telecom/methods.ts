/**
 * The parameters and results of the API's methods, as types: one line each.
 *
 * Money is integer cents; times are milliseconds since 1970; `subscriber` and `msisdn` are E.164
 * digits.
 *
 * @module
 */

/** What a write takes, by method. */
export type WriteParams = {
  "session.open": { readonly subscriber: string };
  "account.debit": Posting;
  "account.credit": Posting;
  "account.transfer": Transfer;
  "number.port": Port;
  "sim.provision": Provision;
};

/** What a read takes, by method. */
export type ReadParams = {
  "session.validate": { readonly session: string };
  "account.balance": { readonly subscriber: string };
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

/** What a look at transactions, or a decision about one, takes, by method. */
export type OperatorParams = {
  "transactions.list": Readonly<Record<never, never>>;
  "transactions.resolve": Resolve;
};

/** Parameters of `transactions.resolve`. */
export type Resolve = {
  readonly id: string;
  readonly decision: "commit" | "abort";
  readonly reason: string;
};

/** A method about transactions themselves. */
export type OperatorMethod = keyof OperatorParams;

/** A method that changes rows, through a transaction. */
export type WriteMethod = keyof WriteParams;

/** A method that only reads rows. */
export type ReadMethod = keyof ReadParams;

/** Every method of the API. */
export type MethodName = WriteMethod | ReadMethod | OperatorMethod | "rpc.discover";
