/**
 * An operator decides about what is in doubt while nobody knows better, and hears what that was
 * worth when somebody does.
 */
import { assert, assertEquals } from "@std/assert";
import type { ClusterTransactions } from "../../actors/oversight.ts";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { World } from "./cluster_world.ts";

const CORES = ["core-1", "core-2", "core-3", "core-4"];
const CLOUDS = ["cloud-1", "cloud-2", "cloud-3"];

async function list(world: World): Promise<ClusterTransactions> {
  const { result, error } = await world.call("edge-1", "transactions.list", {});
  assertEquals(error, undefined);
  return result as unknown as ClusterTransactions;
}

const doubtsOf = ({ transactions }: ClusterTransactions) =>
  transactions.filter(({ state }) => state === "inDoubt");

/** Begins transfers and drives until some are in doubt. */
async function begin(world: World): Promise<void> {
  for (let i = 0; i < 8; i++) {
    const params = {
      from: seedMsisdn(2 * i),
      to: seedMsisdn(2 * i + 1),
      amount: 1,
      idempotencyKey: `t${i}`,
    };
    world.rpc("edge-1", "account.transfer", params);
  }
  const inDoubt = async () => {
    const stats = await world.system.until(world.cluster.stats());
    return Object.values(stats).some((figures) => (figures as { inDoubt?: number }).inDoubt);
  };
  while (!await inDoubt()) await world.system.advance(0.5);
}

async function orphans(world: World): Promise<ClusterTransactions> {
  await begin(world);
  for (const core of CORES) world.cluster.crashNode(core);
  await world.system.advance(10_000);
  return await list(world);
}

function resolve(world: World, id: string, decision: string) {
  const params = { id, decision, reason: "the core burnt down" };
  return world.call("edge-1", "transactions.resolve", params);
}

for (const seed of [81, 82]) {
  Deno.test(`a doubt that nobody can settle is ended by hand, and judged later (seed ${seed})`, async () => {
    const world = await World.start({ seed });
    await using _ = world.system;
    const before = await orphans(world);
    const ids = [...new Set(doubtsOf(before).map(({ id }) => id))];
    assert(ids.length >= 2, "too few doubts to tell anything");
    for (const { locks, coordinator, participants, since } of doubtsOf(before)) {
      assert(locks.length > 0 && coordinator.endsWith("/coordinator"));
      assert(participants.every((address) => address.endsWith("/participant")));
      assert(since > 0);
    }
    for (const [i, id] of ids.entries()) {
      const { result, error } = await resolve(world, id, i % 2 === 0 ? "commit" : "abort");
      assertEquals(error, undefined);
      const there = doubtsOf(before).filter((each) => each.id === id).map(({ at }) => at);
      assertEquals([...result!["participants"] as string[]].sort(), there.sort());
    }
    const after = await list(world);
    assertEquals(doubtsOf(after), []);
    assertEquals(new Set(after.heuristics.map(({ verdict }) => verdict)), new Set(["open"]));
    assertEquals(after.heuristics[0]!.operator, "operator");
    const again = await resolve(world, ids[0]!, "abort");
    assertEquals(again.error?.data.reason, "not_in_doubt");

    // What was decided outlives its participants.
    for (const cloud of CLOUDS) world.cluster.crashNode(cloud);
    await world.system.advance(100);
    for (const node of [...CLOUDS, ...CORES]) world.cluster.restartNode(node);
    await world.system.when(() => world.cluster.nodes().every(({ up }) => up));
    await world.system.advance(90_000);
    const settled = await list(world);
    assertEquals(doubtsOf(settled), []);
    assertEquals(settled.heuristics.length, after.heuristics.length);
    for (const { verdict, settledAt } of settled.heuristics) {
      assert(verdict === "agreed" || verdict === "mixed", verdict);
      assert(settledAt > 0);
    }
    const mixed = settled.heuristics.filter(({ verdict }) => verdict === "mixed").length;
    assert(mixed > 0, "no decision was the wrong one");
    const loud = world.log.filter((line) => line.includes("HEURISTIC MIXED"));
    assertEquals(loud.length, mixed);
    assert(loud.every((line) => line.includes(" failure ")));
  });
}

Deno.test("a decision is refused while the coordinator can be asked", async () => {
  const world = await World.start({ seed: 83 });
  await using _ = world.system;
  await begin(world);
  const doubts = doubtsOf(await list(world));
  let refused = 0;
  for (const { id } of doubts) {
    const { error } = await resolve(world, id, "abort");
    assert(error !== undefined, `${id} was decided against its coordinator`);
    assert(["decision_known", "not_in_doubt"].includes(error.data.reason), error.message);
    if (error.data.reason === "decision_known") {
      assert(
        /^core-\d\/coordinator |^cloud-\d\/participant |heard/.test(error.message),
        error.message,
      );
      refused++;
    }
  }
  await world.system.advance(10_000);
  const after = await list(world);
  assertEquals([after.transactions, after.heuristics], [[], []]);
  assert(refused > 0, "nothing was in doubt long enough to be refused");
});

Deno.test("only the overseer's word counts, and only a gateway has its ear", async () => {
  const world = await World.start({ seed: 84 });
  await using _ = world.system;
  const before = await orphans(world);
  const { id, at } = doubtsOf(before)[0]!;
  const [log, sequence] = id.split(":") as [string, string];
  const body = {
    id: { log, sequence: Number(sequence) },
    decision: "commit",
    operator: "mallory",
    reason: "why not",
  };
  const stranger = await world.system.until(
    world.system.ask(at, "outcome", body, 1000).catch((error) => error.message),
  );
  assert(String(stranger).includes("forbidden"), String(stranger));
  const unheard = world.system.ask("main/client", "resolve", { ...body, id }, 1000);
  const refused = await world.system.until(unheard.catch((error) => error.message));
  assert(/forbidden|unreachable/.test(String(refused)), String(refused));
  const subscriber = await world.call("edge-1", "transactions.resolve", {
    id: `${"0".repeat(8)}-0000-4000-8000-000000000000:1`,
    decision: "abort",
    reason: "none",
  });
  assertEquals(subscriber.error?.data.reason, "not_in_doubt");
});
