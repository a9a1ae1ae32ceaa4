/** One coordinator over a SQLite participant (shard 0) and a PostgreSQL database (shard 1). */
import type { PostgresConfig, PostgresServer } from "../../actors/postgres_participant.ts";
import type { Fate } from "../../actors/transact.ts";
import type { RoleSpec, Spawned } from "../../runtime/ports.ts";
import type { WorkerSystem } from "../../runtime/worker/system.ts";
import { accountKey, ACCOUNTS, BALANCE } from "../bench/commit_roles.ts";
import { sumOfAccounts } from "../bench/commit_system.ts";
import { mesh } from "../bench/mesh.ts";

export const COORDINATOR = "core-1/coordinator";
export const SQLITE = "cloud-1/participant";
export const POSTGRES = "cloud-2/participant";

/** Money in the SQLite node at first. */
export const SQLITE_TOTAL = ACCOUNTS * BALANCE;

const NODES = ["core-1", "cloud-1", "cloud-2"];
const ROLES = new URL("../bench/commit_roles.ts", import.meta.url).href;
const ACTORS = new URL("../../actors/", import.meta.url);
const TIMES = { lockTimeoutMs: 500, inquireMs: 100, storeSince: 1 };

/** What transactions may do to the accounts of a test database. */
export const OPERATIONS: PostgresConfig["operations"] = {
  credit: {
    sql: "UPDATE account SET cents = cents + $2 WHERE id = $1 RETURNING cents",
    refusal: { code: "unknown_account", message: "There is no such account" },
  },
  debit: {
    sql: "UPDATE account SET cents = cents - $2 WHERE id = $1 AND cents >= $2 RETURNING cents",
    refusal: { code: "insufficient_funds", message: "Too little is left" },
  },
  overdraw: { sql: "UPDATE account SET cents = cents - $2 WHERE id = $1" },
  code: { sql: "UPDATE account SET code = $2 WHERE id = $1" },
  sum: { sql: "SELECT sum(cents)::bigint AS sum FROM account" },
  fail: { sql: "SELECT 1 / $1::int" },
};

/** The role for a database. */
export function postgresSpec(
  server: PostgresServer,
  config: Partial<PostgresConfig> = {},
): RoleSpec {
  return {
    address: POSTGRES,
    module: new URL("postgres_participant.ts", ACTORS).href,
    name: "postgresParticipant",
    config: {
      shards: [1],
      coordinators: [COORDINATOR],
      server,
      operations: OPERATIONS,
      ...TIMES,
      ...config,
    } satisfies PostgresConfig,
  };
}

/** A stage with everything on it. */
export class Stage implements AsyncDisposable {
  #postgres: Spawned | undefined;

  private constructor(
    readonly system: WorkerSystem,
    private readonly folder: string,
    private readonly spec: RoleSpec,
    /** What the roles had to say. */
    readonly said: string[],
  ) {}

  static async start(
    server: PostgresServer,
    config: Partial<PostgresConfig> = {},
  ): Promise<Stage> {
    const folder = await Deno.makeTempDir({ prefix: "trunkline-stage-" });
    const said: string[] = [];
    const system = mesh(NODES, (address, _, text) => {
      said.push(`${address}: ${text}`);
    });
    const stage = new Stage(system, folder, postgresSpec(server, config), said);
    const times = { leaseMs: 100, driftPpm: 200 };
    await Promise.all([
      system.spawn({
        address: SQLITE,
        module: ROLES,
        name: "participant",
        store: `${folder}/sqlite`,
        config: { shards: [0], coordinators: [COORDINATOR], edges: [], ...TIMES, ...times },
      }),
      stage.startPostgres(),
      system.spawn({
        address: COORDINATOR,
        module: new URL("coordinator.ts", ACTORS).href,
        name: "coordinatorRole",
        store: `${folder}/coordinator`,
        config: {
          participantOf: [SQLITE, POSTGRES],
          voteTimeoutMs: 1500,
          resendMs: 100,
          maxConcurrentTransactions: 1000,
          maxRetries: 0,
          ...times,
        },
      }),
    ]);
    return stage;
  }

  /** Starts the role for the database, again or for the first time. */
  async startPostgres(start = true): Promise<void> {
    this.#postgres = await this.system.spawn(this.spec, start);
  }

  /** Waits for words in the log: it does not come the way of messages, and may come after them. */
  hear(words: RegExp): Promise<void> {
    return until(`it says ${words}`, () => Promise.resolve(words.test(this.said.join("\n"))));
  }

  /** Ends it without a word. */
  async killPostgres(): Promise<void> {
    this.#postgres!.terminate();
    await this.#postgres!.exited;
  }

  /** Cuts or mends the link from a node to another. */
  link(from: string, to: string, up: boolean): void {
    this.system.switchboard.set(from, to, { up });
  }

  /** Cuts or mends the links to a node from all others: no peer tells it what it asks, either. */
  links(to: string, up: boolean): void {
    for (const from of NODES) if (from !== to) this.link(from, to, up);
  }

  /** Moves cents from the SQLite node to an account of the database; negative: the other way. */
  async transfer(cents: number, id = 0): Promise<Fate> {
    const op = cents >= 0 ? "credit" : "debit";
    return await this.transact([{ op, values: [id, Math.abs(cents)] }], cents);
  }

  /** Runs steps at the database, and a debit at the SQLite node if there is one. */
  async transact(steps: readonly unknown[], cents = 0): Promise<Fate> {
    const debit = [{ shard: 0, operations: [{ account: accountKey(0, 0), amount: cents }] }];
    const request = {
      shards: [...(cents === 0 ? [] : debit), { shard: 1, operations: steps }],
      answerShard: 1,
    };
    return await this.system.ask(COORDINATOR, "transact", request, 10_000) as Fate;
  }

  async stats(role: string): Promise<Record<string, unknown>> {
    return await this.system.ask(role, "$stats") as Record<string, unknown>;
  }

  /** Waits until nothing is under way at any role. */
  async settled(): Promise<void> {
    await until("all transactions have ended", async () => {
      const { transactions } = await this.stats(COORDINATOR);
      const { inDoubt } = await this.stats(POSTGRES);
      return Object.keys(transactions as object).length === 0 && inDoubt === 0;
    });
  }

  /** Money on the disk of the SQLite node. */
  sqliteTotal(): number {
    return sumOfAccounts(`${this.folder}/sqlite`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Waits for something that must come to pass. @throws {Error} naming it if it has not in 15 s */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error(`It never was so that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
