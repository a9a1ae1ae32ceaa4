/**
 * Drives traffic: sends what the traffic model asks for to the edges and keeps count of what comes
 * back.
 *
 * An open loop is honest about being late: an operation's time runs from when it was due, not from
 * when it was sent, and what could not be sent counts as failed.
 *
 * @module
 */
import { AskFailed } from "../../runtime/role.ts";
import { Histogram } from "../../runtime/histogram.ts";
import { apiErrors, type ErrorName } from "./api_errors.ts";
import { ClientNumbers, type History, type Return } from "./history.ts";
import { seedMsisdn } from "./rows.ts";
import type { TokenSource } from "./token_source.ts";
import { nextArrivalMs, type Random, type Traffic, type TrafficRequest } from "./traffic.ts";

/** A request as gateways take it from inside the process. */
export interface EdgeRequest {
  readonly body: string;
  readonly authorization: string;
}

/** What a driver needs. */
export interface DriverOptions {
  readonly traffic: Traffic;
  readonly random: Random;
  readonly tokens: Pick<TokenSource, "operator" | "subscriber">;
  /** Edge nodes; subscriber i is at home on the i-th, going round. */
  readonly edges: readonly string[];
  readonly isUp: (edge: string) => boolean;
  /** Sends to the gateway of an edge; resolves with the text of the answer, rejects without one. */
  readonly send: (edge: string, request: EdgeRequest) => Promise<unknown>;
  /** Requests a second, or as many as get answered. */
  readonly load: number | "max";
  readonly history?: History | undefined;
  /** Prefix of request ids, different for each run. */
  readonly prefix: string;
  /** Requests under way at once in an open loop; what is due beyond is not sent, and failed. */
  readonly limit?: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

/** What came of the traffic. */
export interface DriverFigures {
  readonly sent: number;
  readonly ok: number;
  readonly failed: number;
  /** Sent more than 100 ms after they were due. */
  readonly late: number;
  /** Due but not sent, because too many were under way; they count as sent and failed. */
  readonly shed: number;
  readonly open: number;
  readonly latency: Histogram;
  /** Latency of `session.validate` alone. */
  readonly validation: Histogram;
  /** Why requests failed, and how often. */
  readonly failures: ReadonlyMap<string, number>;
}

/** Requests under way in a closed loop. */
export const CLOSED_LOOP_CLIENTS = 64;

const OPEN_LIMIT = 1000;
const LATE_MS = 100;
const PAUSE_MS = 20;

/** Errors that answer the question; all others are failures. */
const ANSWERS: readonly ErrorName[] = [
  "insufficient_funds",
  "balance_limit",
  "unknown_subscriber",
  "duplicate_imsi",
  "duplicate_msisdn",
];
const ANSWER_CODES = new Set(ANSWERS.map((name) => apiErrors[name].code));
const NAMES = new Map(Object.entries(apiErrors).map(([name, { code }]) => [code, name]));
/** A subscriber is told as little of its own ended session as of another's: `forbidden`. */
const SESSION_GONE: ReadonlySet<number> = new Set([
  apiErrors.unknown_session.code,
  apiErrors.expired_session.code,
  apiErrors.forbidden.code,
]);

interface RpcError {
  readonly code: number;
  readonly data?: { readonly outcome?: string };
}

type Answer =
  | { readonly result: unknown }
  | { readonly error: RpcError }
  /** No answer: why not, and whether it may have had an effect. */
  | { readonly lost: string };

/** Sends traffic until it is stopped. */
export class TrafficDriver {
  readonly latency = new Histogram();
  readonly validation = new Histogram();
  readonly failures = new Map<string, number>();
  readonly #now: () => number;
  readonly #clients = new ClientNumbers();
  #sent = 0;
  #ok = 0;
  #failed = 0;
  #late = 0;
  #shed = 0;
  #open = 0;
  #next = 0;
  #turn = 0;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(private readonly options: DriverOptions) {
    this.#now = options.now ?? (() => performance.now());
  }

  /** Begins; a load of 0 does nothing. */
  start(): void {
    const { load, random } = this.options;
    if (load === 0) return;
    if (load === "max") {
      for (let i = 0; i < CLOSED_LOOP_CLIENTS; i++) void this.#loop();
      return;
    }
    this.#next = this.#now() + nextArrivalMs(random, load);
    this.#arrive(load);
  }

  /** Sends nothing more; resolves when all is answered or `graceMs` are over. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.#open === 0) return;
    this.#idle = Promise.withResolvers();
    const timer = setTimeout(this.#idle.resolve, graceMs);
    await this.#idle.promise;
    clearTimeout(timer);
  }

  /** The figures so far. What is still under way after a stop counts as failed. */
  figures(): DriverFigures {
    const lost = this.#stopped ? this.#open : 0;
    return {
      sent: this.#sent,
      ok: this.#ok,
      failed: this.#failed + lost,
      late: this.#late,
      shed: this.#shed,
      open: this.#open,
      latency: this.latency,
      validation: this.validation,
      failures: this.failures,
    };
  }

  /** Sends all that is due, and comes back when the next is. */
  #arrive(load: number): void {
    if (this.#stopped) return;
    const { random, limit = OPEN_LIMIT } = this.options;
    const now = this.#now();
    while (this.#next <= now) {
      const due = this.#next;
      this.#next += nextArrivalMs(random, load);
      if (now - due > LATE_MS) this.#late++;
      if (this.#open < limit) void this.#operate(due);
      else {
        this.#sent++;
        this.#shed++;
        this.#fail("not sent: too many under way");
      }
    }
    this.#timer = setTimeout(() => this.#arrive(load), Math.max(0, this.#next - this.#now()));
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      const answered = await this.#operate(this.#now());
      // Nobody is helped by asking at once again where nothing works.
      if (!answered) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** One operation from beginning to end; whether it was answered. */
  async #operate(due: number): Promise<boolean> {
    const { traffic, history, prefix } = this.options;
    const operation = traffic.nextOperation();
    const { method, params } = operation;
    const id = `${prefix}-${++this.#sent}`;
    const client = this.#clients.take();
    this.#open++;
    history?.invoke({ id, client, op: method, args: params });
    const answer = await this.#ask(operation, id);
    history?.return(id, told(answer));
    if (!isUnknown(answer)) this.#clients.giveBack(client);
    this.#open--;
    const answered = this.#count(operation, answer, this.#now() - due);
    if (this.#stopped && this.#open === 0) this.#idle?.resolve();
    return answered;
  }

  async #ask(operation: TrafficRequest, id: string): Promise<Answer> {
    const { tokens } = this.options;
    const { method, params, subscriber } = operation;
    try {
      const token = operation.as === "operator"
        ? await tokens.operator()
        : await tokens.subscriber(seedMsisdn(subscriber));
      const body = JSON.stringify({ jsonrpc: "2.0", id, method, params });
      return await this.#send(subscriber, { body, authorization: `Bearer ${token}` });
    } catch (error) {
      return { lost: error instanceof AskFailed ? error.reason : (error as Error).message };
    }
  }

  /** To the home edge, or, while that is down, to others in turn. */
  async #send(subscriber: number, request: EdgeRequest): Promise<Answer> {
    const { edges, isUp, send } = this.options;
    const home = edges[subscriber % edges.length]!;
    const others = edges.filter((edge) => edge !== home && isUp(edge));
    const other = others[this.#turn++ % Math.max(1, others.length)];
    const first = isUp(home) ? home : other ?? home;
    try {
      return read(await send(first, request));
    } catch (error) {
      // It never left: another edge may take it.
      const unsent = error instanceof AskFailed && error.reason === "unreachable";
      if (!unsent || other === undefined || other === first) throw error;
      return read(await send(other, request));
    }
  }

  #count({ method, subscriber }: TrafficRequest, answer: Answer, ms: number): boolean {
    const { traffic } = this.options;
    if ("lost" in answer) return this.#fail(answer.lost);
    if ("error" in answer) {
      const { code } = answer.error;
      const gone = method === "session.validate" && SESSION_GONE.has(code);
      if (gone) traffic.setSession(subscriber, undefined);
      if (!gone && !ANSWER_CODES.has(code)) return this.#fail(NAMES.get(code) ?? `error ${code}`);
    } else if (method === "session.open") {
      const { session } = answer.result as { readonly session: string };
      traffic.setSession(subscriber, session);
    } else if (method === "number.port") traffic.setSession(subscriber, undefined);
    this.#ok++;
    this.latency.record(ms);
    if (method === "session.validate") this.validation.record(ms);
    return true;
  }

  #fail(reason: string): boolean {
    this.#failed++;
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
    return false;
  }
}

function read(answer: unknown): Answer {
  if (typeof answer !== "string") return { lost: "no answer" };
  const { result, error } = JSON.parse(answer) as { result?: unknown; error?: RpcError };
  return error === undefined ? { result } : { error };
}

function told(answer: Answer): Return {
  if (!("lost" in answer)) return answer;
  return { error: { message: answer.lost, data: { outcome: "unknown" } } };
}

function isUnknown(answer: Answer): boolean {
  return "lost" in answer || ("error" in answer && answer.error.data?.outcome === "unknown");
}
