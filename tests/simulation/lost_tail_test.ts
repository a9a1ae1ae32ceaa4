/** A journal that has lost its tail is sound, and shorter than its peers remember: it is refused. */
import { assert, assertEquals } from "@std/assert";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { World } from "./cluster_world.ts";

const NODE = "cloud-1";
const STORE = `disks/${NODE}.participant.sqlite`;

async function credits(world: World, count: number, prefix: string): Promise<void> {
  const all = Array.from({ length: count }, (_, i) => {
    const params = { subscriber: seedMsisdn(i), amount: 5, idempotencyKey: `${prefix}-${i}` };
    return world.rpc(`edge-${i % 3 + 1}`, "account.credit", params);
  });
  for (const { error } of await world.system.until(Promise.all(all))) {
    assertEquals(error, undefined);
  }
}

/** Takes the node down, changes its journal, and lets it come back. */
async function restartWith(world: World, cut: number): Promise<void> {
  await world.system.advance(1000); // What was heard of is written down.
  world.cluster.crashNode(NODE);
  await world.system.advance(100);
  world.system.disks.damage(STORE, (batches) => batches.slice(0, batches.length - cut));
  world.cluster.restartNode(NODE);
  await world.system.advance(3000);
}

const refusals = (world: World) => world.log.filter((line) => line.includes("its tail is gone"));

Deno.test("a participant whose journal lost its tail is refused by those who remember it", async () => {
  const world = await World.start({ seed: 3, subscribers: 40 });
  await using _ = world.system;
  await credits(world, 40, "a");
  await restartWith(world, 2);
  const [line = ""] = refusals(world);
  assert(line.includes(`Cannot open the store of ${NODE}/participant`), world.log.join("\n"));
  assert(/ended at record \d+, but \S+ has heard of record \d+/.test(line), line);
});

Deno.test("a whole journal is taken back, whatever its frames overtook", async () => {
  const world = await World.start({ seed: 4, subscribers: 40 });
  await using _ = world.system;
  world.links({ reorder: 0.3, duplicate: 0.3, jitterMs: 4 });
  await credits(world, 40, "a");
  await restartWith(world, 0);
  await credits(world, 40, "b");
  await restartWith(world, 0);
  await credits(world, 40, "c");
  assertEquals(refusals(world), []);
});

Deno.test("all nodes restart at once, and one has lost its tail: what was written down is enough", async () => {
  const world = await World.start({ seed: 5, subscribers: 40 });
  await using _ = world.system;
  await credits(world, 40, "a");
  await world.system.advance(1000);
  const nodes = world.cluster.nodes().map(({ name }) => name);
  for (const node of nodes) world.cluster.crashNode(node);
  await world.system.advance(100);
  world.system.disks.damage(STORE, (batches) => batches.slice(0, batches.length - 2));
  for (const node of nodes) world.cluster.restartNode(node);
  await world.system.advance(5000);
  assert(refusals(world).length > 0, world.log.join("\n"));
});
