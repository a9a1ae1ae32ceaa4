/** What only the simulator promises: one seed, one run; time that is not real; disks that fail. */
import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import type { RoleSpec } from "../../runtime/ports.ts";
import { SimulatedRandom } from "../../runtime/simulated/random.ts";
import { Scheduler } from "../../runtime/simulated/scheduler.ts";
import { SimulatedDisks } from "../../runtime/simulated/store.ts";
import { SimulatedSystem } from "../../runtime/simulated/system.ts";
import { link } from "./contract/implementation.ts";
import { ROLES } from "./contract/roles.ts";

function spec(address: string, name: string): RoleSpec {
  return { address, module: ROLES, name, config: undefined, store: address };
}

const ROLES_OF_STORY = [
  spec("a/source", "source"),
  spec("b/sink", "sink"),
  spec("a/keeper", "keeper"),
  spec("b/keeper", "keeper"),
];

/** A busy minute with faults; returns all that could tell one run from another. */
async function story(seed: number): Promise<unknown> {
  const faulty = { delayMs: 5, jitterMs: 4, loss: 0.1, duplicate: 0.1, reorder: 0.2 };
  await using system = SimulatedSystem.create({
    nodes: ["a", "b"],
    links: [link("a", "b", faulty), link("b", "a", faulty)],
    seed,
  });
  await Promise.all(ROLES_OF_STORY.map((spec) => system.spawn(spec)));
  const random = new SimulatedRandom(seed);
  for (let i = 0; i < 60; i++) {
    system.tell("a/source", "burst", { to: "b/sink", values: [i, i + 1] });
    system.tell("a/keeper", "keep", i);
    system.ask("b/keeper", "keep", i, 50);
    await system.advance(random.between(1, 20));
    if (i % 20 === 10) {
      system.crash("b/keeper");
      await system.restart(spec("b/keeper", "keeper"));
    }
  }
  await system.advance(30_000);
  const seen = await system.until(system.ask("b/sink", "whenSeen", 1));
  const recovered = await system.until(system.ask("b/keeper", "recovered"));
  return [system.now, system.fingerprint, seen, recovered];
}

Deno.test("simulated: one seed is one run, another seed another", async () => {
  const [first, again, other] = [await story(11), await story(11), await story(12)];
  assertEquals(first, again);
  assertNotEquals(first, other);
});

Deno.test("simulated: time passes only when it is driven, and much of it at once", async () => {
  await using system = SimulatedSystem.create({ nodes: ["n"] });
  await system.spawn(spec("n/keeper", "keeper"));
  const before = system.now;
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(system.now, before);
  await system.advance(3_600_000);
  assertEquals(system.now, before + 3_600_000);
});

Deno.test("simulated: a promise that nothing settles is an error, not a hang", async () => {
  await using system = SimulatedSystem.create({ nodes: ["n"] });
  await assertRejects(() => system.until(new Promise(() => {}), 100), Error, "Not settled");
  await assertRejects(() => system.when(() => false, 100), Error, "Does not hold");
});

Deno.test("simulated: a crash loses what was on its way to the disk, never more", async () => {
  let lost = 0, survived = 0;
  for (let seed = 0; seed < 40; seed++) {
    await using system = SimulatedSystem.create({
      nodes: ["n"],
      seed,
      commitDelay: { minMs: 5, maxMs: 10 },
    });
    const keeper = spec("n/keeper", "keeper");
    await system.spawn(keeper);
    await system.until(system.ask(keeper.address, "keep", "acknowledged"));
    const answer = system.ask(keeper.address, "keep", "doubtful", 1000);
    await system.advance(1);
    system.crash(keeper.address);
    await assertRejects(() => system.until(answer), Error, "timeout");
    await system.restart(keeper);
    const recovered = await system.until(system.ask(keeper.address, "recovered")) as string[];
    assertEquals(recovered[0], "acknowledged");
    if (recovered.length === 1) lost++;
    else survived++;
  }
  assert(lost > 5 && survived > 5, `${lost} lost, ${survived} survived`);
});

Deno.test("simulated: several batches are on their way, and become durable in order", () => {
  const scheduler = new Scheduler();
  const disks = new SimulatedDisks(scheduler, new SimulatedRandom(3), { minMs: 1, maxMs: 20 });
  const durable: number[] = [];
  const store = disks.open("s", () => durable.push(store.durable));
  for (let i = 1; i <= 30; i++) {
    store.append(i);
    store.put("last", i);
    store.commit();
    assertEquals(store.get("last"), i);
    scheduler.skipTo(Math.min(i / 10, scheduler.next() ?? Infinity));
  }
  assertEquals(store.durable, 0);
  while (scheduler.step());
  assertEquals(durable, Array.from({ length: 30 }, (_, i) => i + 1));
});

Deno.test("simulated: a disk that fails ends its role; a replaced one is another store", async () => {
  await using system = SimulatedSystem.create({ nodes: ["n"] });
  const keeper = spec("n/keeper", "keeper");
  const spawned = await system.spawn(keeper);
  await system.until(system.ask(keeper.address, "keep", "a"));
  system.disks.setFailure(keeper.store!, "medium error");
  system.tell(keeper.address, "keep", "b");
  assert((await system.until(spawned.exited)).includes("Cannot write to n/keeper: medium error"));
  system.disks.replace(keeper.store!);
  await system.spawn(keeper);
  assertEquals(await system.until(system.ask(keeper.address, "recovered")), []);
});

Deno.test("simulated: a role that hangs beats no more, and a fenced one cannot write", async () => {
  await using system = SimulatedSystem.create({ nodes: ["n"] });
  const keeper = spec("n/keeper", "keeper");
  const first = await system.spawn(keeper);
  const resume = system.spawner.pause(keeper.address);
  const slot = 1; // The client has slot 0.
  const beats = system.switchboard.beats(slot);
  system.tell(keeper.address, "keep", "stale");
  await system.advance(10_000);
  assertEquals(system.switchboard.beats(slot), beats);
  const second = await system.restart(keeper);
  assert(second.incarnation > first.incarnation);
  assertEquals(system.spawner.lostThreads, 1);
  resume();
  await system.until(first.exited);
  assertEquals(system.spawner.lostThreads, 0);
  await system.until(system.ask(keeper.address, "keep", "fresh"));
  await system.restart(keeper);
  assertEquals(await system.until(system.ask(keeper.address, "recovered")), ["fresh"]);
});

Deno.test("simulated: who is killed in the turn of its stop does not go on to answer", async () => {
  await using system = SimulatedSystem.create({ nodes: ["n"] });
  const keeper = spec("n/keeper", "keeper");
  const spawned = await system.spawn(keeper);
  const resume = system.spawner.pause(keeper.address);
  const stopped = system.ask(keeper.address, "$stop", null, 1000);
  spawned.terminate(); // It hangs: this takes effect after one more turn.
  resume();
  assertEquals(await system.until(spawned.exited), "exited without a word");
  await assertRejects(() => system.until(stopped), Error, "timeout");
});

Deno.test("simulated: a node crashes as a whole", async () => {
  await using system = SimulatedSystem.create({ nodes: ["a", "b"] });
  for (const spec of ROLES_OF_STORY) await system.spawn(spec);
  system.crashNode("a");
  assertEquals([...system.spawner.running].sort(), ["b/keeper", "b/sink", "main/client"]);
  assertThrows(() => system.crash("a/keeper"), RangeError, "No role runs at a/keeper");
});

Deno.test("simulated: events of one instant happen in the order they were set", () => {
  const scheduler = new Scheduler();
  const order: string[] = [];
  scheduler.at(5, () => order.push("b"));
  scheduler.at(3, () => {
    order.push("a");
    scheduler.at(5, () => order.push("c"));
    scheduler.at(1, () => order.push("a2")); // Its time has passed: it happens now.
  });
  assertThrows(() => scheduler.skipTo(4), RangeError, "due at 3 ms");
  while (scheduler.step());
  assertEquals([order, scheduler.now()], [["a", "a2", "b", "c"], 5]);
  assertEquals(scheduler.wall() - scheduler.now(), Date.UTC(2026, 0, 1));
});
