/**
 * A participant for PostgreSQL, message by message: duplicates, restarts, watermarks, and a storm of
 * faults. See `postgres_participant_test.ts` for what it needs.
 */
import { assert, assertEquals } from "@std/assert";
import { CLIENT, defineRole } from "../../runtime/role.ts";
import { seeded } from "../../runtime/random.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";
import { Proxy } from "./postgres_proxy.ts";
import {
  ACCOUNTS,
  CENTS,
  lackingPostgres,
  makeDatabase,
  startServer,
  type TestServer,
} from "./postgres_server.ts";
import { POSTGRES, postgresSpec, SQLITE_TOTAL, Stage, until } from "./postgres_stage.ts";

const lacking = await lackingPostgres();
const only = (name: string) => ({
  name: lacking === undefined ? name : `${name} (no server: ${lacking})`,
  ignore: lacking !== undefined,
});

let server: TestServer;
if (lacking === undefined) {
  Deno.test.beforeAll(async () => {
    server = await startServer();
  });
  Deno.test.afterAll(async () => await server[Symbol.asyncDispose]());
}

type Heard = Readonly<Record<string, unknown>> & { readonly type: string };

Deno.test(only("messages of a coordinator, again and after restarts"), async (t) => {
  await using database = await makeDatabase(server);
  const heard: Heard[] = [];
  const listen = (type: string) => ({
    accepts: () => true,
    handle: (body: object) => void heard.push({ ...body, type }),
  });
  // The test is the coordinator, and the peer.
  const client = defineRole<undefined>({
    name: "coordinator",
    create: () => ({
      messages: Object.fromEntries(
        ["voteYes", "voteNo", "ack", "inquiry", "uncertain", "abort"].map((it) => [it, listen(it)]),
      ),
    }),
  });
  await using system = WorkerSystem.create({ nodes: ["cloud-2"], client });
  const spec = postgresSpec(database.server, { coordinators: [CLIENT], inquireMs: 5000 });
  let life = await system.spawn(spec);
  const restart = async () => {
    life.terminate();
    await life.exited;
    life = await system.spawn(spec);
  };
  const next = async (): Promise<Heard> => {
    await until("something was heard", () => Promise.resolve(heard.length > 0));
    return heard.shift()!;
  };
  const id = (sequence: number, log = "log") => ({ log, sequence });
  const tell = (type: string, body: object) => system.tell(POSTGRES, type, body);
  const prepare = (sequence: number, { lowest = 0, op = "credit", log = "log" } = {}) =>
    tell("prepare", {
      id: id(sequence, log),
      lowest,
      peers: [POSTGRES, CLIENT],
      you: 0,
      epoch: 1,
      operations: [{ shard: 1, operations: [{ op, values: [0, 1] }] }],
    });
  const voted = async (sequence: number): Promise<string> => {
    const vote = await next();
    assertEquals([vote.type, vote["id"]], ["voteYes", id(sequence)]);
    return vote["store"] as string;
  };
  const balance = () => database.balance(0);

  let store = "";
  await t.step("a vote, again for a second prepare, and again after a restart", async () => {
    prepare(0);
    store = await voted(0);
    prepare(0);
    await voted(0);
    await restart();
    assertEquals((await next()).type, "inquiry");
    prepare(0);
    assertEquals(await voted(0), store);
    assertEquals(await balance(), CENTS);
  });
  await t.step("a commit is done once, however often it is said", async () => {
    for (let times = 0; times < 3; times++) {
      tell("commit", { id: id(0), you: 0, store });
      assertEquals((await next()).type, "ack");
      assertEquals(await balance(), CENTS + 1);
      if (times === 1) await restart();
    }
    prepare(0);
    tell("inquiry", { id: id(1), index: 1, you: 0, epoch: 1 }); // Answered after the prepare.
    assertEquals((await next())["type"], "abort");
    assertEquals(await balance(), CENTS + 1);
  });
  await t.step("what was refused to a peer stays refused", async () => {
    for (let times = 0; times < 2; times++) {
      prepare(1);
      assertEquals((await next())["type"], "voteNo");
      tell("inquiry", { id: id(1), index: 1, you: 0, epoch: 1 });
      assertEquals((await next())["type"], "abort");
      assertEquals(await database.prepared(), []);
      if (times === 0) await restart();
    }
  });
  await t.step("an abort rolls back, and is the answer to a peer from then on", async () => {
    prepare(2);
    await voted(2);
    tell("abort", { id: id(2) });
    await until("nothing is prepared", async () => (await database.prepared()).length === 0);
    assertEquals(await balance(), CENTS + 1);
  });
  await t.step("below the watermark nothing begins again, also after a restart", async () => {
    prepare(3, { lowest: 3 });
    await voted(3);
    await until("the watermark is kept", async () => {
      const { rows } = await database.session.query("SELECT lowest FROM trunkline.watermark");
      return rows[0]?.["lowest"] === 3;
    });
    const { rows } = await database.session.query(
      `SELECT (SELECT count(*)::int FROM trunkline.outcome) AS outcomes,
         (SELECT array_agg(sequence) FROM trunkline.vote)::text AS votes`,
    );
    assertEquals(rows, [{ outcomes: 0, votes: "{3}" }]);
    await restart();
    assertEquals((await next()).type, "inquiry"); // Of 3, in doubt.
    prepare(0);
    tell("commit", { id: id(0), you: 0, store }); // Acknowledged: the same store, below.
    const ack = await next();
    assertEquals([ack.type, ack["id"]], ["ack", id(0)]);
    assertEquals(await balance(), CENTS + 1);
    tell("abort", { id: id(3) });
  });
  await t.step("a commit for another store's vote is not acknowledged", async () => {
    tell("commit", { id: id(1), you: 0, store: crypto.randomUUID() });
    prepare(4, { lowest: 3, op: "overdraft" });
    assertEquals((await next()).type, "voteNo"); // Of 4: the commit had no answer.
  });
  await t.step("an id that would have to be quoted is refused", async () => {
    prepare(0, { log: "'; DROP TABLE account; --" });
    const no = await next();
    assertEquals([no.type, (no["reason"] as { code: string }).code], [
      "voteNo",
      "invalid_operations",
    ]);
    prepare(0, { log: "x".repeat(200) });
    assertEquals((await next()).type, "voteNo");
  });
  await t.step("strangers are not heard", async () => {
    await using other = await makeDatabase(server);
    await system.spawn({
      ...postgresSpec(other.server, { coordinators: ["core-1/coordinator"] }),
      address: "cloud-2/other",
    });
    system.tell("cloud-2/other", "prepare", {
      id: id(0),
      lowest: 0,
      peers: [CLIENT],
      you: 0,
      epoch: 1,
      operations: [{ shard: 1, operations: [{ op: "credit", values: [0, 1] }] }],
    });
    const stats = await system.ask("cloud-2/other", "$stats") as Record<string, unknown>;
    assertEquals(stats["deadLetters"], { forbidden: 1 });
  });
  assertEquals(heard, []);
});

Deno.test(only("a database that cannot be used says why"), async () => {
  await using system = WorkerSystem.create({ nodes: ["cloud-2"] });
  const missing = { ...server.address, database: "no_such_database" };
  const failure = await system.spawn(postgresSpec(missing)).catch((error) => error.message);
  assert(/database "no_such_database" does not exist/.test(failure), failure);
  const sql = "BEGIN; DROP TABLE account";
  const bad = { ...postgresSpec(missing, { operations: { drop: { sql } } }) };
  const refused = await system.spawn(bad).catch((error) => error.message);
  assert(/Cannot use operation "drop": it must be one SELECT/.test(refused), refused);
});

Deno.test(only("a storm: kills, cuts and lost answers, and all money is there"), async () => {
  await using database = await makeDatabase(server);
  using proxy = new Proxy(database.server);
  await using stage = await Stage.start(proxy.server);
  const random = seeded(7);
  const pick = (n: number) => Math.floor(random() * n);
  const acknowledged = Array<number>(ACCOUNTS).fill(0);
  const uncertain = new Set<number>();
  let stopped = false, committed = 0;
  const clients = Array.from({ length: 8 }, async (_, client) => {
    while (!stopped) {
      const id = client + 8 * pick(12), cents = pick(20) - 10 || 1;
      try {
        const fate = await stage.transfer(cents, id);
        if (fate.outcome !== "committed") continue;
        acknowledged[id]! += cents;
        committed++;
      } catch {
        uncertain.add(id); // No answer in time: it may have committed.
      }
    }
  });
  const words = ["PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED"] as const;
  const mishaps = ["refuse", "swallow"] as const;
  for (let fault = 0; fault < 24; fault++) {
    const kind = pick(4);
    if (kind === 0) {
      await stage.killPostgres();
      await stage.startPostgres();
    } else if (kind === 1) proxy.drop();
    else if (kind === 2) {
      stage.link("core-1", "cloud-2", false);
      await new Promise((resolve) => setTimeout(resolve, 20 + pick(100)));
      stage.link("core-1", "cloud-2", true);
    } else proxy.trap(words[pick(2)]!, mishaps[pick(2)]!);
    const reached = committed + 3;
    await until("some more committed", () => Promise.resolve(committed >= reached));
  }
  stopped = true;
  await Promise.all(clients);
  await stage.settled();
  await until("nothing is prepared", async () => (await database.prepared()).length === 0);
  assertEquals(stage.sqliteTotal() + await database.total(), SQLITE_TOTAL + ACCOUNTS * CENTS);
  for (let id = 0; id < ACCOUNTS; id++) {
    if (uncertain.has(id)) continue;
    assertEquals(await database.balance(id), CENTS + acknowledged[id]!, `account ${id}`);
  }
  assert(committed >= 72, `${committed} committed`);
  assertEquals((await stage.stats(POSTGRES))["heuristics"], 0);
});
