/**
 * What has been held up goes on soon after the cause is gone.
 */
import { assert, assertEquals } from "@std/assert";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { World } from "./cluster_world.ts";

const CORES = ["core-1", "core-2", "core-3", "core-4"];

/** Adds up one figure of all participants. */
async function sum(world: World, figure: "inDoubt" | "lockedRows" | "lockWaiters") {
  const stats = await world.system.until(world.cluster.stats());
  let total = 0;
  for (const [address, figures] of Object.entries(stats)) {
    if (address.endsWith("/participant")) total += (figures as Record<string, number>)[figure]!;
  }
  return total;
}

/** Leaves transactions in doubt by ending all coordinators when their voters have voted. */
async function doubts(world: World): Promise<void> {
  for (let i = 0; i < 8; i++) {
    const params = {
      from: seedMsisdn(2 * i),
      to: seedMsisdn(2 * i + 1),
      amount: 1,
      idempotencyKey: `t${i}`,
    };
    world.rpc("edge-1", "account.transfer", params);
  }
  while (await sum(world, "inDoubt") === 0) await world.system.advance(0.5);
  for (const core of CORES) world.cluster.crashNode(core);
}

for (const seed of [71, 72, 73]) {
  Deno.test(`nothing is in doubt 5 s after a long outage of all coordinators (seed ${seed})`, async () => {
    const world = await World.start({ seed });
    await using _ = world.system;
    await doubts(world);
    await world.system.advance(60_000);
    assert(await sum(world, "inDoubt") > 0);
    for (const core of CORES) world.cluster.restartNode(core);
    await world.system.when(() => world.cluster.nodes().every(({ up }) => up));
    await world.system.advance(5000);
    assertEquals(await sum(world, "inDoubt"), 0);
    assertEquals(await sum(world, "lockedRows"), 0);
  });
}

Deno.test("nothing is in doubt 5 s after a long partition has healed", async () => {
  const world = await World.start({ seed: 74 });
  await using _ = world.system;
  for (let i = 0; i < 8; i++) {
    const params = { subscriber: seedMsisdn(i), amount: 1, idempotencyKey: `d${i}` };
    world.rpc("edge-1", "account.debit", params);
  }
  while (await sum(world, "inDoubt") === 0) await world.system.advance(0.5);
  world.links({ up: false });
  await world.system.advance(60_000);
  assert(await sum(world, "inDoubt") > 0);
  world.links({ up: true });
  await world.system.advance(5000);
  assertEquals(await sum(world, "inDoubt"), 0);
});

Deno.test("reads of a row in doubt do not pile up once nobody waits for them", async () => {
  const world = await World.start({ seed: 75 });
  await using _ = world.system;
  await doubts(world);
  for (const core of CORES.slice(1)) world.cluster.restartNode(core); // Core 1 is what they need.
  await world.system.advance(5000);
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 20; i++) {
      world.rpc("edge-2", "account.balance", { subscriber: seedMsisdn(i % 16) });
    }
    await world.system.advance(11_000);
  }
  assertEquals(await sum(world, "lockWaiters"), 0);
});
