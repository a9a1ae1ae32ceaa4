/**
 * Transactions that wait for one another in a circle across participants, in virtual time: one gives
 * way and is begun again, long before a lock timeout would end it.
 */
import { assert, assertEquals } from "@std/assert";
import { participantOf } from "../../actors/cluster_plan.ts";
import { seedMsisdn, shardOf } from "../../examples/telecom/rows.ts";
import { loadProfile } from "../../examples/telecom/profile_loader.ts";
import { type Answer, World } from "./cluster_world.ts";

const INITIAL = 100_000;
/** Far beyond what any test here takes: only the detector ends a deadlock. */
const SETTINGS = { lockTimeoutMs: 4900, transactionTimeoutMs: 5000 } as const;
const KEEP = { leaseMs: 500 } as const;

interface Figures {
  readonly deadlocks: number;
  readonly victims: number;
  readonly phantoms: number;
  readonly waits: number;
}

async function figures(world: World): Promise<Figures> {
  await world.system.advance(1000); // Until the last reports have come.
  const stats = await world.system.until(world.cluster.stats());
  return stats["core-2/detector"] as Figures;
}

/** Pairs of subscribers, no two of a pair at the same participant. */
function pairs(world: World, count: number): (readonly [string, string])[] {
  const keeper = (msisdn: string) => participantOf(world.cluster.plan)[shardOf(msisdn)];
  const free = Array.from({ length: 100 }, (_, i) => seedMsisdn(i));
  return Array.from({ length: count }, () => {
    const a = free.shift()!;
    const at = free.findIndex((b) => keeper(b) !== keeper(a));
    return [a, free.splice(at, 1)[0]!];
  });
}

async function inTime(world: World, request: Promise<Answer>): Promise<Answer & { ms: number }> {
  const since = world.system.now;
  return { ...await request, ms: world.system.now - since };
}

/** The built-in profile with transfers by one of the protocols. */
function profile(protocol: "2pc" | "3pc"): string {
  const loaded = loadProfile("carrier");
  if (!loaded.ok) throw new Error(loaded.error);
  const protocols = { "account.transfer": protocol };
  const settings = { ...loaded.profile.settings, synchronous: true, protocols };
  return JSON.stringify({ ...loaded.profile, settings });
}

for (const protocol of ["2pc", "3pc"] as const) {
  Deno.test(`${protocol}: transfers to and fro all succeed, and no lock timeout is needed for it`, async () => {
    const settings = { ...SETTINGS, ...KEEP };
    const world = await World.start({ seed: 12, profile: profile(protocol), settings });
    await using _ = world.system;
    const couples = pairs(world, 30);
    const sent = couples.flatMap(([a, b], i) =>
      [[a, b], [b, a]].map(([from, to], j) => {
        const params = { from, to, amount: 10, idempotencyKey: `${i}-${j}` };
        return inTime(world, world.rpc(`edge-${j + 1}`, "account.transfer", params));
      })
    );
    const answers = await world.system.until(Promise.all(sent));
    assertEquals(answers.filter(({ error }) => error !== undefined), []);
    const slowest = Math.max(...answers.map(({ ms }) => ms));
    assert(slowest < 1500, `the slowest took ${slowest} ms`);
    const { deadlocks, victims, waits } = await figures(world);
    assert(deadlocks > 0, "there were none to find");
    assertEquals([victims, waits], [deadlocks, 0]);
    for (const subscriber of couples.flat()) {
      const { result } = await world.call("edge-1", "account.balance", { subscriber });
      assertEquals(result?.["balance"], INITIAL);
    }
  });
}

Deno.test("a circle of three participants is one deadlock with one victim", async () => {
  const world = await World.start({ seed: 12, settings: { ...SETTINGS, ...KEEP } });
  await using _ = world.system;
  const keeper = (msisdn: string) => participantOf(world.cluster.plan)[shardOf(msisdn)]!;
  const all = Array.from({ length: 100 }, (_, i) => seedMsisdn(i));
  let [rounds, found] = [0, 0];
  for (; rounds < 12; rounds++) {
    const [a, b, c] = ["cloud-1", "cloud-2", "cloud-3"].map((name) =>
      all.filter((it) => keeper(it) === `${name}/participant`)[rounds]!
    ) as [string, string, string];
    const sent = [[a, b], [b, c], [c, a]].map(([from, to], i) =>
      world.rpc(`edge-${i + 1}`, "account.transfer", {
        from,
        to,
        amount: 1,
        idempotencyKey: `${rounds}-${i}`,
      })
    );
    const answers = await world.system.until(Promise.all(sent));
    assertEquals(answers.filter(({ error }) => error !== undefined), []);
  }
  const { deadlocks, victims } = await figures(world);
  found = deadlocks;
  assert(found > 0, `none in ${rounds} rounds`);
  assertEquals(victims, found);
});

Deno.test("of two that each look at what the other changes one at most goes through", async () => {
  const world = await World.start({ seed: 13, settings: { ...SETTINGS, ...KEEP } });
  await using _ = world.system;
  const couples = pairs(world, 20);
  // Each takes all it has, on condition that the other still has all: write skew, were it allowed.
  const take = (mine: string, other: string, idempotencyKey: string) => ({
    operations: [
      { subscriber: mine, change: -INITIAL },
      { subscriber: other, change: 0, before: { min: INITIAL } },
    ],
    idempotencyKey,
  });
  const sent = couples.map(([a, b], i) =>
    Promise.all([
      world.rpc("edge-1", "account.batch", take(a, b, `${i}-a`)),
      world.rpc("edge-2", "account.batch", take(b, a, `${i}-b`)),
    ])
  );
  const answers = await world.system.until(Promise.all(sent));
  for (const [i, both] of answers.entries()) {
    const codes = both.map(({ result, error }) => result === undefined ? error!.code : "done");
    assertEquals(codes.sort(), [-32017, "done"], JSON.stringify(both));
    const subscribers = couples[i]!;
    const { result } = await world.call("edge-3", "account.balances", { subscribers });
    const sum = (result!["accounts"] as { balance: number }[]).reduce((a, b) => a + b.balance, 0);
    assertEquals(sum, INITIAL);
  }
  assert((await figures(world)).deadlocks > 0, "each had the other's look in its way at times");
});

Deno.test("the detector is away for a while: what waits is found when it is back", async () => {
  const world = await World.start({ seed: 14, settings: { ...SETTINGS, ...KEEP } });
  await using _ = world.system;
  const { system } = world;
  system.crash("core-2/detector");
  const sent = pairs(world, 30).flatMap(([a, b], i) =>
    [[a, b], [b, a]].map(([from, to], j) =>
      world.rpc(`edge-${j + 1}`, "account.transfer", {
        from,
        to,
        amount: 10,
        idempotencyKey: `${i}-${j}`,
      })
    )
  );
  const answers = await system.until(Promise.all(sent));
  assertEquals(answers.filter(({ error }) => error !== undefined), []);
  assert((await figures(world)).deadlocks > 0);
});
