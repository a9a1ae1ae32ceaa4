/**
 * What PostgreSQL makes of the transaction of the `commit` bench: one row debited in each of three
 * databases, PREPARE TRANSACTION in each, then COMMIT PREPARED in each, everything forced.
 *
 * It is given its best: one server, so that the three share one log and its group commit; nobody
 * has to make the decision durable in between; statements are prepared and each database is spoken
 * to twice a transaction, the three at once.
 */
import postgres from "postgres";
import { accountKey, ACCOUNTS, BALANCE, SHARDS } from "./commit_roles.ts";

/** Transactions at once; each has a connection to each database. */
export const CONNECTIONS = [1, 16, 64] as const;

/** SQLSTATE lock_not_available. */
const LOCK_TIMEOUT = "55P03";
const SCRIPT = new URL("../../tools/postgres.sh", import.meta.url).pathname;
const DEBIT = `PREPARE debit(text) AS
  UPDATE account SET balance = balance - 1 WHERE key = $1 AND balance >= 1`;

async function script(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(SCRIPT, { args }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr).trim());
  return text.decode(stdout).trim();
}

/** Whether there is a PostgreSQL to compare with: its version, or what to do about it. */
export async function findPostgres(): Promise<{ version: string } | { missing: string }> {
  try {
    const said = await script("version");
    return { version: /\d+(\.\d+)*/.exec(said)?.[0] ?? said };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}

type Line = readonly postgres.Sql[];

/** A server in a folder, with the three databases. */
export class PostgresPeer implements AsyncDisposable {
  #lines: Line[] = [];
  #committed = 0;
  #serial = 0;
  /** Transactions that met a lock for too long. */
  aborted = 0;

  private constructor(
    private readonly folder: string,
    private readonly at: { readonly host: string; readonly port: number; readonly user: string },
  ) {}

  static async start(folder: string): Promise<PostgresPeer> {
    const [host, port, user] = (await script("start", folder)).split(" ") as [
      string,
      string,
      string,
    ];
    const peer = new PostgresPeer(folder, { host, port: Number(port), user });
    await peer.#fill();
    return peer;
  }

  #connect(database: string): postgres.Sql {
    const settings = { ...this.at, database, max: 1, fetch_types: false, max_lifetime: null };
    return postgres({
      ...settings,
      onnotice: () => {},
      connection: { lock_timeout: 2000 } as Record<
        string,
        unknown
      > as postgres.ConnectionParameters,
    });
  }

  async #fill(): Promise<void> {
    const admin = this.#connect("postgres");
    for (let shard = 0; shard < SHARDS; shard++) {
      await admin.unsafe(`CREATE DATABASE shard${shard}`);
    }
    await admin.end();
    for (let i = 0; i < Math.max(...CONNECTIONS); i++) {
      this.#lines.push(
        Array.from({ length: SHARDS }, (_, shard) => this.#connect(`shard${shard}`)),
      );
    }
    await Promise.all(this.#lines[0]!.map(async (sql, shard) => {
      await sql.unsafe("CREATE TABLE account(key text PRIMARY KEY, balance bigint NOT NULL)");
      const start = accountKey(shard, 0).slice(0, -6);
      await sql.unsafe(`INSERT INTO account SELECT '${start}' || lpad(i::text, 6, '0'), ${BALANCE}
        FROM generate_series(0, ${ACCOUNTS - 1}) i`);
      await sql.unsafe("VACUUM ANALYZE account");
    }));
    await Promise.all(this.#lines.flat().map((sql) => sql.unsafe(DEBIT)));
  }

  /** Transactions a second with so many at once. */
  async perSecond(connections: number, warmUpMs: number, forMs: number): Promise<number> {
    const run = { stopped: false };
    const chains = this.#lines.slice(0, connections).map(async (line) => {
      while (!run.stopped) await this.#transact(line);
    });
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    await pause(warmUpMs);
    const [before, since] = [this.#committed, performance.now()];
    await pause(forMs);
    const perSecond = (this.#committed - before) / (performance.now() - since) * 1000;
    run.stopped = true;
    await Promise.all(chains);
    return perSecond;
  }

  async #transact(line: Line): Promise<void> {
    const serial = this.#serial++;
    const gid = (shard: number) => `${serial}-${shard}`; // Databases of one server share the names.
    const votes = await Promise.allSettled(line.map((sql, shard) => {
      const key = accountKey(shard, Math.floor(Math.random() * ACCOUNTS));
      return sql.unsafe(`BEGIN; EXECUTE debit('${key}'); PREPARE TRANSACTION '${gid(shard)}'`);
    }));
    const refused = votes.filter((vote) => vote.status === "rejected");
    for (const { reason } of refused) if (reason.code !== LOCK_TIMEOUT) throw reason;
    await Promise.all(line.map((sql, shard) => {
      if (refused.length === 0) return sql.unsafe(`COMMIT PREPARED '${gid(shard)}'`);
      const prepared = votes[shard]!.status === "fulfilled";
      return sql.unsafe(prepared ? `ROLLBACK PREPARED '${gid(shard)}'` : "ROLLBACK");
    }));
    if (refused.length === 0) this.#committed++;
    else this.aborted++;
  }

  /** Checks what is in the databases. @throws {Error} if it is not what was committed */
  async verify(): Promise<void> {
    for (const [shard, sql] of this.#lines[0]!.entries()) {
      const [row] = await sql.unsafe("SELECT sum(balance)::text AS sum FROM account");
      const missing = ACCOUNTS * BALANCE - Number(row!["sum"]);
      if (missing !== this.#committed) {
        throw new Error(`Database ${shard} lacks ${missing}, committed ${this.#committed}`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#lines.flat().map((sql) => sql.end({ timeout: 1 })));
    await script("stop", this.folder);
  }
}
