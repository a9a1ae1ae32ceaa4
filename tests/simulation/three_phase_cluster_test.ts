/** A whole cluster whose money moves by three-phase commit, as far as its profile may have that. */
import { assert, assertEquals } from "@std/assert";
import { loadProfile } from "../../examples/telecom/profile_loader.ts";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { World } from "./cluster_world.ts";

const SUBSCRIBERS = 12;

/** The built-in profile, declared synchronous, with transfers by three-phase commit. */
function profile(): string {
  const loaded = loadProfile("carrier");
  if (!loaded.ok) throw new Error(loaded.error);
  const protocols = { "account.transfer": "3pc" };
  const settings = { ...loaded.profile.settings, synchronous: true, protocols };
  return JSON.stringify({ ...loaded.profile, settings });
}

function transfer(world: World, i: number) {
  const [from, to] = [seedMsisdn(i % SUBSCRIBERS), seedMsisdn((i * 5 + 1) % SUBSCRIBERS)];
  const params = { from, to, amount: 10 + i, idempotencyKey: `transfer-${i}` };
  return world.rpc(`edge-${i % 3 + 1}`, "account.transfer", params);
}

async function balances(world: World): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < SUBSCRIBERS; i++) {
    const { result } = await world.call("edge-1", "account.balance", { subscriber: seedMsisdn(i) });
    found.push(result!["balance"] as number);
  }
  return found;
}

Deno.test("transfers by three-phase commit commit, conserve money, and survive restarts", async () => {
  const world = await World.start({ seed: 3, profile: profile(), subscribers: SUBSCRIBERS });
  await using _ = world.system;
  const sent = Array.from({ length: 30 }, (_, i) => transfer(world, i));
  const answers = await world.system.until(Promise.all(sent));
  const committed = answers.filter(({ result }) => result !== undefined).length;
  assert(committed >= 20, `${committed} of 30: ${JSON.stringify(answers.find((it) => it.error))}`);
  const before = await balances(world);
  assertEquals(before.reduce((sum, cents) => sum + cents), SUBSCRIBERS * 100_000);
  for (const node of ["cloud-1", "cloud-2", "cloud-3", "core-1"]) {
    world.cluster.crashNode(node);
    await world.system.advance(100);
    world.cluster.restartNode(node);
  }
  await world.system.advance(5000);
  assertEquals(await balances(world), before);
  assertEquals(await world.inDoubt(), 0);
  const again = await world.system.until(transfer(world, 0)); // Its key was claimed with it.
  assertEquals(again.result, answers[0]!.result);
});

Deno.test("a participant that knows of no synchrony refuses money by three-phase commit", async () => {
  const settings = { synchronous: false };
  const options = { seed: 4, profile: profile(), subscribers: SUBSCRIBERS, settings };
  const world = await World.start(options);
  await using _ = world.system;
  const { error } = await world.system.until(transfer(world, 1));
  assertEquals([error?.code, error?.data.reason], [-32018, "protocol_refused"]);
  assertEquals(await balances(world), Array.from({ length: SUBSCRIBERS }, () => 100_000));
});
