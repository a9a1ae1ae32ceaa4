/**
 * One transaction over a SQLite store and a PostgreSQL database: a subscriber pays for an order from
 * a prepaid balance. The debit is in the one, the order in the other; both happen or neither.
 *
 * Run: deno run --allow-read --allow-write --allow-net --allow-env=PG* examples/postgres_participant.ts
 *
 * PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE say where the database is; its server needs
 * `max_prepared_transactions` above 0. `tools/postgres.sh start DIR` starts one to try it with.
 *
 * @module
 */
import { WorkerSystem } from "@trunkline/trunkline";
import type { Fate } from "@trunkline/trunkline/actors";
import type { PostgresConfig } from "@trunkline/trunkline/postgres";
import postgres from "postgres";
import { seedMsisdn, shardOf, SHARDS } from "./telecom/rows.ts";

const [COORDINATOR, BALANCES, ORDERS] = ["here/coordinator", "here/balances", "here/orders"];
const ALICE = seedMsisdn(0);

const server = {
  host: Deno.env.get("PGHOST") ?? "127.0.0.1",
  port: Number(Deno.env.get("PGPORT") ?? 5432),
  user: Deno.env.get("PGUSER") ?? "postgres",
  password: Deno.env.get("PGPASSWORD") ?? "",
  database: Deno.env.get("PGDATABASE") ?? "postgres",
};
const sql = postgres({ ...server, onnotice: () => {} });
await sql`CREATE TABLE IF NOT EXISTS orders(id text PRIMARY KEY, msisdn text, cents int)`;

const data = await Deno.makeTempDir();
await using system = WorkerSystem.create({ nodes: ["here"] });

// Subscribers are on 64 shards of the SQLite store; the database is one shard more.
const shards = [...Array(SHARDS).keys()];
const lease = { leaseMs: 0, driftPpm: 0 };
const times = { lockTimeoutMs: 1000, inquireMs: 500, storeSince: 1 };
await system.spawn({
  address: BALANCES!,
  module: import.meta.resolve("./telecom/participant_role.ts"),
  name: "participant",
  store: `${data}/balances.sqlite`,
  config: {
    shards,
    coordinators: [COORDINATOR],
    edges: [],
    seed: { subscribers: 10, edges: ["nowhere"] },
    ...times,
    ...lease,
  },
});
const config: PostgresConfig = {
  shards: [SHARDS],
  coordinators: [COORDINATOR!],
  server,
  // Transactions name these statements; nobody sends SQL.
  operations: {
    order: { sql: "INSERT INTO orders VALUES ($1, $2, $3) RETURNING id" },
    count: { sql: "SELECT count(*)::int AS count FROM orders WHERE id = $1" },
  },
  ...times,
};
const orders = {
  address: ORDERS!,
  module: import.meta.resolve("@trunkline/trunkline/postgres"),
  name: "postgresParticipant",
  config,
};
const life = await system.spawn(orders);
await system.spawn({
  address: COORDINATOR!,
  module: import.meta.resolve("@trunkline/trunkline/actors"),
  name: "coordinatorRole",
  store: `${data}/coordinator.sqlite`,
  config: {
    participantOf: [...shards.map(() => BALANCES), ORDERS],
    voteTimeoutMs: 2000,
    resendMs: 200,
    maxConcurrentTransactions: 100,
    maxRetries: 5,
    ...lease,
  },
});

async function transact(order: unknown, debit?: number): Promise<Fate> {
  const operations = [{ op: "debit", msisdn: ALICE, amount: debit }];
  const request = {
    shards: [
      ...(debit === undefined ? [] : [{ shard: shardOf(ALICE), operations }]),
      { shard: SHARDS, operations: [order] },
    ],
    answerShard: SHARDS,
  };
  return await system.ask(COORDINATOR!, "transact", request) as Fate;
}

async function buy(id: string, cents: number): Promise<void> {
  const fate = await transact({ op: "order", values: [id, ALICE, cents] }, cents);
  const why = fate.outcome === "aborted" ? `: ${fate.refusal?.code ?? fate.reason}` : "";
  console.log(`${cents} cents: ${fate.outcome}${why}`);
}

const id = crypto.randomUUID();
await buy(id, 2500);
await buy(id, 2500); // The same order again: the database says no, and nothing is debited.
await buy(crypto.randomUUID(), 1_000_000); // Too little money: there is no order.

// Its worker is killed; the next one asks the server what was left prepared.
life.terminate();
await life.exited;
await system.spawn(orders);
await buy(crypto.randomUUID(), 97_500); // All that is left.
const fate = await transact({ op: "count", values: [id] });
console.log(fate.outcome === "committed" ? fate.answer : fate);

await sql`DROP TABLE orders`;
await sql.end();
await Deno.remove(data, { recursive: true });
