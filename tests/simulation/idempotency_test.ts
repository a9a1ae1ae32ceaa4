/**
 * One key, one effect: through two edges and two coordinators, across restarts, until it expires.
 */
import { assert, assertEquals } from "@std/assert";
import type { Gateway } from "../../actors/gateway.ts";
import { Once } from "../../actors/once.ts";
import { answerRefused, type WriteCall } from "../../examples/telecom/gateway_calls.ts";
import { argumentsHash } from "../../examples/telecom/plan.ts";
import {
  claimKey,
  KEY_LIFETIME_MS,
  type KeyRow,
  seedMsisdn,
  shardOf,
} from "../../examples/telecom/rows.ts";
import { refuse } from "../../examples/telecom/refusals.ts";
import { World } from "./cluster_world.ts";

const subscriber = seedMsisdn(0);
const INITIAL = 100_000;

for (const seed of [121, 122, 123, 124]) {
  Deno.test(`a key used through three edges at once, in mid-crash, is one effect (seed ${seed})`, async () => {
    const world = await World.start({ seed });
    await using _ = world.system;
    const [from, to] = [seedMsisdn(0), seedMsisdn(1)];
    const params = { from, to, amount: 10, idempotencyKey: "same" };
    const other = { ...params, amount: 11 };
    const edges = ["edge-1", "edge-2", "edge-3", "edge-1", "edge-2", "edge-3"];
    const sent = Promise.all(edges.map((edge) => world.rpc(edge, "account.transfer", params)));
    const others = Promise.all(edges.map((edge) => world.rpc(edge, "account.transfer", other)));
    await world.system.advance(80 * world.random());
    world.system.crash("cloud-1/participant");
    world.system.crash("core-2/coordinator");
    const answers = await world.system.until(Promise.all([sent, others]));
    const results = answers.map((some) => some.filter(({ result }) => result !== undefined));
    assert(results.filter((some) => some.length > 0).length <= 1, "two effects of one key");
    await world.system.advance(5000);
    const first = await world.settle("account.transfer", params);
    const second = await world.settle("account.transfer", other);
    assertEquals([first, second].filter(({ result }) => result !== undefined).length, 1);
    const refused = first.result === undefined ? first : second;
    assertEquals(refused.error?.data.reason, "key_reused");
    const told = new Set(results.flat().map(({ result }) => JSON.stringify(result)));
    assert(told.size <= 1, "two answers to one key");
    const left = await world.settle("account.balance", { subscriber: from });
    const amount = first.result === undefined ? 11 : 10;
    assertEquals(left.result?.["balance"], INITIAL - amount);
  });
}

Deno.test("a commit that one participant had forgotten how to acknowledge comes to its end", async () => {
  const world = await World.start({ seed: 125 });
  await using _ = world.system;
  const { system, cluster } = world;
  const cores = ["core-1", "core-2", "core-3", "core-4"];
  const clouds = ["cloud-1", "cloud-2", "cloud-3"];
  const answer = world.rpc("edge-1", "account.debit", {
    subscriber,
    amount: 1,
    idempotencyKey: "k",
  });
  await system.advance(35); // Its prepare is there: from now on the acks are lost.
  const committed = async () => {
    const stats = await system.until(cluster.stats());
    return clouds.some((c) => (stats[`${c}/participant`] as { committed: number }).committed > 0);
  };
  while (!await committed()) await system.advance(0.5);
  for (const cloud of clouds) {
    for (const core of cores) system.switchboard.set(cloud, core, { up: false });
  }
  assert((await system.until(answer)).result !== undefined);
  for (const cloud of clouds) system.crash(`${cloud}/participant`); // All they have is its outcome.
  await system.advance(1000);
  for (const cloud of clouds) {
    for (const core of cores) system.switchboard.set(cloud, core, { up: true });
  }
  await system.advance(5000);
  const stats = await system.until(cluster.stats());
  for (const core of cores) {
    assertEquals((stats[`${core}/coordinator`] as { transactions: unknown }).transactions, {});
  }
});

/** A gateway whose reads find a key used `ageMs` ago. */
function gatewayThatFinds(row: KeyRow, nowMs: number): Gateway {
  const key = claimKey(shardOf(subscriber), "ann", "k");
  const value = { rows: [[key, row]], missing: [] };
  return {
    services: { clock: { wall: () => nowMs } },
    read: () => Promise.resolve({ ok: true, value }),
  } as unknown as Gateway;
}

Deno.test("a refused write is not answered with what its key was used for before it expired", async () => {
  const params = { from: subscriber, to: seedMsisdn(1), amount: 5, idempotencyKey: "k" };
  const call = { kind: "write", method: "account.transfer", params } as WriteCall;
  const row = { hash: argumentsHash(call.method, params), answer: { amount: 5 }, at: 1000 };
  const caller = { subject: "ann" } as Parameters<typeof answerRefused>[2];
  const refusal = refuse("insufficient_funds", "");
  const at = (ms: number) => answerRefused(gatewayThatFinds(row, ms), call, caller, refusal, 2);
  assertEquals(await at(1000 + KEY_LIFETIME_MS - 1), { ok: true, result: row.answer });
  const late = await at(1000 + KEY_LIFETIME_MS);
  assertEquals(late.ok ? undefined : late.error.data.reason, "insufficient_funds");
});

Deno.test("a question is taken up once, as long as somebody waits, and then forgotten", () => {
  const once = new Once();
  const ask = (call: number, deadline?: number) => ({
    from: "edge-1/gateway",
    metadata: { call, ...(deadline === undefined ? {} : { deadline }) },
  });
  assertEquals([once.first(ask(1, 100), 0), once.first(ask(1, 100), 99)], [true, false]);
  assertEquals(once.first(ask(1, 100), 100), false, "nobody waits");
  assertEquals(once.first({ ...ask(1, 100), from: "edge-2/gateway" }, 50), true);
  for (let now = 0; now < 100_000; now++) {
    assertEquals(once.first(ask(now + 10, now + 50), now), true);
    assertEquals(once.first(ask(now + 10, now + 50), now + 1), false);
    assert(once.size < 500, `${once.size} remembered`);
  }
});
