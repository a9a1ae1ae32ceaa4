/**
 * The API: one table of methods, and the rules that come with it.
 *
 * | method | parameters | result | who |
 * |---|---|---|---|
 * | `session.open` | subscriber | session | own, operator |
 * | `session.validate` | session | session, subscriber, valid, expiresAt | own, operator |
 * | `account.balance` | subscriber | subscriber, balance, version | own, operator |
 * | `account.debit` | subscriber, amount, idempotencyKey | as above | own, operator |
 * | `account.credit` | subscriber, amount, idempotencyKey | as above | operator |
 * | `account.transfer` | from, to, amount, idempotencyKey | from, to, amount, balance, version | own `from`, operator |
 * | `account.batch` | operations, idempotencyKey | subscriber, balance, version | operator |
 * | `account.balances` | subscribers | accounts | operator |
 * | `number.port` | msisdn, toImsi, idempotencyKey | msisdn, imsi, version | operator |
 * | `sim.provision` | imsi, msisdn, balance, idempotencyKey | msisdn, imsi, balance, version | operator |
 * | `subscriber.get` | msisdn or imsi | msisdn, imsi, homeEdge, balance, version | own, operator |
 * | `fault.exit` | role | done | operator |
 * | `fault.partition`, `fault.heal` | links: from, to | done | operator |
 * | `fault.degrade` | links: from, to; loss, delayMs | done | operator |
 * | `fault.crash`, `.restart`, `.load`, `.behave` | node; ms; behaviours | done | operator |
 * | `roster.list` | none | configuration, replicas | operator |
 * | `roster.handOver`, `.cancel`, `.set`, `.replace` | what changes | epoch | operator |
 * | `transactions.list` | none | transactions, heuristics, silent | operator |
 * | `transactions.resolve` | id, decision, reason | id, decision, participants | operator |
 * | `rpc.discover` | none | this table as an OpenRPC document | anyone |
 *
 * Faults are refused unless the cluster was started with `--faults`.
 *
 * @module
 */
import * as v from "valibot";
import { type ApiError, apiError, type ErrorName } from "./api_errors.ts";
import type {
  Adjustment,
  FaultMethod,
  FaultParams,
  MethodName,
  OperatorMethod,
  OperatorParams,
  ReadMethod,
  ReadParams,
  WriteMethod,
  WriteParams,
} from "./methods.ts";
import { operatorMethods } from "./operator_methods.ts";
import {
  also,
  amount,
  anyObject,
  balance,
  bounds,
  change,
  idempotencyKey,
  imsi,
  instant,
  list,
  msisdn,
  node,
  object,
  oneOf,
  session,
  type Shape,
  version,
  yes,
} from "./schemas.ts";

/** Who may ask. */
export type Role = "subscriber" | "operator";

/** Who asks: what a verified token says. */
export interface Caller {
  /** What the caller is. */
  readonly role: Role;
  /** A subscriber's own number. */
  readonly msisdn?: string;
}

/** A method of the API. */
export interface Method {
  /** What it does, in a sentence. */
  readonly summary: string;
  /**
   * `read` looks rows up; `write` runs a transaction; `fault` breaks something on purpose;
   * `operator` is about transactions; `local` is answered by the gateway.
   */
  readonly kind: "read" | "write" | "fault" | "operator" | "local";
  /** What it takes. */
  readonly params: Shape;
  /** What it gives. */
  readonly result: Shape;
  /** Roles that may call it; none means that no token is needed. */
  readonly roles: readonly Role[];
  /**
   * The name under which a subscriber's own number must stand: in the parameters if it is there,
   * else in the result, which `authorizeResult` then checks.
   */
  readonly own?: string;
  /** Errors of its own, besides those that any method may answer with. */
  readonly errors: readonly ErrorName[];
}

/** Accounts that one request may name. */
const MOST_ACCOUNTS = 64;

const both: readonly Role[] = ["subscriber", "operator"];
const operator: readonly Role[] = ["operator"];
const posting = object({ subscriber: msisdn, amount, idempotencyKey });
const account = object({ subscriber: msisdn, balance, version });
const adjustment = object(
  { subscriber: msisdn, change },
  { before: bounds, after: bounds },
);

/** Whether each name comes once. */
function unique(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

/** The table: every method by name. */
export const methods: { readonly [M in MethodName]: Method } = {
  "session.open": {
    summary: "Open a session for a subscriber",
    kind: "write",
    params: object({ subscriber: msisdn }),
    result: object({ session }),
    roles: both,
    own: "subscriber",
    errors: ["unknown_subscriber"],
  },
  "session.validate": {
    summary: "Check a session; the edge answers from its cache where it can",
    kind: "read",
    params: object({ session }),
    result: object({ session, subscriber: msisdn, valid: yes, expiresAt: instant }),
    roles: both,
    own: "subscriber",
    errors: ["unknown_session", "expired_session"],
  },
  "account.balance": {
    summary: "Read a balance, as of the last transaction that was answered, or later",
    kind: "read",
    params: object({ subscriber: msisdn }),
    result: account,
    roles: both,
    own: "subscriber",
    errors: ["unknown_subscriber"],
  },
  "account.debit": {
    summary: "Take cents from an account",
    kind: "write",
    params: posting,
    result: account,
    roles: both,
    own: "subscriber",
    errors: ["unknown_subscriber", "insufficient_funds", "key_reused"],
  },
  "account.credit": {
    summary: "Add cents to an account",
    kind: "write",
    params: posting,
    result: account,
    roles: operator,
    errors: ["unknown_subscriber", "balance_limit", "key_reused"],
  },
  "account.transfer": {
    summary: "Move cents from one account to another; the balance answered is that of `from`",
    kind: "write",
    params: also(
      object({ from: msisdn, to: msisdn, amount, idempotencyKey }),
      ({ from, to }) => from !== to,
      "from and to must be two accounts",
    ),
    result: object({ from: msisdn, to: msisdn, amount, balance, version }),
    roles: both,
    own: "from",
    errors: ["unknown_subscriber", "insufficient_funds", "balance_limit", "key_reused"],
  },
  "account.batch": {
    summary: "Change several accounts at once, all or none, if the conditions on their balances " +
      "hold; the balance answered is the first one's",
    kind: "write",
    params: also(
      object({
        operations: list(adjustment, MOST_ACCOUNTS, "What to do, each account once"),
        idempotencyKey,
      }),
      ({ operations }) =>
        unique((operations as readonly Adjustment[]).map(({ subscriber }) => subscriber)),
      "operations must name each subscriber once",
    ),
    result: account,
    roles: operator,
    errors: [
      "unknown_subscriber",
      "insufficient_funds",
      "balance_limit",
      "condition_failed",
      "key_reused",
    ],
  },
  "account.balances": {
    summary: "Read several balances in one round: those of one store as of one moment, no older " +
      "than the last transaction that was answered; those of different stores as of different ones",
    kind: "read",
    params: also(
      object({ subscribers: list(msisdn, MOST_ACCOUNTS, "Whose, each once") }),
      ({ subscribers }) => unique(subscribers as readonly string[]),
      "subscribers must name each once",
    ),
    result: object({ accounts: list(account, MOST_ACCOUNTS, "In the order asked for") }),
    roles: operator,
    errors: ["unknown_subscriber"],
  },
  "number.port": {
    summary: "Move a number to another SIM; its sessions end",
    kind: "write",
    params: object({ msisdn, toImsi: imsi, idempotencyKey }),
    result: object({ msisdn, imsi, version }),
    roles: operator,
    errors: ["unknown_subscriber", "duplicate_imsi", "key_reused"],
  },
  "sim.provision": {
    summary: "Make a new subscriber, number, SIM and account: all or nothing",
    kind: "write",
    params: object({ imsi, msisdn, balance, idempotencyKey }),
    result: object({ msisdn, imsi, balance, version }),
    roles: operator,
    errors: ["duplicate_imsi", "duplicate_msisdn", "balance_limit", "key_reused"],
  },
  "subscriber.get": {
    summary: "Read a subscriber, by number or by SIM",
    kind: "read",
    params: oneOf({ msisdn, imsi }),
    result: object({ msisdn, imsi, homeEdge: node, balance, version }),
    roles: both,
    own: "msisdn",
    errors: ["unknown_subscriber"],
  },
  ...operatorMethods,
  "rpc.discover": {
    summary: "This API, as an OpenRPC document",
    kind: "local",
    params: object({}),
    result: anyObject,
    roles: [],
    errors: [],
  },
};

/** A request whose method exists and whose parameters have been checked. */
export type Call =
  | { [M in WriteMethod]: CallOf<M, "write", WriteParams[M]> }[WriteMethod]
  | { [M in ReadMethod]: CallOf<M, "read", ReadParams[M]> }[ReadMethod]
  | { [M in FaultMethod]: CallOf<M, "fault", FaultParams[M]> }[FaultMethod]
  | { [M in OperatorMethod]: CallOf<M, "operator", OperatorParams[M]> }[OperatorMethod]
  | CallOf<"rpc.discover", "local", Readonly<Record<never, never>>>;

/** One method's request. */
export type CallOf<M extends MethodName, K extends Method["kind"], P> = {
  readonly method: M;
  readonly kind: K;
  readonly params: P;
};

/** Whether a name is a method's. */
export function isMethod(name: string): name is MethodName {
  return Object.hasOwn(methods, name);
}

/** Check a request's method and parameters. */
export function checkCall(
  name: string,
  params: unknown,
): { readonly ok: true; readonly call: Call } | { readonly ok: false; readonly error: ApiError } {
  if (!isMethod(name)) {
    const message = `There is no method ${JSON.stringify(name.slice(0, 64))}: see rpc.discover`;
    return { ok: false, error: apiError("method_not_found", message) };
  }
  const method = methods[name];
  const parsed = v.safeParse(method.params.schema, params);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const where = (v.getDotPath(issue) ?? "params").slice(0, 64);
    const message = `Cannot call ${name}: ${where} ${issue.message.slice(0, 256)}`;
    return { ok: false, error: apiError("invalid_params", message) };
  }
  const call = { method: name, kind: method.kind, params: parsed.output } as unknown as Call;
  return { ok: true, call };
}

/**
 * Whether the caller may make the call: the error, or `undefined`. Subscribers reach only their own
 * data. For a call that names its subject only in the result, ask `authorizeResult` as well.
 */
export function authorize(call: Call, caller: Caller | undefined): ApiError | undefined {
  const { roles, own } = methods[call.method];
  if (roles.length === 0) return undefined;
  if (caller === undefined) return apiError("unauthenticated", undefined, "token_missing");
  if (!roles.includes(caller.role)) {
    return apiError("forbidden", `${call.method} is for the ${roles.join(" or ")}`, "role");
  }
  const subject = own === undefined ? undefined : ownNumber(call.params, own);
  return subject === undefined ? undefined : checkOwn(subject, caller);
}

/**
 * Whether the caller may see the result: the error, or `undefined`. Give `undefined` for a result
 * where nothing was found: a subscriber is then told no more than where it is another's.
 */
export function authorizeResult(
  call: Call,
  result: { readonly [name: string]: unknown } | undefined,
  caller: Caller,
): ApiError | undefined {
  const { own, kind } = methods[call.method];
  if (kind !== "read" || own === undefined || ownNumber(call.params, own) !== undefined) {
    return undefined;
  }
  return checkOwn(result === undefined ? undefined : ownNumber(result, own), caller);
}

function ownNumber(value: object, name: string): string | undefined {
  return Object.hasOwn(value, name) ? (value as Record<string, string>)[name] : undefined;
}

function checkOwn(subject: string | undefined, caller: Caller): ApiError | undefined {
  if (caller.role === "operator") return undefined;
  if (subject !== undefined && subject === caller.msisdn) return undefined;
  return apiError("forbidden", "A subscriber reaches only its own data", "not_own_data");
}
