/**
 * A whole cluster in one thread and in virtual time: the same roles, hosts, links and machines as
 * in workers. Money is checked by asking for every balance.
 */
import { assert, assertEquals } from "@std/assert";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { World } from "./cluster_world.ts";

const SUBSCRIBERS = 30;
const INITIAL = 100_000;

/** Sum of all balances, read one by one. */
async function money(world: World): Promise<number> {
  let sum = 0;
  for (let i = 0; i < SUBSCRIBERS; i++) {
    const { result, error } = await world.call("edge-1", "account.balance", {
      subscriber: seedMsisdn(i),
    });
    assert(result !== undefined, `balance of ${i}: ${JSON.stringify(error)}`);
    sum += result["balance"] as number;
  }
  return sum;
}

/** Sends `count` transfers at once and drives the system until all are answered. */
async function transfers(world: World, count: number, prefix: string) {
  const sent = Array.from({ length: count }, (_, i) => {
    const from = Math.floor(world.random() * SUBSCRIBERS);
    const to = (from + 1 + Math.floor(world.random() * (SUBSCRIBERS - 1))) % SUBSCRIBERS;
    const params = {
      from: seedMsisdn(from),
      to: seedMsisdn(to),
      amount: 1 + Math.floor(world.random() * 100),
      idempotencyKey: `${prefix}-${i}`,
    };
    return { params, answer: world.rpc(`edge-${i % 3 + 1}`, "account.transfer", params) };
  });
  const answers = await world.system.until(Promise.all(sent.map(({ answer }) => answer)));
  return sent.map(({ params }, i) => ({ params, answer: answers[i]! }));
}

Deno.test("a cluster in virtual time answers, and the same seed gives the same run", async () => {
  const fingerprints: string[] = [];
  for (let run = 0; run < 2; run++) {
    const world = await World.start({ seed: 7, subscribers: SUBSCRIBERS });
    await using _ = world.system;
    const subscriber = seedMsisdn(0);
    const debit = { subscriber, amount: 500, idempotencyKey: "once" };
    for (const edge of ["edge-1", "edge-2"]) {
      const { result } = await world.call(edge, "account.debit", debit);
      assertEquals(result, { subscriber, balance: INITIAL - 500, version: 2 });
    }
    await transfers(world, 50, "t");
    fingerprints.push(world.system.fingerprint);
  }
  assertEquals(fingerprints[0], fingerprints[1]);
});

for (const seed of [1, 2, 3, 4, 5, 6]) {
  Deno.test(`transfers under lossy, doubling, reordering links conserve money (seed ${seed})`, async () => {
    const world = await World.start({ seed, subscribers: SUBSCRIBERS });
    await using _ = world.system;
    world.links({ loss: 0.15, duplicate: 0.2, reorder: 0.2, jitterMs: 4 });
    const done = await transfers(world, 60, "lossy");
    world.links({ loss: 0, duplicate: 0, reorder: 0 });
    await world.system.advance(15_000);
    assertEquals(await world.inDoubt(), 0);
    assertEquals(await money(world), SUBSCRIBERS * INITIAL);
    assert(done.some(({ answer }) => answer.result !== undefined), "nothing got through");
    // Whoever got no answer asks again under its key, and learns what became of it.
    for (const { params, answer } of done) {
      if (answer.result !== undefined) {
        const again = await world.settle("account.transfer", params);
        assertEquals(again.result, answer.result);
      } else await world.settle("account.transfer", params);
    }
    assertEquals(await money(world), SUBSCRIBERS * INITIAL);
  });
}

for (const seed of [11, 12, 13, 14]) {
  Deno.test(`crashes and partitions in mid-flight lose nothing acknowledged (seed ${seed})`, async () => {
    const world = await World.start({ seed, subscribers: SUBSCRIBERS });
    await using _ = world.system;
    const { system, cluster } = world;
    const acknowledged: { params: unknown; result: unknown }[] = [];
    const victims = ["core-1/coordinator", "cloud-1/participant", "cloud-2/participant"];
    for (let round = 0; round < 6; round++) {
      const pending = transfers(world, 20, `round-${round}`);
      await system.advance(5 + world.random() * 60);
      const victim = victims[Math.floor(world.random() * victims.length)]!;
      if (system.spawner.running.includes(victim)) system.crash(victim);
      const one = `core-${1 + Math.floor(world.random() * 4)}`;
      const other = `cloud-${1 + Math.floor(world.random() * 3)}`;
      system.switchboard.set(one, other, { up: false });
      await system.advance(200 + world.random() * 2000);
      system.switchboard.set(one, other, { up: true });
      for (const { params, answer } of await pending) {
        if (answer.result !== undefined) acknowledged.push({ params, result: answer.result });
      }
    }
    await system.advance(20_000);
    assertEquals(await world.inDoubt(), 0);
    assertEquals(await money(world), SUBSCRIBERS * INITIAL);
    assert(acknowledged.length > 20, `only ${acknowledged.length} acknowledged`);
    for (const { params, result } of acknowledged) {
      assertEquals((await world.settle("account.transfer", params)).result, result);
    }
    assertEquals(await money(world), SUBSCRIBERS * INITIAL);
    assertEquals(cluster.health().ok, true);
  });
}

Deno.test("an edge that cannot be reached is waited for no longer than its lease", async () => {
  const world = await World.start({ seed: 21, subscribers: SUBSCRIBERS });
  await using _ = world.system;
  const { system } = world;
  const subscriber = seedMsisdn(1);
  const opened = await world.call("edge-2", "session.open", { subscriber });
  const { session } = opened.result!;
  const validated = await world.call("edge-2", "session.validate", { session });
  assertEquals(validated.result?.["valid"], true);
  for (const core of ["core-1", "core-2", "core-3", "core-4"]) {
    system.switchboard.set(core, "edge-2", { up: false });
    system.switchboard.set("edge-2", core, { up: false });
  }
  const since = system.now;
  const credit = { subscriber, amount: 5, idempotencyKey: "while cut off" };
  const { result } = await world.call("edge-1", "account.credit", credit);
  assertEquals(result?.["balance"], INITIAL + 5);
  const waited = system.now - since;
  assert(waited > 1500 && waited < 2600, `waited ${waited} ms`);
});

Deno.test("a port ends the sessions an edge has cached, before it is acknowledged", async () => {
  const world = await World.start({ seed: 22, subscribers: SUBSCRIBERS });
  await using _ = world.system;
  const msisdn = seedMsisdn(2);
  const { result } = await world.call("edge-3", "session.open", { subscriber: msisdn });
  const session = result!["session"];
  for (let i = 0; i < 3; i++) await world.call("edge-3", "session.validate", { session });
  const params = { msisdn, toImsi: "639039999999999", idempotencyKey: "port" };
  const ported = await world.call("edge-1", "number.port", params);
  assertEquals(ported.result?.["imsi"], "639039999999999");
  const after = await world.call("edge-3", "session.validate", { session });
  assertEquals(after.error?.data.reason, "expired_session");
});

Deno.test("what is asked for one subscriber goes through one coordinator, whatever the edge", async () => {
  const world = await World.start({ seed: 9, subscribers: SUBSCRIBERS });
  await using _ = world.system;
  const debits = Array.from({ length: 60 }, (_, i) => {
    const params = { subscriber: seedMsisdn(0), amount: 1, idempotencyKey: `d-${i}` };
    return world.rpc(`edge-${i % 3 + 1}`, "account.debit", params);
  });
  const answers = await world.system.until(Promise.all(debits));
  const balances = answers.map(({ result }) => result?.["balance"] as number).sort();
  assertEquals(balances, Array.from({ length: 60 }, (_, i) => INITIAL - 60 + i).sort());
  const started: number[] = [];
  for (let core = 1; core <= 4; core++) {
    const stats = world.system.ask(`core-${core}/coordinator`, "$stats");
    started.push((await world.system.until(stats) as { started: number }).started);
  }
  assertEquals(started.toSorted((a, b) => a - b), [0, 0, 0, 60]);
});
