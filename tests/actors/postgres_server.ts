/** A PostgreSQL server for tests, and databases on it. */
import { PostgresSession } from "../../actors/postgres_session.ts";
import type { PostgresServer } from "../../actors/postgres_participant.ts";

const SCRIPT = new URL("../../tools/postgres.sh", import.meta.url).pathname;

/** Runs the script. */
async function script(...args: string[]): Promise<{ success: boolean; out: string; said: string }> {
  const { success, stdout, stderr } = await new Deno.Command(SCRIPT, { args }).output();
  const text = new TextDecoder();
  return { success, out: text.decode(stdout).trim(), said: text.decode(stderr).trim() };
}

/** A server that runs. */
export interface TestServer extends AsyncDisposable {
  readonly address: Omit<PostgresServer, "database">;
  /** Ends it as a power cut would and starts it again; undefined where it is not ours to end. */
  readonly crash: (() => Promise<void>) | undefined;
}

/**
 * Why no server can be had; undefined where one is running (PGHOST, PGPORT) or can be started.
 *
 * @throws {Error} if there is none although TRUNKLINE_REQUIRE_POSTGRES is set
 */
export async function lackingPostgres(): Promise<string | undefined> {
  if (Deno.env.has("PGHOST")) return undefined;
  const { success, said } = await script("version");
  if (success) return undefined;
  if (Deno.env.has("TRUNKLINE_REQUIRE_POSTGRES")) throw new Error(said);
  return said;
}

/** The server of the environment, or a new one. */
export async function startServer(): Promise<TestServer> {
  const host = Deno.env.get("PGHOST");
  if (host !== undefined) {
    const password = Deno.env.get("PGPASSWORD");
    return {
      address: {
        host,
        port: Number(Deno.env.get("PGPORT") ?? 5432),
        user: Deno.env.get("PGUSER") ?? "postgres",
        ...(password === undefined ? {} : { password }),
      },
      crash: undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  const folder = await Deno.makeTempDir({ prefix: "trunkline-postgres-" });
  const start = async () => {
    const { success, out, said } = await script("start", folder);
    if (!success) throw new Error(`Cannot start PostgreSQL: ${said}`);
    return out;
  };
  const [name, port, user] = (await start()).split(" ") as [string, string, string];
  return {
    address: { host: name, port: Number(port), user },
    async crash() {
      await script("crash", folder);
      await start();
    },
    async [Symbol.asyncDispose]() {
      await script("crash", folder);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A database with accounts, and a session to look at it with. */
export interface TestDatabase extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly session: PostgresSession;
  /** The balance of an account. */
  balance(id: number): Promise<number>;
  /** All balances together. */
  total(): Promise<number>;
  /** Identifiers of what is prepared in it. */
  prepared(): Promise<string[]>;
}

/** How much each account starts with. */
export const CENTS = 1000;
/** How many there are. */
export const ACCOUNTS = 100;

const TABLE = `CREATE TABLE account(
    id int PRIMARY KEY, cents bigint NOT NULL CHECK (cents >= 0), code int,
    UNIQUE (code) DEFERRABLE INITIALLY DEFERRED);
  INSERT INTO account SELECT i, ${CENTS}, i FROM generate_series(0, ${ACCOUNTS - 1}) i`;

/** Makes a database on a server. */
export async function makeDatabase({ address }: TestServer): Promise<TestDatabase> {
  const name = `trunkline_${crypto.randomUUID().replaceAll("-", "")}`;
  const settings = { name: "test", lockTimeoutMs: 5000, statementTimeoutMs: 20_000 };
  const admin = { ...address, database: "postgres" };
  const maker = await PostgresSession.open(admin, settings);
  await maker.query(`CREATE DATABASE ${name}`);
  maker.close();
  const server = { ...address, database: name };
  const parts = { session: await PostgresSession.open(server, settings) };
  const rows = async (text: string) => {
    if (parts.session.lost) parts.session = await PostgresSession.open(server, settings);
    return (await parts.session.query(text)).rows;
  };
  await rows(TABLE);
  const prepared = async () =>
    (await rows("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"))
      .map(({ gid }) => gid as string);
  return {
    server,
    get session() {
      return parts.session;
    },
    balance: async (id) =>
      (await rows(`SELECT cents FROM account WHERE id = ${id}`))[0]!["cents"] as number,
    total: async () =>
      Number((await rows("SELECT sum(cents)::bigint AS sum FROM account"))[0]!["sum"]),
    prepared,
    async [Symbol.asyncDispose]() {
      for (const gid of await prepared()) await rows(`ROLLBACK PREPARED '${gid}'`);
      parts.session.close();
      const ender = await PostgresSession.open(admin, settings);
      await ender.query(`DROP DATABASE ${name} WITH (FORCE)`);
      ender.close();
    },
  };
}
