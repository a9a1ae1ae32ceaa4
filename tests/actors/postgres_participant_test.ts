/**
 * A PostgreSQL database as a participant: one transaction over it and a SQLite node, and every
 * moment at which something may be lost. Needs a server: PGHOST and PGPORT name one, or one is
 * started from the programs that are installed. Without either the tests are ignored, unless
 * TRUNKLINE_REQUIRE_POSTGRES is set.
 */
import { assert, assertEquals } from "@std/assert";
import { PostgresDatabase } from "../../actors/postgres_database.ts";
import { PostgresSession } from "../../actors/postgres_session.ts";
import type { Fate } from "../../actors/transact.ts";
import { Proxy } from "./postgres_proxy.ts";
import {
  CENTS,
  lackingPostgres,
  makeDatabase,
  startServer,
  type TestDatabase,
  type TestServer,
} from "./postgres_server.ts";
import { COORDINATOR, POSTGRES, SQLITE_TOTAL, Stage, until } from "./postgres_stage.ts";

const lacking = await lackingPostgres();

let server: TestServer;
if (lacking === undefined) {
  Deno.test.beforeAll(async () => {
    server = await startServer();
  });
  Deno.test.afterAll(async () => await server[Symbol.asyncDispose]());
}

/** A test with a database of its own, seen through a proxy. */
interface Scene {
  readonly database: TestDatabase;
  readonly proxy: Proxy;
}

function test(
  name: string,
  run: (t: Deno.TestContext, scene: () => Promise<Scene>) => Promise<void>,
) {
  Deno.test({
    name: lacking === undefined ? name : `${name} (no server: ${lacking})`,
    ignore: lacking !== undefined,
    fn: async (t) => {
      await using stack = new AsyncDisposableStack();
      await run(t, async () => {
        const database = stack.use(await makeDatabase(server));
        return { database, proxy: stack.use(new Proxy(database.server)) };
      });
    },
  });
}

async function conserved(stage: Stage, database: TestDatabase): Promise<void> {
  await stage.settled();
  assertEquals(await database.prepared(), []);
  assertEquals(stage.sqliteTotal() + await database.total(), SQLITE_TOTAL + 100 * CENTS);
}

/** A transaction that is prepared at the database before the other node refuses it. */
async function abortedLate(stage: Stage, database: TestDatabase): Promise<void> {
  stage.link("core-1", "cloud-1", false);
  const fate = stage.transfer(2_000_000_000);
  await until("it is prepared", async () => (await database.prepared()).length === 1);
  stage.link("core-1", "cloud-1", true);
  assertEquals(refusal(await fate), "insufficient_funds");
}

function refusal(fate: Fate): string {
  assert(fate.outcome === "aborted", JSON.stringify(fate));
  return `${fate.refusal?.code ?? fate.reason}${fate.retryable ? ", retryable" : ""}`;
}

test("votes", async (t, scene) => {
  const { database, proxy } = await scene();
  await using stage = await Stage.start(proxy.server);
  const abortsWith = async (expected: string, fate: Promise<Fate>) => {
    await stage.settled();
    const before = [await database.total(), stage.sqliteTotal()];
    assertEquals(refusal(await fate), expected);
    await stage.settled();
    await until("nothing is prepared", async () => (await database.prepared()).length === 0);
    assertEquals([await database.total(), stage.sqliteTotal()], before);
  };

  await t.step("a transaction over both commits in both", async () => {
    assertEquals(await stage.transfer(30), { outcome: "committed", answer: { cents: 1030 } });
    assertEquals(await stage.transfer(-10, 1), { outcome: "committed", answer: { cents: 990 } });
    await conserved(stage, database);
    assertEquals([await database.balance(0), await database.balance(1)], [1030, 990]);
  });
  await t.step("steps of one transaction see one another", async () => {
    const steps = [
      { op: "credit", values: [2, 5] },
      { op: "credit", values: [3, CENTS] },
      { op: "debit", values: [2, CENTS + 5] },
    ];
    assertEquals(await stage.transact(steps), { outcome: "committed", answer: { cents: 0 } });
    const sum = await stage.transact([{ op: "sum", values: [] }, { op: "code", values: [9, 9] }]);
    assertEquals(sum, { outcome: "committed", answer: null });
  });
  await t.step(
    "too little at the database aborts both",
    () => abortsWith("insufficient_funds", stage.transfer(-5000)),
  );
  await t.step(
    "too little at the other node rolls the database back",
    () => abortsWith("insufficient_funds", stage.transfer(2_000_000_000)),
  );
  await t.step(
    "a broken constraint is a no",
    () => abortsWith("violated", stage.transact([{ op: "overdraw", values: [0, 9999] }], 1)),
  );
  await t.step(
    "a constraint that is checked at PREPARE is a no",
    () => abortsWith("violated", stage.transact([{ op: "code", values: [0, 1] }], 1)),
  );
  await t.step(
    "a failing statement is a no",
    () => abortsWith("database", stage.transact([{ op: "fail", values: [0] }], 1)),
  );
  await t.step(
    "an unknown operation is a no",
    () => abortsWith("invalid_operations", stage.transact([{ op: "drop", values: [] }], 1)),
  );
  await t.step(
    "SQL for an operation is a no",
    () => abortsWith("invalid_operations", stage.transact([{ sql: "DROP TABLE account" }], 1)),
  );
  await t.step(
    "the wrong number of values is a no",
    () => abortsWith("database", stage.transact([{ op: "debit", values: [1] }], 1)),
  );

  await t.step("a row that somebody else has locked is a retryable no", async () => {
    const other = await PostgresSession.open(database.server, {
      name: "other",
      lockTimeoutMs: 5000,
      statementTimeoutMs: 10_000,
    });
    await other.query("BEGIN");
    await other.query("UPDATE account SET cents = cents WHERE id = 0");
    await abortsWith("conflict, retryable", stage.transfer(1));
    await other.query("ROLLBACK");
    other.close();
    assertEquals((await stage.transfer(1)).outcome, "committed");
  });
  await t.step("a prepared transaction of somebody else's is left alone", async () => {
    const { session } = database;
    await session.query("BEGIN; UPDATE account SET cents = cents WHERE id = 7");
    await session.query("PREPARE TRANSACTION 'trunkline:not-ours:log:0'");
    await stage.killPostgres();
    await stage.startPostgres();
    assertEquals((await stage.transfer(1)).outcome, "committed");
    await stage.settled();
    assertEquals(await database.prepared(), ["trunkline:not-ours:log:0"]);
    await session.query("ROLLBACK PREPARED 'trunkline:not-ours:log:0'");
  });
  await conserved(stage, database);
});

test("a serialization conflict is a retryable no", async (_, scene) => {
  const { database, proxy } = await scene();
  await using stage = await Stage.start(proxy.server, { isolation: "serializable" });
  // Each reads what the other writes: one of them must go.
  const skew = (id: number) =>
    stage.transact([{ op: "sum", values: [] }, { op: "credit", values: [id, 1] }]);
  const held = proxy.trap("PREPARE TRANSACTION", "hold");
  const first = skew(1);
  await held.sprung;
  const second = skew(2);
  // The other is prepared first: then it is this one that fails, or the other way round.
  const early = await Promise.race([second, first.then(() => undefined)]);
  held.release();
  const fates = [await first, early ?? await second];
  const aborted = fates.filter(({ outcome }) => outcome === "aborted");
  assertEquals(aborted.map(refusal), ["conflict, retryable"]);
  await stage.settled();
  assertEquals(await database.total(), 100 * CENTS + 1);
});

test("connections that are lost", async (t, scene) => {
  const { database, proxy } = await scene();
  await using stage = await Stage.start(proxy.server);

  await t.step("before PREPARE has arrived: a no, and nothing changed", async () => {
    proxy.trap("PREPARE TRANSACTION", "refuse");
    assertEquals(refusal(await stage.transfer(1)), "unavailable, retryable");
    await conserved(stage, database);
  });
  await t.step("after PREPARE, before its answer: it was prepared, and commits", async () => {
    proxy.trap("PREPARE TRANSACTION", "swallow");
    assertEquals((await stage.transfer(2)).outcome, "committed");
    await conserved(stage, database);
  });
  await t.step("before COMMIT PREPARED has arrived: it is said again", async () => {
    proxy.trap("COMMIT PREPARED", "refuse");
    assertEquals((await stage.transfer(3)).outcome, "committed");
    await conserved(stage, database);
  });
  await t.step("after COMMIT PREPARED, before its answer: its row says that it has", async () => {
    proxy.trap("COMMIT PREPARED", "swallow");
    assertEquals((await stage.transfer(4)).outcome, "committed");
    await conserved(stage, database);
  });
  await t.step("after ROLLBACK PREPARED, before its answer", async () => {
    const trap = proxy.trap("ROLLBACK PREPARED", "swallow");
    await abortedLate(stage, database);
    await trap.sprung;
    await conserved(stage, database);
  });
  await t.step("a server out of reach: a no at once, and a yes when it is back", async () => {
    proxy.cut();
    assertEquals(refusal(await stage.transfer(5)), "unavailable, retryable");
    proxy.mend();
    assertEquals((await stage.transfer(6)).outcome, "committed");
    await conserved(stage, database);
  });
  await t.step("all sessions ended by an operator", async () => {
    await database.session.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    await until("it commits again", async () => (await stage.transfer(7)).outcome === "committed");
    await conserved(stage, database);
  });
  assertEquals((await stage.stats(POSTGRES))["heuristics"], 0);
});

test("a role that is killed", async (t, scene) => {
  const { database, proxy } = await scene();
  await using stage = await Stage.start(proxy.server);

  await t.step("before PREPARE: the server rolls back, the coordinator gives up", async () => {
    const held = proxy.trap("PREPARE TRANSACTION", "hold");
    const fate = stage.transfer(1);
    await held.sprung;
    await stage.killPostgres();
    proxy.drop();
    held.release();
    await stage.startPostgres();
    await fate; // It may have been asked again in time.
    await conserved(stage, database);
  });
  await t.step("between PREPARE and its vote: in doubt, and settled", async () => {
    const before = await database.balance(0);
    const muted = proxy.trap("PREPARE TRANSACTION", "mute");
    const fate = stage.transfer(2);
    await muted.sprung;
    assertEquals((await database.prepared()).length, 1);
    await stage.killPostgres();
    await stage.startPostgres();
    await stage.hear(/1 transactions in doubt after recovery/);
    // The prepare that the coordinator repeats finds it in doubt and gets the vote, answer and all.
    const answer = { cents: before + 2 };
    assertEquals(await fate, { outcome: "committed", answer });
    await conserved(stage, database);
  });
  await t.step("after its vote, before the decision: it asks, and commits", async () => {
    const before = await database.balance(3);
    const held = proxy.trap("PREPARE TRANSACTION", "hold");
    const fate = stage.transfer(3, 3);
    await held.sprung;
    stage.links("cloud-2", false);
    held.release();
    assertEquals((await fate).outcome, "committed");
    await stage.killPostgres();
    assertEquals((await database.prepared()).length, 1);
    assertEquals(await database.balance(3), before);
    stage.links("cloud-2", true);
    await stage.startPostgres();
    await until("it has committed", async () => await database.balance(3) === before + 3);
    await conserved(stage, database);
  });
  await t.step("between COMMIT PREPARED and its ack: it has, and acks", async () => {
    const before = await database.balance(4);
    const muted = proxy.trap("COMMIT PREPARED", "mute");
    assertEquals((await stage.transfer(4, 4)).outcome, "committed");
    await muted.sprung;
    await stage.killPostgres();
    assertEquals(await database.balance(4), before + 4);
    const { transactions } = await stage.stats(COORDINATOR);
    assertEquals(transactions, { "committing.telling": 1 });
    await stage.startPostgres();
    await conserved(stage, database);
    assertEquals(await database.balance(4), before + 4);
  });
  await t.step("while its transaction is aborted elsewhere: nothing stays prepared", async () => {
    const muted = proxy.trap("ROLLBACK PREPARED", "mute");
    await abortedLate(stage, database);
    await muted.sprung;
    await stage.killPostgres();
    await stage.startPostgres();
    await conserved(stage, database);
  });
  await t.step("and the server after it, as by a power cut, and the role again", async () => {
    if (server.crash === undefined) return;
    const before = await database.balance(5);
    const held = proxy.trap("PREPARE TRANSACTION", "hold");
    const fate = stage.transfer(5, 5);
    await held.sprung;
    stage.links("cloud-2", false);
    held.release();
    assertEquals((await fate).outcome, "committed");
    await server.crash();
    await stage.killPostgres();
    assertEquals((await database.prepared()).length, 1);
    stage.links("cloud-2", true);
    await stage.startPostgres();
    await until("it has committed", async () => await database.balance(5) === before + 5);
    await conserved(stage, database);
  });
  await t.step("the server alone, in mid-commit: the role goes on by itself", async () => {
    if (server.crash === undefined) return;
    const before = await database.balance(6);
    const held = proxy.trap("COMMIT PREPARED", "hold");
    assertEquals((await stage.transfer(6, 6)).outcome, "committed");
    await held.sprung;
    await server.crash();
    held.release();
    await until("it has committed", async () => await database.balance(6) === before + 6);
    await conserved(stage, database);
  });
});

test(
  "a transaction ended by hand against its coordinator is reported, not acknowledged",
  async (_, scene) => {
    const { database, proxy } = await scene();
    await using stage = await Stage.start(proxy.server);
    const held = proxy.trap("COMMIT PREPARED", "hold");
    assertEquals((await stage.transfer(1)).outcome, "committed");
    await held.sprung;
    const [gid] = await database.prepared();
    await database.session.query(`ROLLBACK PREPARED '${gid}'`);
    held.release();
    const seen = async () => (await stage.stats(POSTGRES))["heuristics"] === 1;
    await until("it was noticed", seen);
    await stage.hear(/was rolled back at the database by somebody else/);
    const { transactions } = await stage.stats(COORDINATOR);
    assertEquals(transactions, { "committing.telling": 1 });
  },
);

test("a life that was taken over can do nothing any more", async (_, scene) => {
  const { database } = await scene();
  const life = (owner: string) =>
    new PostgresDatabase({
      server: database.server,
      address: "n/p",
      owner,
      connections: 2,
      lockTimeoutMs: 500,
      statementTimeoutMs: 1000,
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    });
  const first = life("first"), second = life("second");
  await first.recover();
  const id = { log: "log", sequence: 0 };
  let outcome: unknown;
  await first.work.with(async (session) => {
    await session.query("BEGIN");
    await session.query("UPDATE account SET cents = 0 WHERE id = 0");
    assertEquals(await second.recover(), []);
    outcome = await first.prepare(session, id).catch((error) => error.name);
  });
  assertEquals(outcome, "SessionLost");
  const late = await first.finish("ROLLBACK", id).catch((error) => error.message);
  assertEquals(late, "n/p was taken over by a later life of it");
  assertEquals(await database.prepared(), []);
  assertEquals(second.store, first.store);
  for (const it of [first, second]) it.close();
});
