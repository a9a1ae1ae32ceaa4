/**
 * What clients asked for and were told, and what must follow from it.
 *
 * @module
 */
import type { Answer } from "../telecom/real_cluster.ts";
import { apiErrors, type ErrorName } from "../../examples/telecom/api_errors.ts";
import type { TrafficRequest } from "../../examples/telecom/traffic.ts";

/** A promise that was broken. Names are those of the simulator's invariants where it has them. */
export interface Violation {
  readonly invariant: string;
  readonly message: string;
}

/** A request of a client. */
export type Request = Pick<TrafficRequest, "method" | "params">;

/** What must be true of an account. */
export interface Account {
  balance: number;
  /** Grows by one with every change. */
  version: number;
  imsi: string;
  /** The highest version a client was told. */
  seen: number;
  /** Ports that were acknowledged. */
  ports: number;
  /** A port whose outcome is not known yet. */
  porting: boolean;
}

/** A session, and how many ports of its number came before it. */
export interface Session {
  readonly session: string;
  readonly msisdn: string;
  readonly ports: number;
}

/** What was known when a request was sent. */
export interface Before {
  readonly account: Readonly<Account> | undefined;
}

/** An operation that was acknowledged. */
export interface Acknowledged {
  readonly request: Request;
  readonly result: Readonly<Record<string, unknown>>;
}

/** What became of a request, for who sent it. */
export type Told = "acknowledged" | "refused" | "unknown";

/** Refusals that faults and a random load explain. */
const EXPECTED: ReadonlySet<number> = new Set(
  ([
    "insufficient_funds",
    "balance_limit",
    "timeout",
    "overloaded",
    "unavailable",
    "conflict",
    "unknown_session",
    "expired_session",
  ] satisfies ErrorName[]).map((name) => apiErrors[name].code),
);
/** Errors that say that there is no such session, or not any more. */
export const NO_SESSION: ReadonlySet<number> = new Set([
  apiErrors.unknown_session.code,
  apiErrors.expired_session.code,
]);

/** The book of one run. */
export class Book {
  readonly accounts = new Map<string, Account>();
  /** By idempotency key. */
  readonly acknowledged = new Map<string, Acknowledged>();
  /** Requests of which nothing may be there, since they were refused at once; by key, and how. */
  readonly refused = new Map<string, string>();
  /** Sent, and no answer that settles it: by key. */
  readonly unknown = new Map<string, Request>();
  readonly sessions = new Map<string, Session>();
  readonly violations: Violation[] = [];
  /** Requests by outcome; errors by name of their reason. */
  readonly outcomes: Record<string, number> = {};

  violate(invariant: string, message: string): void {
    this.violations.push({ invariant, message });
  }

  /** What a client must remember of the moment it sends; undefined: it must not send this now. */
  sent({ method, params }: Request): Before | undefined {
    const account = this.accounts.get(numberOf(params) ?? this.#sessionOf(params)?.msisdn ?? "");
    if (method === "number.port" && account !== undefined) {
      // Two ports at once would leave open which came last.
      if (account.porting) return undefined;
      account.porting = true;
    }
    return { account: account && { ...account } };
  }

  #sessionOf(params: object): Session | undefined {
    return "session" in params ? this.sessions.get(String(params.session)) : undefined;
  }

  /**
   * Takes an answer, or none.
   *
   * @param settled whether no attempt of before can still be under way: a refusal is final then
   */
  told(request: Request, before: Before, answer: Answer | undefined, settled: boolean): Told {
    const { result, error } = answer ?? {};
    this.#count(result !== undefined ? "acknowledged" : error?.data.reason ?? "no_answer");
    if (result !== undefined) {
      this.#acknowledge(request, before, result);
      return "acknowledged";
    }
    if (error !== undefined && !EXPECTED.has(error.code)) {
      this.violate("answers", `${describe(request)}: ${JSON.stringify(error)}`);
    }
    const key = keyOf(request);
    if (error?.data.outcome === "none") {
      if (NO_SESSION.has(error.code)) this.#sessionRefused(request, before);
      if (key === undefined || this.acknowledged.has(key)) return "refused";
      if (settled && !error.data.retryable) this.unknown.delete(key);
      if (!this.unknown.has(key)) {
        const at = new Date().toISOString().slice(11, 23);
        this.refused.set(key, `${describe(request)} at ${at}: ${JSON.stringify(error)}`);
        this.#settlePort(request);
        return "refused";
      }
      return "unknown";
    }
    if (key !== undefined && !this.acknowledged.has(key)) {
      this.refused.delete(key);
      this.unknown.set(key, request);
    }
    return "unknown";
  }

  #count(outcome: string): void {
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
  }

  #acknowledge(request: Request, before: Before, result: Acknowledged["result"]): void {
    const key = keyOf(request);
    if (key === undefined) return this.#answered(request, before, result);
    const known = this.acknowledged.get(key);
    if (known !== undefined) {
      if (!sameResult(known.result, result)) {
        const [was, is] = [known.result, result].map((value) => JSON.stringify(value));
        this.violate("exactly_once", `${describe(request)}: answered ${was}, then ${is}`);
      }
      return;
    }
    this.unknown.delete(key);
    this.refused.delete(key);
    this.acknowledged.set(key, { request, result });
    this.#apply(request as TrafficRequest, result);
    this.#saw(request, result);
  }

  /** What an acknowledged write does. */
  #apply({ method, params }: TrafficRequest, { imsi }: Acknowledged["result"]): void {
    const change = (msisdn: string, cents: number) => {
      const account = this.accounts.get(msisdn);
      if (account === undefined) return this.violate("answers", `${msisdn} was never provisioned`);
      account.balance += cents;
      account.version++;
    };
    switch (method) {
      case "account.debit":
        return change(params.subscriber, -params.amount);
      case "account.credit":
        return change(params.subscriber, params.amount);
      case "account.transfer":
        change(params.from, -params.amount);
        return change(params.to, params.amount);
      case "sim.provision": {
        const { msisdn, balance } = params;
        const none = { seen: 1, ports: 0, porting: false };
        this.accounts.set(msisdn, { balance, version: 1, imsi: String(imsi), ...none });
        return;
      }
      case "number.port": {
        change(params.msisdn, 0);
        const account = this.accounts.get(params.msisdn)!;
        account.imsi = params.toImsi;
        account.ports++;
        account.porting = false;
      }
    }
  }

  /** A request without a key was answered. */
  #answered(request: Request, before: Before, result: Acknowledged["result"]): void {
    const { params, method } = request;
    if (method === "session.open") {
      const msisdn = numberOf(params)!;
      const now = this.accounts.get(msisdn), was = before.account;
      // Opened while the number moved, it may be of either side.
      if (was?.porting || now?.porting || was?.ports !== now?.ports) return;
      const session = String(result["session"]);
      this.sessions.set(session, { session, msisdn, ports: now?.ports ?? 0 });
    } else if (method === "session.validate") {
      const session = this.#sessionOf(params);
      if (session === undefined || before.account === undefined) return;
      if (session.ports >= before.account.ports) return;
      this.violate("sessions_end", `${session.session} of ${session.msisdn} outlived a port`);
    } else {
      const { version } = result as { version?: number };
      const seen = before.account?.seen ?? 0;
      if (version !== undefined && version < seen) {
        this.violate("linear_reads", `${describe(request)}: version ${version} after ${seen}`);
      }
      this.#saw(request, result);
    }
  }

  #saw({ params }: Request, { version }: Acknowledged["result"]): void {
    const account = this.accounts.get(numberOf(params) ?? "");
    if (account !== undefined) account.seen = Math.max(account.seen, Number(version ?? 0));
  }

  #sessionRefused({ params }: Request, { account: was }: Before): void {
    const session = this.#sessionOf(params);
    const now = this.accounts.get(session?.msisdn ?? "");
    if (session === undefined || was === undefined || now === undefined) return;
    this.sessions.delete(session.session);
    if (was.porting || now.porting || session.ports !== now.ports) return;
    this.violate("acknowledged_durable", `session ${session.session} of ${session.msisdn} is gone`);
  }

  #settlePort({ method, params }: Request): void {
    const account = this.accounts.get(numberOf(params) ?? "");
    if (method === "number.port" && account !== undefined) account.porting = false;
  }
}

/** The idempotency key of a request, if it has one. */
export function keyOf({ params }: Request): string | undefined {
  return "idempotencyKey" in params ? params.idempotencyKey : undefined;
}

/** The number a request is about. */
function numberOf(params: Request["params"]): string | undefined {
  if ("from" in params) return params.from;
  if ("subscriber" in params) return params.subscriber;
  return "msisdn" in params ? params.msisdn : undefined;
}

/** Whether two results say the same, whatever the order of their fields. */
export function sameResult(a: object, b: object): boolean {
  const sorted = (value: object) => JSON.stringify(Object.entries(value).sort());
  return sorted(a) === sorted(b);
}

function describe({ method, params }: Request): string {
  return `${method} ${JSON.stringify(params)}`;
}
