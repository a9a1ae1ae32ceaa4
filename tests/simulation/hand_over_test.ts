/**
 * Hand-overs of coordinators' logs in a whole cluster in virtual time, while transactions run, links
 * lose and nodes crash: at every moment a log has one owner at most, no decision is lost, and no money.
 */
import { assert, assertEquals } from "@std/assert";
import type { Configuration } from "../../protocols/configuration/mod.ts";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { World } from "./cluster_world.ts";

const SUBSCRIBERS = 30;
const INITIAL = 100_000;
const CORES = ["core-1", "core-2", "core-3", "core-4"];
/** States in which a coordinator answers for a log. */
const OWNING = new Set(["serving", "draining", "aborting", "sealing"]);

type Logs = Readonly<Record<string, string>>;

/** What every coordinator that answers does with each log. */
async function logs(world: World): Promise<ReadonlyMap<string, Logs>> {
  const found = new Map<string, Logs>();
  await Promise.all(CORES.map(async (node) => {
    try {
      const stats = await world.system.ask(`${node}/coordinator`, "$stats", null, 50);
      const { logs = {} } = stats as { readonly logs?: Logs }; // None before it has recovered.
      found.set(node, logs);
    } catch {
      // It is down: it answers for nothing.
    }
  }));
  return found;
}

/** Looks now and again that no log has two owners; says how often it has looked. */
function watch(world: World): { readonly looks: () => number; stop(): void } {
  let looks = 0;
  let stopped = false;
  void (async () => {
    while (!stopped) {
      const owners = new Map<string, string[]>();
      for (const [node, states] of await logs(world)) {
        for (const [log, state] of Object.entries(states)) {
          if (OWNING.has(state)) owners.set(log, [...owners.get(log) ?? [], node]);
        }
      }
      for (const [log, nodes] of owners) {
        if (nodes.length > 1) world.log.push(`TWO OWNERS of ${log}: ${nodes.join(", ")}`);
      }
      looks++;
      await pause(world, 7);
    }
  })();
  return { looks: () => looks, stop: () => stopped = true };
}

function pause({ system }: World, ms: number): Promise<void> {
  return new Promise((resolve) => system.scheduler.at(system.now + ms, resolve));
}

async function configuration(world: World): Promise<Configuration> {
  const { result } = await world.call("edge-1", "roster.list", {});
  return result!["configuration"] as Configuration;
}

/** Transfers between any two, one every few ms, each under a key of its own. */
async function traffic(world: World, count: number): Promise<readonly Record<string, unknown>[]> {
  const sent: Record<string, unknown>[] = [];
  const answers: Promise<unknown>[] = [];
  for (let i = 0; i < count; i++) {
    const from = Math.floor(world.random() * SUBSCRIBERS);
    const to = (from + 1 + Math.floor(world.random() * (SUBSCRIBERS - 1))) % SUBSCRIBERS;
    const params = {
      from: seedMsisdn(from),
      to: seedMsisdn(to),
      amount: 1 + Math.floor(world.random() * 100),
      idempotencyKey: `t-${i}`,
    };
    sent.push(params);
    answers.push(world.rpc(`edge-${i % 3 + 1}`, "account.transfer", params));
    await pause(world, 10);
  }
  await Promise.all(answers);
  return sent;
}

/** All doubts end, all balances add up, and each transfer has happened once. */
async function settle(world: World, sent: readonly Record<string, unknown>[]): Promise<void> {
  await world.system.advance(20_000);
  assertEquals(await world.inDoubt(), 0);
  const balances = Array.from({ length: SUBSCRIBERS }, () => INITIAL);
  for (const params of sent) {
    const { result, error } = await world.settle("account.transfer", params);
    assert(result !== undefined, JSON.stringify(error));
    const { from, to, amount } = params as { from: string; to: string; amount: number };
    for (let i = 0; i < SUBSCRIBERS; i++) {
      if (seedMsisdn(i) === from) balances[i]! -= amount;
      if (seedMsisdn(i) === to) balances[i]! += amount;
    }
  }
  for (const [i, balance] of balances.entries()) {
    const subscriber = seedMsisdn(i);
    const { result } = await world.call("edge-1", "account.balance", { subscriber });
    assertEquals(result!["balance"], balance, subscriber);
  }
}

async function awaitOwner(world: World, from: string, to: string): Promise<void> {
  for (let waited = 0; waited < 120; waited++) {
    const { logs, coordinators } = await configuration(world);
    const left = Object.values(logs).filter(({ owner }) => owner === from);
    if (left.length === 0) {
      assert(Object.values(logs).some(({ owner }) => owner === to));
      assert(!coordinators.includes(from));
      return;
    }
    await world.system.advance(500);
  }
  assert(false, `${from} owns a log still: ${JSON.stringify((await configuration(world)).logs)}`);
}

function begin(seed: number): Promise<World> {
  return World.start({ seed, subscribers: SUBSCRIBERS, ordered: true });
}

const twoOwners = (world: World) => world.log.filter((line) => line.startsWith("TWO OWNERS"));

for (const seed of [1, 2, 3, 4]) {
  Deno.test(`a hand-over while transfers run over lossy links loses none (seed ${seed})`, async () => {
    const world = await begin(seed);
    await using _ = world.system;
    await world.system.advance(3000);
    if (seed > 1) world.links({ loss: 0.1, duplicate: 0.1, reorder: 0.1, jitterMs: 3 });
    const watched = watch(world);
    const sent = traffic(world, 150);
    await world.system.advance(300);
    const order = world.rpc("edge-1", "roster.handOver", { from: "core-1", to: "core-2" });
    const transfers = await world.system.until(sent);
    await world.system.until(order);
    world.links({ loss: 0, duplicate: 0, reorder: 0, jitterMs: 0 });
    await awaitOwner(world, "core-1", "core-2");
    watched.stop();
    assert(watched.looks() > 50);
    assertEquals(twoOwners(world), []);
    await settle(world, transfers);
    const states = await world.system.until(logs(world));
    assertEquals(Object.values(states.get("core-1")!), ["released"]);
    assertEquals(Object.values(states.get("core-2")!), ["serving", "serving"]);
  });
}

for (const victim of ["core-1", "core-2", "core-3"]) {
  for (const afterMs of [5, 60, 300, 700, 1100]) {
    const name = `${victim} crashes ${afterMs} ms into a hand-over from core-1 to core-2`;
    Deno.test(`${name}: one owner, nothing lost`, async () => {
      const world = await begin(afterMs + CORES.indexOf(victim));
      await using _ = world.system;
      await world.system.advance(3000);
      const watched = watch(world);
      const sent = traffic(world, 120);
      await world.system.advance(300);
      const order = world.rpc("edge-1", "roster.handOver", { from: "core-1", to: "core-2" });
      await world.system.advance(afterMs);
      world.cluster.crashNode(victim);
      const transfers = await world.system.until(sent);
      await world.system.until(order);
      await world.system.advance(4000);
      world.cluster.restartNode(victim);
      await world.system.advance(5000);
      // Ordered or not, whoever ordered it orders it again.
      await world.call("edge-1", "roster.handOver", { from: "core-1", to: "core-2" });
      await awaitOwner(world, "core-1", "core-2");
      watched.stop();
      assertEquals(twoOwners(world), []);
      await settle(world, transfers);
    });
  }
}

/** Who cannot hear whom, in one direction or in both. */
const CUTS: Readonly<Record<string, (from: string, to: string) => boolean>> = {
  "owner and successor": (from, to) =>
    [from, to].includes("core-1") && [from, to].includes("core-2"),
  "the owner and all": (from, to) => [from, to].includes("core-1"),
  "what the successor says": (from) => from === "core-2",
  "what the owner hears": (_, to) => to === "core-1",
};
for (const [who, cuts] of Object.entries(CUTS)) {
  for (const afterMs of [5, 600]) {
    const name = `${who} are cut apart ${afterMs} ms into a hand-over, all is late and comes twice`;
    Deno.test(`${name}: one owner, nothing lost`, async () => {
      const world = await begin(afterMs + who.length);
      await using _ = world.system;
      await world.system.advance(3000);
      world.links({ duplicate: 0.5, reorder: 0.3, jitterMs: 30 });
      const watched = watch(world);
      const sent = traffic(world, 80);
      await world.system.advance(200);
      const order = world.rpc("edge-1", "roster.handOver", { from: "core-1", to: "core-2" });
      await world.system.advance(afterMs);
      const { switchboard } = world.system;
      const cut = [...switchboard.links()].filter(([from, to]) => cuts(from, to));
      for (const [from, to] of cut) switchboard.set(from, to, { up: false });
      await world.system.advance(5000);
      for (const [from, to] of cut) switchboard.set(from, to, { up: true });
      const transfers = await world.system.until(sent);
      await world.system.until(order);
      await world.call("edge-1", "roster.handOver", { from: "core-1", to: "core-2" });
      await awaitOwner(world, "core-1", "core-2");
      watched.stop();
      world.links({ duplicate: 0, reorder: 0, jitterMs: 0 });
      assertEquals(twoOwners(world), []);
      await settle(world, transfers);
    });
  }
}

Deno.test("a log whose owner is dead is nobody's: its doubts stay until it is back", async () => {
  const world = await begin(9);
  await using _ = world.system;
  await world.system.advance(3000);
  const sent = traffic(world, 100);
  await world.system.advance(500);
  world.cluster.crashNode("core-1");
  const transfers = await world.system.until(sent);
  const order = { from: "core-1", to: "core-2" };
  assertEquals((await world.call("edge-1", "roster.handOver", order)).error, undefined);
  await world.system.advance(30_000);
  const doubts = await world.inDoubt();
  assert(doubts > 0, "the crash left nothing in doubt: take another seed");
  const moving = Object.values((await configuration(world)).logs).find(({ to }) => to === "core-2");
  assertEquals(moving, { owner: "core-1", to: "core-2" });
  // Others go on, and nobody presumes anything of what is in doubt.
  const spared = { subscriber: seedMsisdn(29), amount: 1, idempotencyKey: "spared" };
  assert((await world.settle("account.credit", spared)).result !== undefined);
  await world.system.advance(5000);
  assertEquals(await world.inDoubt(), doubts);
  world.cluster.restartNode("core-1");
  await awaitOwner(world, "core-1", "core-2");
  const credit = { subscriber: seedMsisdn(29), amount: 1, idempotencyKey: "back" };
  await world.call("edge-1", "account.debit", credit);
  await settle(world, transfers);
});

Deno.test("a hand-over that is not sealed is taken back, and the owner goes on", async () => {
  const world = await begin(11);
  await using _ = world.system;
  await world.system.advance(3000);
  world.cluster.crashNode("core-1");
  await world.call("edge-1", "roster.handOver", { from: "core-1", to: "core-2" });
  assertEquals((await world.call("edge-1", "roster.cancel", { from: "core-1" })).error, undefined);
  world.cluster.restartNode("core-1");
  await world.system.advance(10_000);
  const states = await world.system.until(logs(world));
  assertEquals(Object.values(states.get("core-1")!), ["serving"]);
  assertEquals((await configuration(world)).coordinators, CORES);
  const refused = await world.call("edge-1", "roster.handOver", { from: "core-9", to: "core-2" });
  assertEquals(refused.error?.data.reason, "unknown");
});
