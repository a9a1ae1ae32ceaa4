/** The roles of the `commit` bench: a ledger of one kind of row, and a client in a closed loop. */
import { participantRole } from "../../actors/participant.ts";
import { isRecord } from "../../actors/guards.ts";
import type { Ledger } from "../../actors/ledger.ts";
import { isFate } from "../../actors/transact.ts";
import { Histogram, type HistogramData } from "../../runtime/histogram.ts";
import type { Random } from "../../runtime/ports.ts";
import { AskFailed, defineRole, type Services } from "../../runtime/role.ts";

/** Rows of each shard. */
export const ACCOUNTS = 30_000;
/** What each row starts with: more than a run can take away. */
export const BALANCE = 1_000_000;
/** One participant keeps each; a transaction debits so many. */
export const SHARDS = 3;

/** Takes `amount` from one account; a negative one is given to it. */
export interface Debit {
  readonly account: string;
  readonly amount: number;
}

/** The key of an account; its shard comes first. */
export function accountKey(shard: number, index: number): string {
  return `${shard}/account/${String(index).padStart(6, "0")}`;
}

const ledger: Ledger<Debit> = {
  parse: (value) => {
    const operations = value as readonly unknown[];
    const wellFormed = operations.every((o) =>
      isRecord(o) && typeof o["account"] === "string" && Number.isSafeInteger(o["amount"])
    );
    return wellFormed ? operations as Debit[] : "Not a list of debits";
  },
  keys: (operations) => [...new Set(operations.map(({ account }) => account))].sort(),
  execute: (operations, read) => {
    const balances = new Map<string, number>();
    for (const { account, amount } of operations) {
      const balance = balances.get(account) ?? read(account);
      if (typeof balance !== "number" || balance < amount) {
        return { ok: false, reason: { code: "insufficient_funds", message: "Too little is left" } };
      }
      balances.set(account, balance - amount);
    }
    const puts = [...balances];
    return { ok: true, writes: { puts, adds: [] }, answer: { balance: puts[0]![1] }, entries: [] };
  },
  readKeys: () => [],
  entryOf: () => undefined,
  shardOfKey: (key) => Number(key.slice(0, key.indexOf("/"))),
  expiring: () => [],
  isExpired: () => false,
  *seed(shards) {
    for (const shard of shards) {
      for (let i = 0; i < ACCOUNTS; i++) yield [accountKey(shard, i), BALANCE];
    }
  },
};

/** Keeps accounts. */
export const participant = participantRole(ledger);

/** How many accounts contended transfers go between, and how skewed their choice is (Zipf). */
export const HOT_ACCOUNTS = 1000;
export const ZIPF = 1.1;

/**
 * What transactions do: debit one row on each of three stores, or move money between two accounts,
 * chosen evenly from all or by Zipf's law from few.
 */
export type Pattern = "debits" | "transfers" | "contended";

/** What the client is to do. */
export interface Load {
  readonly pattern: Pattern;
  readonly inFlight: number;
  readonly warmUpMs: number;
  readonly forMs: number;
}

/** What it saw. Times in ms. */
export interface Measured {
  readonly ms: number;
  readonly committed: number;
  readonly aborted: number;
  readonly failed: number;
  readonly latency: HistogramData;
  /** Forced commits of all stores together in the same time. */
  readonly storeCommits: number;
}

/** Configuration of the client. */
export interface ClientConfig {
  /** Asked in turn. */
  readonly coordinators: readonly string[];
  readonly stores: readonly string[];
  /** How many shards there are. */
  readonly shards: number;
}

const PATIENCE_MS = 10_000;

/** Keeps a number of transactions in flight. */
export const client = defineRole<ClientConfig>({
  name: "client",
  create: (services, config) => {
    const run = async (load: Load) => await new Loop(services, config, load).run();
    return {
      messages: {
        load: {
          accepts: isRecord,
          handle: async (body: Load, envelope) => {
            services.reply(envelope, await run(body));
            services.wake();
          },
        },
      },
    };
  },
});

class Loop {
  readonly #latency = new Histogram();
  readonly #counts = { committed: 0, aborted: 0, failed: 0 };
  #measuring = false;
  #stopped = false;
  #turn = 0;
  readonly #request: () => unknown;

  constructor(
    private readonly services: Services,
    private readonly config: ClientConfig,
    private readonly load: Load,
  ) {
    const { random } = services;
    const { shards } = config;
    const hot = zipf(HOT_ACCOUNTS, ZIPF);
    const anyone = () => Math.floor(random.next() * shards * ACCOUNTS);
    this.#request = {
      debits: () => debits(random, shards),
      transfers: () => transfer(anyone, shards),
      contended: () => transfer(() => hot(random.next()), shards),
    }[load.pattern];
  }

  async run(): Promise<Measured> {
    const chains = Array.from({ length: this.load.inFlight }, () => this.#chain());
    await this.#pause(this.load.warmUpMs);
    const before = await this.#storeCommits();
    this.#measuring = true;
    await this.#pause(this.load.forMs);
    this.#measuring = false;
    const after = await this.#storeCommits();
    this.#stopped = true;
    await Promise.all(chains);
    return {
      ms: this.load.forMs,
      ...this.#counts,
      latency: this.#latency.toJSON(),
      storeCommits: (after.commits - before.commits) * this.load.forMs / (after.at - before.at),
    };
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** One client: the next transaction follows the answer to the last. */
  async #chain(): Promise<void> {
    const { services, config } = this;
    while (!this.#stopped) {
      const since = performance.now();
      let fate: unknown;
      try {
        const to = config.coordinators[this.#turn++ % config.coordinators.length]!;
        fate = await services.ask(to, "transact", this.#request(), PATIENCE_MS);
      } catch (error) {
        if (!(error instanceof AskFailed)) throw error;
      }
      if (!this.#measuring) continue;
      if (!isFate(fate)) this.#counts.failed++;
      else if (fate.outcome === "aborted") this.#counts.aborted++;
      else {
        this.#counts.committed++;
        this.#latency.record(performance.now() - since);
      }
    }
  }

  async #storeCommits(): Promise<{ commits: number; at: number }> {
    let commits = 0;
    const stats = this.config.stores.map((role) =>
      this.services.ask(role, "$stats", null, PATIENCE_MS)
    );
    for (const each of await Promise.all(stats)) {
      commits += (each as { storeCommits: number }).storeCommits;
    }
    return { commits, at: performance.now() };
  }
}

/** A debit of one random account on each of three shards. */
function debits(random: Random, count: number): unknown {
  const first = Math.floor(random.next() * count);
  const shards = Array.from({ length: SHARDS }, (_, i) => {
    const shard = (first + i) % count;
    const account = accountKey(shard, Math.floor(random.next() * ACCOUNTS));
    return { shard, operations: [{ account, amount: 1 }] };
  });
  return { shards, answerShard: first };
}

/** A cent from one account to another. Numbers of accounts go round the shards. */
function transfer(pick: () => number, count: number): unknown {
  const from = pick();
  let to = pick();
  while (to === from) to = pick();
  const parts = new Map<number, Debit[]>();
  for (const [number, amount] of [[from, 1], [to, -1]] as const) {
    const shard = number % count;
    const part = { account: accountKey(shard, Math.floor(number / count)), amount };
    parts.set(shard, [...parts.get(shard) ?? [], part]);
  }
  const shards = [...parts].map(([shard, operations]) => ({ shard, operations }));
  return { shards, answerShard: from % count };
}

/** Ranks 0 to n - 1 by Zipf's law, from numbers uniform in [0, 1). */
function zipf(n: number, exponent: number): (uniform: number) => number {
  const sums: number[] = [];
  for (let rank = 1, sum = 0; rank <= n; rank++) sums.push(sum += rank ** -exponent);
  return (uniform) => {
    const wanted = uniform * sums[n - 1]!;
    let low = 0, high = n - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
