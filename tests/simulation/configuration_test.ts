/**
 * The group that orders a cluster's configuration, in virtual time: liars of every kind in a whole
 * cluster, replicas that are convicted and replaced, nodes that hear of it late.
 */
import { assert, assertEquals } from "@std/assert";
import { BEHAVIOURS } from "../../actors/mod.ts";
import type { RosterView } from "../../actors/cluster_roster.ts";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { type Answer, World } from "./cluster_world.ts";

function begin(seed: number, profile = "carrier"): Promise<World> {
  return World.start({ seed, profile, subscribers: 10, ordered: true });
}

async function roster(world: World): Promise<RosterView> {
  const { result, error } = await world.call("edge-1", "roster.list", {});
  assert(result !== undefined, JSON.stringify(error));
  return result as unknown as RosterView;
}

/** Has a limit ordered, again if the answer was lost. */
async function limit(world: World, maxConcurrentTransactions: number): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const { result } = await world.call("edge-1", "roster.set", { maxConcurrentTransactions });
    if (result !== undefined) return;
  }
  assert(false, `the limit ${maxConcurrentTransactions} was not ordered`);
}

/** The epoch that every node believes. */
async function epochs(world: World): Promise<readonly number[]> {
  const stats = await world.system.until(world.cluster.stats());
  const nodes = Object.entries(stats).filter(([address]) => address.endsWith("/node"));
  return [...new Set(nodes.map(([, figures]) => (figures as { epoch: number }).epoch))];
}

/** What the replicas that answer are at. */
async function executed(world: World): Promise<readonly (number | undefined)[]> {
  return [...new Set((await roster(world)).replicas.map(({ executed }) => executed))];
}

/** Messages that were not understood, as `role: deadLetters`. */
async function misunderstood(world: World): Promise<readonly string[]> {
  const stats = await world.system.until(world.cluster.stats());
  return Object.entries(stats).flatMap(([address, figures]) => {
    const { deadLetters = {} } = figures as { readonly deadLetters?: Record<string, number> };
    return deadLetters["unknownType"] === undefined ? [] : [address];
  });
}

for (const profile of ["carrier", "carrier-small", "reference"]) {
  Deno.test(`${profile}: its group orders, all nodes hear of it, and it is quiet then`, async () => {
    const world = await begin(1, profile);
    await using _ = world.system;
    await world.system.advance(4000);
    await limit(world, 7);
    await world.system.advance(4000);
    const { configuration, replicas } = await roster(world);
    assertEquals(configuration.settings, { maxConcurrentTransactions: 7 });
    assertEquals(await misunderstood(world), []);
    assertEquals(replicas.length, { carrier: 4, "carrier-small": 7, reference: 5 }[profile]);
    assertEquals(Object.keys(configuration.logs).length, configuration.coordinators.length);
    assertEquals(await epochs(world), [configuration.epoch]);
    assertEquals((await executed(world)).length, 1);
    // Whether it is quiet: what is sent in ten seconds is statuses alone.
    const sentBy = async () => {
      const stats = await world.system.until(world.cluster.stats());
      const sent = Object.entries(stats).filter(([address]) => address.endsWith("/configuration"))
        .map(([, figures]) => (figures as { messages: { sent: number } }).messages.sent);
      return sent.reduce((sum, count) => sum + count, 0);
    };
    const before = await sentBy();
    await world.system.advance(10_000);
    const others = replicas.length * (replicas.length - 1);
    const perSecond = (await sentBy() - before - replicas.length) / 10;
    assert(perSecond <= 3 * others, `${perSecond} messages a second`);
  });
}

Deno.test("one change right after another is told at once too", async () => {
  const world = await begin(1);
  await using _ = world.system;
  await world.system.advance(3000);
  await limit(world, 7);
  await limit(world, 8);
  await world.system.advance(100);
  assertEquals(await epochs(world), [(await roster(world)).configuration.epoch]);
  assertEquals((await roster(world)).configuration.settings, { maxConcurrentTransactions: 8 });
});

for (const behaviour of BEHAVIOURS) {
  Deno.test(`a replica that is told to lie (${behaviour}) stops nobody`, async () => {
    const world = await begin(2);
    await using _ = world.system;
    await world.system.advance(3000);
    const order = { node: "core-1", behaviours: [behaviour] };
    assertEquals((await world.call("edge-1", "fault.behave", order)).result, { done: true });
    for (const most of [11, 12, 13]) await limit(world, most);
    const debit = { subscriber: seedMsisdn(0), amount: 1, idempotencyKey: "k" };
    assert((await world.settle("account.debit", debit)).result !== undefined);
    await world.system.advance(20_000);
    const { configuration, replicas } = await roster(world);
    assertEquals(configuration.settings, { maxConcurrentTransactions: 13 });
    assertEquals(await epochs(world), [configuration.epoch]);
    // Nobody correct was ever convicted; whoever was has been replaced, and lies no more.
    assertEquals(configuration.convicted, {});
    const convicted = configuration.replaced.map(({ node }) => node);
    assertEquals(convicted.filter((node) => node !== "core-1"), []);
    if (behaviour === "equivocate") {
      assertEquals(convicted, ["core-1"]);
      // Who has taken its place is another; what was proved of it is not forgotten.
      const proofs = replicas.flatMap(({ evidence = [] }) => evidence);
      assert(proofs.some(({ offence, replica }) => offence === "equivocation" && replica === 0));
    }
    const left = replicas[0]!.behaviours;
    assertEquals(left, convicted.length > 0 ? [] : [behaviour]);
  });
}

for (const seed of [1, 2, 3, 4]) {
  Deno.test(`orders under way while a liar is replaced are answered (seed ${seed})`, async () => {
    const world = await begin(seed);
    await using _ = world.system;
    await world.system.advance(3000);
    await world.call("edge-1", "fault.behave", { node: "core-1", behaviours: ["equivocate"] });
    const orders: Promise<Answer>[] = [];
    while ((await roster(world)).configuration.generation === 1) {
      const maxConcurrentTransactions = 100 + orders.length;
      orders.push(world.rpc("edge-1", "roster.set", { maxConcurrentTransactions }));
      await world.system.advance(50);
    }
    const answers = await world.system.until(Promise.all(orders));
    const known = answers.filter(({ result, error }) =>
      result !== undefined || error?.data.reason === "stale"
    );
    assertEquals(known.length, orders.length, JSON.stringify(answers));
  });
}

Deno.test("lies need a cluster that allows faults, a replica and a way to lie", async () => {
  const world = await begin(3);
  await using _ = world.system;
  const lie = (node: string, behaviours: unknown) =>
    world.call("edge-1", "fault.behave", { node, behaviours });
  assertEquals((await lie("edge-1", ["silent"])).error?.data.reason, "unknown_target");
  assertEquals((await lie("core-1", ["lie"])).error?.code, -32602);
  const plain = await World.start({ seed: 3, subscribers: 10 });
  await using _plain = plain.system;
  const order = { node: "core-1", behaviours: ["silent"] };
  assertEquals(
    (await plain.call("edge-1", "fault.behave", order)).error?.data.reason,
    "faults_off",
  );
  const list = await plain.call("edge-1", "roster.list", {});
  assertEquals(list.error?.data.reason, "unknownType");
});

for (const seed of [1, 2, 3, 4, 6, 21]) {
  Deno.test(`a member is replaced over lossy links while another is down (seed ${seed})`, async () => {
    const world = await begin(seed);
    await using _ = world.system;
    await world.system.advance(3000);
    await limit(world, 21);
    world.links({ loss: 0.1, duplicate: 0.1, reorder: 0.1, jitterMs: 2 });
    const late = ["core-2", "core-3", "core-4"][seed % 3]!;
    world.cluster.crashNode(late);
    const order = { node: "core-1" };
    const { error } = await world.call("edge-1", "roster.replace", order);
    await world.system.advance(200 * seed);
    world.cluster.restartNode(late);
    world.links({ loss: 0, duplicate: 0, reorder: 0, jitterMs: 0 });
    await world.system.advance(10_000);
    const isOrdered = (await roster(world)).configuration.generation === 2;
    // With one down and links that lose, the answer may take longer than the operator waits.
    assert(isOrdered || error?.data.outcome === "unknown", JSON.stringify(error));
    if (!isOrdered) await world.call("edge-1", "roster.replace", order);
    await world.system.advance(isOrdered ? 0 : 10_000);
    await limit(world, 22);
    await limit(world, 23);
    await world.system.advance(10_000);
    const { configuration, replicas } = await roster(world);
    assertEquals(configuration.generation, 2);
    assertEquals(configuration.settings, { maxConcurrentTransactions: 23 });
    assertEquals(await epochs(world), [configuration.epoch]);
    assertEquals(replicas.map(({ up }) => up), [true, true, true, true]);
    assertEquals((await executed(world)).length, 1, JSON.stringify(replicas));
    // The new one is a full member: with another down, nothing is ordered without it.
    world.cluster.crashNode("core-4");
    await limit(world, 24);
  });
}

Deno.test("a node that was down hears what it has missed", async () => {
  const world = await begin(8);
  await using _ = world.system;
  await world.system.advance(3000);
  for (const node of ["cloud-1", "edge-3", "core-2"]) world.cluster.crashNode(node);
  await limit(world, 31);
  await world.call("edge-1", "roster.handOver", { from: "core-3", to: "core-4" });
  await world.system.advance(5000);
  for (const node of ["cloud-1", "edge-3", "core-2"]) world.cluster.restartNode(node);
  await world.system.advance(10_000);
  const { configuration } = await roster(world);
  assertEquals(await epochs(world), [configuration.epoch]);
  assertEquals(configuration.coordinators, ["core-1", "core-2", "core-4"]);
});
