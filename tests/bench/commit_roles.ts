/** The roles of the `commit` bench: a ledger of one kind of row, and a client in a closed loop. */
import { participantRole } from "../../actors/participant.ts";
import { isRecord } from "../../actors/guards.ts";
import type { Ledger } from "../../actors/ledger.ts";
import { isFate } from "../../actors/transact.ts";
import { Histogram, type HistogramData } from "../../runtime/histogram.ts";
import { AskFailed, defineRole, type Services } from "../../runtime/role.ts";

/** Rows of each shard. */
export const ACCOUNTS = 30_000;
/** What each row starts with: more than a run can take away. */
export const BALANCE = 1_000_000;
/** One participant keeps each. */
export const SHARDS = 3;

/** Takes `amount` from one account. */
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

/** What the client is to do. */
export interface Load {
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

interface ClientConfig {
  readonly coordinator: string;
  readonly stores: readonly string[];
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

  constructor(
    private readonly services: Services,
    private readonly config: ClientConfig,
    private readonly load: Load,
  ) {}

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
        fate = await services.ask(config.coordinator, "transact", request(services), PATIENCE_MS);
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

/** A debit of one random account of every shard. */
function request({ random }: Services): unknown {
  const shards = Array.from({ length: SHARDS }, (_, shard) => ({
    shard,
    operations: [{ account: accountKey(shard, Math.floor(random.next() * ACCOUNTS)), amount: 1 }],
  }));
  return { shards, answerShard: 0 };
}
