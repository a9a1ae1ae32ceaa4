/**
 * The API at a gateway: from the text of a body to the text of its answer.
 *
 * A request is checked, authenticated and authorised at the edge. A session that the edge has in
 * its cache is validated there; everything else goes to a core node.
 *
 * @module
 */
import { isReadReply } from "../../actors/gateway.ts";
import type { Gateway, GatewayApplication } from "../../actors/gateway.ts";
import type { Look } from "../../actors/edge_cache.ts";
import { isFate } from "../../actors/transact.ts";
import type { ReadReply } from "../../actors/reader.ts";
import { authorize, authorizeResult, type Call, checkCall } from "./api.ts";
import { apiError, errorOfRefusal, overloaded } from "./api_errors.ts";
import {
  answerRefused,
  callError,
  failure,
  firstShard,
  isLookup,
  orderFault,
  otherShards,
  priorityOf,
  readError,
  type WriteCall,
} from "./gateway_calls.ts";
import {
  alone,
  BODY_LIMIT_BYTES,
  type Entry,
  parseBody,
  respond,
  responseTo,
  type Result,
} from "./json_rpc.ts";
import type { Value } from "../../actors/ledger.ts";
import { operate } from "./gateway_operator.ts";
import { openRpcDocument } from "./openrpc.ts";
import { plan, type PlanContext } from "./plan.ts";
import type { Protocols } from "./profiles.ts";
import { answerRead, type ReadQuery } from "./reads.ts";
import { newSession, sessionKey, sessionsEntry } from "./rows.ts";
import { bearerToken, isAuthError, type Principal } from "./tokens.ts";
import { createVerifier, type Verifier } from "./token_verifier.ts";

/** What the application is configured with. */
export interface ApiConfig {
  /** Verifies tokens; a key survives being sent to a worker. */
  readonly publicKey: CryptoKey;
  /** Names of the edge nodes: where new subscribers are given a home. */
  readonly edges: readonly string[];
  /** How long a session lasts, in ms. */
  readonly sessionMs: number;
  /** Attempts of one write, each at another coordinator. */
  readonly attempts: number;
  /** How each method's transactions are decided; two-phase commit if not given. */
  readonly protocols?: Protocols;
}

/** Version of the API, for its OpenRPC document. */
export const API_VERSION = "1.0.0";

const TOKENS = 10_000;
/** How often a write is planned again because a row it was planned on has changed. */
const REPLANS = 4;
/** Renew a popular entry when less than this share of its lease is left. */
const RENEW_SHARE = 0.5;

type ReadCall = Extract<Call, { kind: "read" }>;

/** Makes the application of a gateway. */
export function telecomApi(gateway: Gateway, config: unknown): GatewayApplication {
  return new TelecomApi(gateway, config as ApiConfig);
}

class TelecomApi implements GatewayApplication {
  readonly bodyLimit = BODY_LIMIT_BYTES;
  readonly #verifier: Verifier;
  readonly #renewing = new Set<string>();
  #hits = 0;
  #misses = 0;
  #answered = 0;
  #errors = 0;

  constructor(private readonly gateway: Gateway, private readonly config: ApiConfig) {
    const { clock } = gateway.services;
    this.#verifier = createVerifier(config.publicKey, { now: () => clock.wall(), limit: TOKENS });
  }

  stats(): Readonly<Record<string, unknown>> {
    return {
      hits: this.#hits,
      misses: this.#misses,
      answered: this.#answered,
      errors: this.#errors,
    };
  }

  survives(entry: string, changed: readonly string[]): boolean {
    // What is kept of a subscriber are sessions, and only porting the number ends those.
    return !changed.includes(sessionsEntry(entry));
  }

  refuse(reason: "tooLarge" | "overloaded" | "unavailable" | "timeout"): string {
    const error = reason === "overloaded"
      ? overloaded(this.gateway.retryAfterMs)
      : apiError(reason === "tooLarge" ? "body_too_large" : reason);
    const entry = alone(error).entries[0]!;
    return respond(false, [responseTo(entry)])!;
  }

  respond(body: string, authorization: string | undefined): Promise<string | undefined> | string {
    const { batch, entries } = parseBody(body);
    const token = bearerToken(authorization);
    const principal = token === undefined ? undefined : this.#verifier.verifyCached(token);
    const [only] = entries;
    if (!batch && only?.kind === "request" && principal !== undefined) {
      const cached = this.#fromCache(only.method, only.params, principal);
      if (cached !== undefined) return respond(false, [responseTo(only, cached)])!;
    }
    return this.#respond(batch, entries, token);
  }

  async #respond(
    batch: boolean,
    entries: readonly Entry[],
    token: string | undefined,
  ): Promise<string | undefined> {
    const { services } = this.gateway;
    const caller = token === undefined
      ? undefined
      : await services.outside(this.#verifier.verify(token));
    const responses = await Promise.all(entries.map(async (entry) => {
      if (entry.kind !== "request" && entry.kind !== "notification") return responseTo(entry);
      const result = await this.#perform(entry.method, entry.params, caller).catch((error) => {
        this.gateway.services.log("failure", `${entry.method}: ${(error as Error).stack}`);
        return { ok: false, error: apiError("internal_error") } as const;
      });
      this.#answered++;
      if (!result.ok) this.#errors++;
      return responseTo(entry, result);
    }));
    return respond(batch, responses);
  }

  /** A session the edge knows, answered without a promise: this is the hot path. */
  #fromCache(
    method: string,
    params: Readonly<Record<string, unknown>>,
    principal: Principal,
  ): Result | undefined {
    if (method !== "session.validate") return undefined;
    const session = params["session"];
    for (const name in params) if (name !== "session") return undefined; // Refused elsewhere.
    if (typeof session !== "string") return undefined;
    const look = this.gateway.cache.look(session);
    return look.found === "answer" ? this.#hit(session, look, principal) : undefined;
  }

  #hit(
    session: string,
    look: Extract<Look, { found: "answer" }>,
    principal: Principal,
  ): Result | undefined {
    const answer = look.answer as SessionAnswer;
    if (answer.expiresAt <= this.gateway.services.clock.wall()) return undefined;
    if (principal.role !== "operator" && principal.msisdn !== answer.subscriber) return undefined;
    this.#hits++;
    this.#answered++;
    if (look.leftMs < RENEW_SHARE * this.gateway.cache.leaseMs) this.#renew(session);
    return { ok: true, result: answer };
  }

  /** Asks again for what is in demand before its lease runs out, so that nobody waits for it. */
  #renew(session: string): void {
    if (this.#renewing.has(session)) return;
    this.#renewing.add(session);
    const query: ReadQuery = { method: "session.validate", params: { session } };
    this.#read(query, true).catch(() => {}).finally(() => this.#renewing.delete(session));
  }

  async #perform(
    method: string,
    params: Readonly<Record<string, unknown>>,
    caller: Awaited<ReturnType<Verifier["verify"]>> | undefined,
  ): Promise<Result> {
    const checked = checkCall(method, params);
    if (!checked.ok) return failure(checked.error);
    const { call } = checked;
    if (call.kind === "local") return { ok: true, result: openRpcDocument(API_VERSION) };
    if (caller === undefined) {
      return failure(authorize(call, undefined) ?? apiError("unauthenticated"));
    }
    if (isAuthError(caller)) {
      return failure(apiError("unauthenticated", caller.message, caller.reason));
    }
    const denied = authorize(call, caller);
    if (denied !== undefined) return failure(denied);
    if (call.kind === "fault") return await orderFault(this.gateway, call, caller);
    if (call.kind === "operator") return await operate(this.gateway, call, caller);
    return call.kind === "read" ? await this.#query(call, caller) : await this.#write(call, caller);
  }

  // Reads ------------------------------------------------------------------------------------

  async #query(call: ReadCall, caller: Principal): Promise<Result> {
    const { method, params } = call;
    if (method === "session.validate") {
      const { session } = params;
      let look = this.gateway.cache.look(session);
      while (look.found === "held") {
        await look.free; // A transaction is changing the entry: the answer depends on its outcome.
        look = this.gateway.cache.look(session);
      }
      const hit = look.found === "answer" ? this.#hit(session, look, caller) : undefined;
      if (hit !== undefined) return hit;
      this.#misses++;
    }
    const result = await this.#read({ method, params } as ReadQuery, method === "session.validate");
    const found = result.ok ? result.result as Readonly<Record<string, unknown>> : undefined;
    const unknown = !result.ok && result.error.data.outcome === "none" && isLookup(result.error);
    const hidden = result.ok || unknown ? authorizeResult(call, found, caller) : undefined;
    return hidden === undefined ? result : failure(hidden);
  }

  /** Reads through the core, from shard to shard as the query leads. */
  async #read(query: ReadQuery, keep: boolean): Promise<Result> {
    const { params } = query;
    // What is no session of ours names no shard either.
    if ("session" in params && sessionKey(params.session) === undefined) {
      return failure(apiError("unknown_session"));
    }
    const rows = new Map<string, Value | null>();
    const ticket = this.gateway.cache.ticket();
    let shard: number | undefined = firstShard(query);
    for (let hops = 0; shard !== undefined && hops < 4; hops++) {
      const also = hops === 0 ? otherShards(query) : [];
      const call = await this.gateway.read(shard, { query, rows: [...rows] }, keep, also);
      if (!call.ok) return failure(readError(call, this.gateway.retryAfterMs));
      if (!isReadReply(call.value)) return failure(apiError("internal_error"));
      const reply: ReadReply = call.value;
      for (const [key, value] of reply.rows) rows.set(key, value);
      const [missing] = reply.missing;
      shard = missing === undefined ? undefined : Number(missing.slice(0, 2));
      if (shard === undefined && keep && reply.lease !== undefined) {
        this.#keep(query, rows, reply.lease, ticket);
      }
    }
    const now = this.gateway.services.clock.wall();
    const answer = answerRead(query.method, query.params as never, rows, now);
    if (answer.ok) return { ok: true, result: answer.answer };
    return failure(errorOfRefusal(answer.reason));
  }

  #keep(
    query: ReadQuery,
    rows: ReadonlyMap<string, Value | null>,
    entry: string,
    ticket: ReturnType<Gateway["cache"]["ticket"]>,
  ): void {
    const now = this.gateway.services.clock.wall();
    const answer = answerRead(query.method, query.params as never, rows, now);
    if (!answer.ok || !("session" in query.params)) return;
    this.gateway.cache.fill(entry, query.params.session, answer.answer, ticket);
  }

  // Writes -----------------------------------------------------------------------------------

  async #write(call: WriteCall, caller: Principal): Promise<Result> {
    const context = this.#context(call);
    for (let tries = 0;; tries++) {
      const looked = await this.#lookUp(call, context);
      if (!looked.ok) return looked;
      const planned = plan(call.method, call.params as never, caller, looked.result);
      if (!planned.ok) return failure(errorOfRefusal(planned.reason));
      const { shards, answerShard } = planned.plan;
      const protocol = this.config.protocols?.[call.method];
      const request = {
        shards,
        answerShard,
        priority: priorityOf(call),
        ...(protocol === undefined ? {} : { protocol }),
      };
      const done = await this.gateway.transact(request, this.config.attempts);
      if (!done.ok) return failure(callError(done, this.gateway.retryAfterMs));
      if (!isFate(done.value)) return failure(apiError("internal_error"));
      const fate = done.value;
      if (fate.outcome === "committed") return { ok: true, result: fate.answer as Value };
      const { refusal } = fate;
      if (refusal?.code === "stale_read" && tries < REPLANS) continue;
      return await answerRefused(this.gateway, call, caller, refusal, shards.length);
    }
  }

  #context(call: WriteCall): PlanContext {
    const { services } = this.gateway;
    if (call.method !== "session.open") return {};
    return {
      session: newSession(call.params.subscriber, services.random.bytes(16)),
      expiresAt: services.clock.wall() + this.config.sessionMs,
    };
  }

  /** What a plan needs to know of the rows as they are. */
  async #lookUp(
    call: WriteCall,
    context: PlanContext,
  ): Promise<{ readonly ok: true; readonly result: PlanContext } | Extract<Result, { ok: false }>> {
    if (call.method === "sim.provision") {
      const { edges } = this.config;
      const homeEdge = edges[Number(BigInt(call.params.msisdn) % BigInt(edges.length))]!;
      return { ok: true, result: { ...context, homeEdge } };
    }
    if (call.method !== "number.port") return { ok: true, result: context };
    const { msisdn } = call.params;
    const found = await this.#read({ method: "subscriber.get", params: { msisdn } }, false);
    if (!found.ok) return found;
    const { imsi } = found.result as { readonly imsi: string };
    return { ok: true, result: { ...context, fromImsi: imsi } };
  }
}

interface SessionAnswer {
  readonly [name: string]: Value;
  readonly subscriber: string;
  readonly expiresAt: number;
}
