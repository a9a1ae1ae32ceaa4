/** What the telecom tests share: a store of all shards in memory, and chance that repeats itself. */
import { decidingRefusal } from "../../examples/telecom/refusals.ts";
import { type Refusal, telecomLedger, type Value } from "../../examples/telecom/ledger.ts";
import type { WriteMethod, WriteParams } from "../../examples/telecom/methods.ts";
import { plan, type PlanContext } from "../../examples/telecom/plan.ts";
import { answerRead, type ReadAnswer, readKeys } from "../../examples/telecom/reads.ts";
import type { ReadMethod, ReadParams } from "../../examples/telecom/methods.ts";
import { newSession, seedSubscribers, SHARDS, totalCents } from "../../examples/telecom/rows.ts";

/** Mulberry32: a small seeded generator of numbers from 0 up to 1. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** All shards there are. */
export const allShards: readonly number[] = Array.from({ length: SHARDS }, (_, i) => i);

export type Outcome =
  | { readonly ok: true; readonly answer: Value }
  | { readonly ok: false; readonly reason: Refusal };

/** Every shard of a cluster in one map; a write is planned, executed everywhere, then applied. */
export class Store {
  readonly rows = new Map<string, Value>();
  nowMs = 1_700_000_000_000;

  constructor(subscribers = 4, balance = 1000) {
    for (
      const [key, value] of seedSubscribers(
        allShards,
        subscribers,
        ["edge-1", "edge-2", "edge-3"],
        balance,
      )
    ) {
      this.rows.set(key, value);
    }
  }

  write<M extends WriteMethod>(
    method: M,
    params: WriteParams[M],
    context: PlanContext = {},
    subject = "op",
  ): Outcome {
    const planned = plan(method, params, { subject }, this.#context(method, params, context));
    if (!planned.ok) return planned;
    const votes = planned.plan.shards.map(({ shard, operations }) => {
      const read = (key: string) => this.rows.get(key);
      const vote = telecomLedger.execute(operations, read, this.nowMs);
      if (vote.ok) {
        const problem = telecomLedger.verify?.(vote.writes, read, operations);
        if (problem !== undefined) throw new Error(problem);
        const locked = telecomLedger.keys(operations);
        const loose = vote.writes.puts.find(([key]) => !locked.includes(key));
        if (loose !== undefined) throw new Error(`${loose[0]} is written without a lock`);
      }
      return { shard, vote };
    });
    const refusal = ({ vote }: (typeof votes)[number]) => vote.ok ? [] : [vote.reason];
    const { answerShard } = planned.plan;
    const reason = decidingRefusal(
      votes.filter(({ shard }) => shard === answerShard).flatMap(refusal)[0],
      votes.filter(({ shard }) => shard !== answerShard).flatMap(refusal),
    );
    if (reason !== undefined) return { ok: false, reason };
    let answer: Value = null;
    for (const { shard, vote } of votes) {
      if (!vote.ok) continue;
      if (shard === answerShard) answer = vote.answer;
      for (const [key, value] of vote.writes.puts) {
        if (value === null) this.rows.delete(key);
        else this.rows.set(key, value);
      }
      for (const [key, delta] of vote.writes.adds) {
        this.rows.set(key, ((this.rows.get(key) ?? 0) as number) + delta);
      }
    }
    return { ok: true, answer };
  }

  read<M extends ReadMethod>(method: M, params: ReadParams[M]): ReadAnswer {
    const rows = new Map<string, Value | null>();
    for (;;) {
      const keys = readKeys(method, params, rows);
      if (keys.length === 0) return answerRead(method, params, rows, this.nowMs);
      for (const key of keys) rows.set(key, this.rows.get(key) ?? null);
    }
  }

  total(): bigint {
    return totalCents(this.rows);
  }

  indexProblem(): string | undefined {
    return indexProblem(this.rows);
  }

  #context<M extends WriteMethod>(
    method: M,
    params: WriteParams[M],
    given: PlanContext,
  ): PlanContext {
    if (method === "sim.provision") return { homeEdge: "edge-1", ...given };
    if (method === "session.open") {
      const { subscriber } = params as WriteParams["session.open"];
      const session = newSession(subscriber, new Uint8Array(16).fill(7));
      return { session, expiresAt: this.nowMs + 60_000, ...given };
    }
    if (method !== "number.port") return given;
    const found = this.read("subscriber.get", {
      msisdn: (params as WriteParams["number.port"]).msisdn,
    });
    return { fromImsi: found.ok ? String(found.answer.imsi) : "63902000000000", ...given };
  }
}

/** What is wrong with the index from SIM to number, if anything: each must name the other. */
export function indexProblem(rows: ReadonlyMap<string, Value>): string | undefined {
  const accounts = named("account", rows);
  const sims = named("imsi", rows);
  if (accounts.size !== sims.size) return `${accounts.size} accounts, ${sims.size} SIMs`;
  for (const [msisdn, row] of accounts) {
    const { imsi } = row as { imsi: string };
    const owner = (sims.get(imsi) as { msisdn: string } | undefined)?.msisdn;
    if (owner !== msisdn) return `${msisdn} is on ${imsi}, which names ${owner}`;
  }
  return undefined;
}

function named(kind: string, rows: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  const found = new Map<string, Value>();
  for (const [key, value] of rows) {
    const [, is, name] = key.split("/");
    if (is === kind && name !== undefined) found.set(name, value);
  }
  return found;
}
