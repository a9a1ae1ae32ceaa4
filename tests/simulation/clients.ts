/**
 * Clients: they ask for operations, and repeat a write whose outcome they do not know, under its
 * key, until they know it.
 *
 * @module
 */
import type { Adjustment } from "../../examples/telecom/methods.ts";
import { plan } from "../../examples/telecom/plan.ts";
import {
  claimKey,
  type KeyRow,
  newSession,
  seedImsi,
  seedMsisdn,
} from "../../examples/telecom/rows.ts";
import type { ReadReply } from "../../actors/reader.ts";
import { isFate } from "../../actors/transact.ts";
import type { Address } from "../../runtime/ports.ts";
import { AskFailed } from "../../runtime/role.ts";
import type { Request } from "./invariant.ts";
import { OPERATOR } from "./keys.ts";
import type { Stage } from "./stage.ts";

/** What clients may ask for, with its weight. */
export type Mix = Readonly<Partial<Record<Method, number>>>;

type Method =
  | "account.transfer"
  | "account.debit"
  | "account.credit"
  | "account.batch"
  | "account.balance"
  | "account.balances"
  | "number.port"
  | "sim.provision"
  | "session.open"
  | "session.validate";

/** How much they ask for. */
export interface Load {
  readonly perSecond: number;
  /** Built-in subscribers they are about; few: hot keys. */
  readonly subscribers: number;
  readonly mix: Mix;
}

/** What came of an attempt. */
type Outcome =
  | { readonly result: Readonly<Record<string, unknown>> }
  /** Not known, or nothing was done and another try may do better. */
  | { readonly again: string }
  | { readonly refused: string };

const ANSWER_MS = 6000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1600;
/** Acknowledged writes that are asked for again at the end. */
const ASKED_AGAIN = 6;

/** The clients of one run. */
export class Clients {
  /** Requests without an outcome. */
  open = 0;
  /** Requests made. */
  made = 0;
  readonly counts = { acknowledged: 0, refused: 0, repeated: 0 };
  readonly #random: () => number;
  readonly #sessions: string[] = [];
  readonly #imsis = new Map<number, string>();
  readonly #acknowledged: { readonly request: Request; readonly result: string }[] = [];
  readonly #entries: readonly Address[];
  #calls = 0;
  #turn = 0;

  constructor(private readonly stage: Stage, private readonly load: Load) {
    this.#random = stage.random("clients");
    const gateways = stage.addresses.filter((address) => address.endsWith("/gateway"));
    const coordinators = stage.addresses.filter((address) => address.endsWith("/coordinator"));
    this.#entries = gateways.length > 0 ? gateways : coordinators;
  }

  /** Requests come at random, so many a second, until an instant. */
  begin(until: number): void {
    const { scheduler } = this.stage.system;
    const next = () => {
      const at = scheduler.now() - Math.log(1 - this.#random()) / this.load.perSecond * 1000;
      if (at >= until) return;
      scheduler.at(at, () => {
        void this.#perform(this.#draw());
        next();
      });
    };
    next();
  }

  #pick(most: number): number {
    return Math.floor(this.#random() * most);
  }

  #draw(): Pick<Request, "method" | "params"> {
    const { mix, subscribers } = this.load;
    const total = Object.values(mix).reduce((sum, weight) => sum + weight, 0);
    let left = this.#random() * total;
    const method = (Object.keys(mix) as Method[]).find((name) => (left -= mix[name]!) < 0) ??
      "account.transfer";
    const who = this.#pick(subscribers);
    const subscriber = seedMsisdn(who);
    const idempotencyKey = `k${this.made}`;
    switch (method) {
      case "account.transfer": {
        const other = (who + 1 + this.#pick(subscribers - 1)) % subscribers;
        const to = seedMsisdn(other);
        // Now and then more than anybody has.
        const amount = this.#random() < 0.05 ? 10_000_000 : 1 + this.#pick(1000);
        return { method, params: { from: subscriber, to, amount, idempotencyKey } };
      }
      case "account.debit":
      case "account.credit": {
        const amount = 1 + this.#pick(1000);
        return { method, params: { subscriber, amount, idempotencyKey } };
      }
      case "account.batch":
        return { method, params: { operations: this.#adjustments(who), idempotencyKey } };
      case "account.balances":
        return { method, params: { subscribers: this.#several(who).map(seedMsisdn) } };
      case "number.port": {
        // Sometimes a SIM that another number is on.
        const taken = this.#random() < 0.2;
        const toImsi = taken
          ? this.#imsis.get(this.#pick(subscribers)) ?? seedImsi(this.#pick(subscribers))
          : String(639_030_000_000_000 + this.made);
        return { method, params: { msisdn: subscriber, toImsi, idempotencyKey } };
      }
      case "sim.provision": {
        const msisdn = String(254_800_000_000 + this.made);
        const imsi = String(639_040_000_000_000 + this.#pick(this.made + 1));
        return { method, params: { msisdn, imsi, balance: this.#pick(5000), idempotencyKey } };
      }
      case "session.validate": {
        const session = this.#sessions[this.#pick(this.#sessions.length)];
        if (session === undefined) return { method: "session.open", params: { subscriber } };
        return { method, params: { session } };
      }
      default:
        return { method, params: { subscriber } };
    }
  }

  /** A subscriber and up to three others. */
  #several(who: number): readonly number[] {
    const { subscribers } = this.load;
    const count = 1 + this.#pick(Math.min(4, subscribers));
    return Array.from({ length: count }, (_, i) => (who + i) % subscribers);
  }

  /** Changes of a few accounts, or looks at them, on conditions that often but not always hold. */
  #adjustments(who: number): readonly Adjustment[] {
    return this.#several(who).map((one) => ({
      subscriber: seedMsisdn(one),
      change: this.#random() < 0.4 ? 0 : this.#pick(2001) - 1000,
      ...(this.#random() < 0.3 ? { before: { min: 100_000 - this.#pick(2000) } } : {}),
      ...(this.#random() < 0.3 ? { after: { max: 100_000 + this.#pick(2000) } } : {}),
    }));
  }

  async #perform({ method, params }: Pick<Request, "method" | "params">): Promise<void> {
    this.open++;
    this.made++;
    const begunAt = this.stage.system.now;
    for (let attempt = 0;; attempt++) {
      const entry = this.#entries[this.#turn++ % this.#entries.length]!;
      const request = { method, params, begunAt, sentAt: this.stage.system.now, edge: entry };
      const outcome = await this.#attempt(entry, request);
      if ("result" in outcome) this.#acknowledge(request, outcome.result);
      else if ("refused" in outcome) this.counts.refused++;
      else {
        this.counts.repeated++;
        await this.#pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt));
        continue;
      }
      break;
    }
    this.open--;
  }

  #pause(ms: number): Promise<void> {
    const { scheduler } = this.stage.system;
    const { promise, resolve } = Promise.withResolvers<void>();
    scheduler.at(scheduler.now() + ms * (0.5 + this.#random()), resolve);
    return promise;
  }

  #acknowledge(request: Request, result: Readonly<Record<string, unknown>>): void {
    this.counts.acknowledged++;
    this.stage.hub.invariants.acknowledged(request, result);
    const { method, params } = request;
    if (method === "session.open") this.#sessions.push(String(result["session"]));
    if (method === "number.port") {
      const who = Number(BigInt(String(params["msisdn"])) - BigInt(seedMsisdn(0)));
      this.#imsis.set(who, String(params["toImsi"]));
    }
    if (params["idempotencyKey"] !== undefined) {
      this.#acknowledged.push({ request, result: JSON.stringify(result) });
    }
  }

  #attempt(entry: Address, request: Request): Promise<Outcome> {
    return entry.endsWith("/gateway") ? this.#rpc(entry, request) : this.#transact(entry, request);
  }

  async #rpc(gateway: Address, { method, params }: Request): Promise<Outcome> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#calls, method, params });
    const authorization = `Bearer ${this.stage.parts.operator}`;
    try {
      const message = { body, authorization };
      const text = await this.stage.system.ask(gateway, "request", message, ANSWER_MS);
      const answer = JSON.parse(text as string) as Answer;
      if (answer.result !== undefined) return { result: answer.result };
      const { outcome, retryable, reason } = answer.error!.data;
      if (outcome === "unknown" || retryable) return { again: reason };
      return { refused: reason };
    } catch (error) {
      if (!(error instanceof AskFailed)) throw error;
      return { again: error.reason };
    }
  }

  /** Without gateways: the client plans for itself. */
  async #transact(coordinator: Address, { method, params }: Request): Promise<Outcome> {
    const { system } = this.stage;
    const subscriber = String(params["subscriber"]);
    const bytes = Uint8Array.from({ length: 16 }, () => this.#pick(256));
    const context = method === "session.open"
      ? { session: newSession(subscriber, bytes), expiresAt: system.host.clock.wall() + 3_600_000 }
      : {};
    const planned = plan(method as never, params as never, { subject: OPERATOR }, context);
    if (!planned.ok) return { refused: planned.reason.code };
    const { shards, answerShard } = planned.plan;
    try {
      const body = { shards, answerShard };
      const fate = await system.ask(coordinator, "transact", body, ANSWER_MS);
      if (!isFate(fate)) return { again: "no fate" };
      if (fate.outcome === "committed") return { result: fate.answer as Record<string, unknown> };
      const { refusal } = fate;
      if (refusal?.code === "duplicate") {
        return { result: refusal.answer as Record<string, unknown> };
      }
      if (fate.retryable || refusal === undefined) return { again: fate.reason };
      if (shards.length < 2) return { refused: refusal.code };
      // Another shard may have refused what was done long ago: the shard with the key knows.
      const key = claimKey(answerShard, OPERATOR, String(params["idempotencyKey"]));
      const read = { query: { claim: key }, rows: [] };
      const reply = await system.ask(coordinator, "read", { shard: answerShard, read }, ANSWER_MS);
      const row = new Map((reply as ReadReply).rows).get(key) as KeyRow | null;
      if (row === null) return { refused: refusal.code };
      return { result: row.answer as unknown as Record<string, unknown> };
    } catch (error) {
      if (!(error instanceof AskFailed)) throw error;
      return { again: error.reason };
    }
  }

  /** Asks again for some of what was acknowledged: the answers must be the same. */
  async askAgain(): Promise<void> {
    const all = this.#acknowledged;
    const some = Array.from(
      { length: Math.min(ASKED_AGAIN, all.length) },
      () => all[this.#pick(all.length)]!,
    );
    await Promise.all(some.map(async ({ request, result }) => {
      for (let attempt = 0; attempt < 20; attempt++) {
        const entry = this.#entries[this.#turn++ % this.#entries.length]!;
        const outcome = await this.#attempt(entry, request);
        if ("again" in outcome) {
          await this.#pause(FIRST_PAUSE_MS);
          continue;
        }
        const now = "result" in outcome ? JSON.stringify(outcome.result) : outcome.refused;
        if (now === result) return;
        const { method, params } = request;
        const told = `${method} ${JSON.stringify(params)} was answered ${result}, now ${now}`;
        return this.stage.hub.fail("acknowledged_present", told);
      }
      this.stage.hub.fail("liveness", `${request.method} is not answered again`);
    }));
  }
}

interface Answer {
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: {
    readonly data: {
      readonly outcome: string;
      readonly retryable: boolean;
      readonly reason: string;
    };
  };
}
