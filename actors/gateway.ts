/**
 * The gateway of an edge node: takes requests over HTTP or from other roles, answers from its
 * cache what it can, and asks a coordinator for the rest. What a request means is the
 * application's business.
 *
 * @module
 */
import type { Envelope } from "../runtime/codec.ts";
import { Histogram } from "../runtime/histogram.ts";
import {
  AskFailed,
  defineRole,
  type MessageHandler,
  type Role,
  type RoleDefinition,
  type Services,
} from "../runtime/role.ts";
import { aboutTransaction } from "./about.ts";
import { Caller, type CallPolicy, type CallResult } from "./caller.ts";
import { CoordinatorChoice } from "./coordinator_choice.ts";
import { EdgeCache } from "./edge_cache.ts";
import { isRecord, isStrings } from "./guards.ts";
import { type HttpAddress, serveHttp } from "./gateway_http.ts";
import { Once } from "./once.ts";
import type { ReadReply, ReadRequest } from "./reader.ts";
import { settles, type TransactRequest } from "./transact.ts";

/** Configuration of a gateway. Times in ms. */
export interface GatewayConfig {
  /** Coordinators to choose from. */
  readonly coordinators: readonly string[];
  /** All gateways by node name, for requests that name an edge. */
  readonly gateways: Readonly<Record<string, string>>;
  /** Where to listen; undefined for none. All gateways of a process share the port. */
  readonly http?: HttpAddress;
  /** Who answers for the whole cluster's health and metrics. */
  readonly overseer: string;
  /** How long a request may take. */
  readonly timeoutMs: number;
  /** How long a cache entry may be trusted. */
  readonly leaseMs: number;
  /** How far clocks may drift apart, in parts per million. */
  readonly driftPpm: number;
  /** Most entries kept. */
  readonly cacheEntries: number;
  /** Requests being worked on at once; more are refused. */
  readonly maxRequests: number;
  /** Handed to the application. */
  readonly application: unknown;
  /** Whether its node hears of a configuration that changes. Default false. */
  readonly roster?: boolean;
}

/** What an application makes of a gateway. */
export interface GatewayApplication {
  /** Answers one request body; undefined where nothing is to be answered. */
  respond(body: string, authorization: string | undefined): Promise<string | undefined> | string;
  /**
   * The answer to a request that is not taken at all (too large, or the gateway is too busy), or
   * whose outcome is not known in time.
   */
  refuse(reason: "tooLarge" | "overloaded" | "unavailable" | "timeout"): string;
  /** See `EdgeCacheOptions.survives`. */
  survives(entry: string, changed: readonly string[]): boolean;
  /** Most bytes of a body. */
  readonly bodyLimit: number;
  /** Figures for metrics. */
  stats(): Readonly<Record<string, unknown>>;
}

/** What the overseer of the cluster can be asked for. */
export type Oversee =
  | ("health" | "metrics" | "fault" | "transactions" | "resolve")
  | ("roster" | "reconfigure");

/** What a gateway does for its application. */
export interface Gateway {
  /** Those of the role. */
  readonly services: Services;
  /** Leased answers. */
  readonly cache: EdgeCache;
  /** Runs a transaction through some coordinator; asks another one if the first does not answer. */
  transact(request: TransactRequest, attempts: number): Promise<CallResult>;
  /**
   * Reads rows through some coordinator, from the keeper of a shard and at the same time from those
   * of other shards. Rows of one keeper are as of one moment at which no transaction that changes
   * them was undecided; those of different keepers are as of different moments.
   */
  read(
    shard: number,
    request: Omit<ReadRequest, "edge">,
    keep: boolean,
    also?: readonly number[],
  ): Promise<CallResult>;
  /** How long a client that is turned away had better wait, in ms. */
  readonly retryAfterMs: number;
  /** Asks who answers for the whole cluster. Rejects with `AskFailed`. */
  oversee(what: Oversee, body?: unknown): Promise<unknown>;
}

/** A request handed on by another gateway or a client in the process. */
interface Relayed {
  readonly body: string;
  readonly authorization?: string;
}

const LEAST_RETRY_MS = 100;
const OVERSEE_MS = 2000;
/** An order goes to each participant in doubt in turn, and each asks all others first. */
const RESOLVE_MS = 10_000;

/** Why a request that was handed on was certainly not begun. */
const NOT_BEGUN: ReadonlySet<string> = new Set(["unreachable", "full", "notServing"]);

/** Makes the role of a gateway for an application. */
export function gatewayRole(
  application: (gateway: Gateway, config: unknown) => GatewayApplication,
): RoleDefinition<GatewayConfig> {
  return defineRole({
    name: "gateway",
    create: (services, config) => new GatewayRole(services, config, application),
  });
}

class GatewayRole implements Role, Gateway {
  readonly cache: EdgeCache;
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly about = aboutTransaction;
  readonly #application: GatewayApplication;
  readonly #caller: Caller;
  readonly #latency = new Histogram();
  readonly #choice: CoordinatorChoice;
  readonly #once = new Once();
  #requests = 0;
  #refused = 0;
  #draining = false;
  #server: { shutdown(): Promise<void> } | undefined;

  constructor(
    readonly services: Services,
    private readonly config: GatewayConfig,
    application: (gateway: Gateway, config: unknown) => GatewayApplication,
  ) {
    const { coordinators, leaseMs, driftPpm, cacheEntries: capacity } = config;
    this.cache = new EdgeCache(services, {
      leaseMs,
      driftPpm,
      capacity,
      coordinators,
      survives: (entry, changed) => this.#application.survives(entry, changed),
    });
    this.#caller = new Caller(services);
    this.#choice = new CoordinatorChoice(services, coordinators, config.roster ?? false);
    this.#application = application(this, config.application);
    this.messages = {
      ...this.cache.messages,
      ...this.#choice.messages,
      request: { accepts: isRelayed, handle: (body: Relayed, e) => void this.#relayed(body, e) },
    };
  }

  serve(): void {
    this.#choice.serve();
    const { http, gateways } = this.config;
    if (http === undefined) return;
    this.#server = serveHttp({
      ...http,
      node: this.services.node,
      edges: Object.keys(gateways),
      bodyLimit: this.#application.bodyLimit,
      answer: (body, authorization) => this.answer(body, authorization),
      relay: (edge, body, authorization) => this.#relay(edge, body, authorization),
      refuse: (reason) => this.#application.refuse(reason),
      oversee: (what) => this.oversee(what),
    });
  }

  drain(): void {
    this.#draining = true;
  }

  drained(): boolean {
    return this.#requests === 0 && this.#caller.size === 0;
  }

  async stop(): Promise<void> {
    await this.#server?.shutdown();
  }

  stats(): Record<string, unknown> {
    return {
      ...this.#application.stats(),
      open: this.#requests,
      refused: this.#refused,
      latency: this.#latency.toJSON(),
      cacheEntries: this.cache.size,
      failedNodes: this.#choice.failed,
    };
  }

  /** Answers a body, counting and bounding the work under way. */
  answer(
    body: string,
    authorization: string | undefined,
  ): Promise<string | undefined> | string {
    if (this.#draining || this.#requests >= this.config.maxRequests) {
      this.#refused++;
      return this.#application.refuse(this.#draining ? "unavailable" : "overloaded");
    }
    const since = this.services.clock.now();
    const answer = this.#application.respond(body, authorization);
    if (typeof answer === "string") {
      this.#latency.record(this.services.clock.now() - since);
      return answer;
    }
    this.#requests++;
    return answer.finally(() => {
      this.#requests--;
      this.#latency.record(this.services.clock.now() - since);
    });
  }

  async #relayed({ body, authorization }: Relayed, envelope: Envelope): Promise<void> {
    if (!this.#once.first(envelope, this.services.clock.now())) return;
    const answer = await this.answer(body, authorization);
    this.services.reply(envelope, answer ?? null);
    this.services.wake();
  }

  async #relay(
    edge: string,
    body: string,
    authorization: string | undefined,
  ): Promise<string | undefined> {
    if (edge === this.services.node) return await this.answer(body, authorization);
    const message = authorization === undefined ? { body } : { body, authorization };
    const { gateways, timeoutMs } = this.config;
    try {
      const answer = await this.services.ask(gateways[edge]!, "request", message, timeoutMs + 500);
      return answer === null ? undefined : answer as string;
    } catch (error) {
      const begun = !(error instanceof AskFailed) || !NOT_BEGUN.has(error.reason);
      return this.#application.refuse(begun ? "timeout" : "unavailable");
    }
  }

  oversee(what: Oversee, body: unknown = null): Promise<unknown> {
    const timeoutMs = ["resolve", "reconfigure"].includes(what) ? RESOLVE_MS : OVERSEE_MS;
    return this.services.ask(this.config.overseer, what, body, timeoutMs);
  }

  /** What is under way now is over after about twice the median; the rest keeps clients apart. */
  get retryAfterMs(): number {
    const median = this.#latency.count === 0 ? 0 : this.#latency.percentile(0.5);
    const base = Math.min(Math.max(2 * median, LEAST_RETRY_MS), this.config.timeoutMs);
    return Math.round(base * (1 + this.services.random.next()));
  }

  // Coordinators -----------------------------------------------------------------------------

  transact(request: TransactRequest, attempts: number): Promise<CallResult> {
    const policy = this.#policy(attempts);
    const choose = this.#choice.chooser(request.answerShard);
    return this.#caller.call("transact", request, policy, choose, settles);
  }

  read(
    shard: number,
    request: Omit<ReadRequest, "edge">,
    keep: boolean,
    also: readonly number[] = [],
  ): Promise<CallResult> {
    const { address, incarnation } = this.services;
    const read: ReadRequest = keep ? { ...request, edge: { address, incarnation } } : request;
    const body = also.length === 0 ? { shard, read } : { shard, also, read };
    return this.#caller.call("read", body, this.#policy(3), this.#choice.chooser());
  }

  #policy(attempts: number): CallPolicy {
    const { timeoutMs } = this.config;
    // Half of the time for the first: a coordinator may have to wait out a lease.
    return { attemptMs: attempts > 1 ? timeoutMs / 2 : timeoutMs, deadlineMs: timeoutMs, attempts };
  }
}

function isRelayed(body: unknown): boolean {
  return isRecord(body) && typeof body["body"] === "string" &&
    (body["authorization"] === undefined || typeof body["authorization"] === "string");
}

/** Whether an answer is a participant's to a read. */
export function isReadReply(value: unknown): value is ReadReply {
  return isRecord(value) && Array.isArray(value["rows"]) && isStrings(value["missing"]);
}
