/**
 * What a client is told of a write that went wrong: `none` only where nothing was or will be
 * changed.
 */
import { assert, assertEquals } from "@std/assert";
import { seedMsisdn, shardOf } from "../../examples/telecom/rows.ts";
import { type Answer, World } from "./cluster_world.ts";

const CORES = ["core-1", "core-2", "core-3", "core-4"];
const INITIAL = 100_000;

/** The core node that has begun something. */
async function beginner(world: World): Promise<string | undefined> {
  for (const core of CORES) {
    const stats = await world.system.until(world.system.ask(`${core}/coordinator`, "$stats"));
    if ((stats as { started: number }).started > 0) return core;
  }
  return undefined;
}

async function balance(world: World, subscriber: string): Promise<number> {
  for (;;) {
    const { result } = await world.call("edge-2", "account.balance", { subscriber });
    if (result !== undefined) return result["balance"] as number;
  }
}

/** Cuts what a node says, not what it hears. */
function mute(world: World, node: string, up = false): void {
  for (const [from, to] of world.system.switchboard.links()) {
    if (from === node && to !== "main") world.system.switchboard.set(from, to, { up });
  }
}

Deno.test("a commit that nobody heard of is not denied by the answer of a second attempt", async () => {
  const world = await World.start({ seed: 51 });
  await using _ = world.system;
  const [from, to] = [seedMsisdn(0), seedMsisdn(1)];
  assert(shardOf(from) % 3 !== shardOf(to) % 3, "two participants");
  const params = { from, to, amount: 7, idempotencyKey: "muted" };
  const answer = world.rpc("edge-1", "account.transfer", params);
  let core: string | undefined;
  while ((core = await beginner(world)) === undefined) await world.system.advance(0.2);
  mute(world, core); // It hears the votes and decides.
  const { error } = await world.system.until(answer);
  assertEquals(error?.data.outcome, "unknown", JSON.stringify(error));
  mute(world, core, true);
  await world.system.advance(10_000);
  assertEquals(await balance(world, from), INITIAL - 7);
});

Deno.test("a refusal that could not be checked against its idempotency key is not final", async () => {
  const world = await World.start({ seed: 52 });
  await using _ = world.system;
  const params = {
    imsi: "639031111111112",
    msisdn: "254799000000",
    balance: 5,
    idempotencyKey: "once",
  };
  const first = await world.call("edge-1", "sim.provision", params);
  assertEquals(first.result?.["balance"], 5);
  const kept = `cloud-${shardOf(params.msisdn) % 3 + 1}`;
  assert(kept !== `cloud-${shardOf(params.imsi) % 3 + 1}`, "two participants");
  for (const core of CORES) world.system.switchboard.set(core, kept, { up: false });
  const again = await world.call("edge-1", "sim.provision", params);
  assertEquals(again.error?.data.outcome, "unknown", JSON.stringify(again));
  for (const core of CORES) world.system.switchboard.set(core, kept, { up: true });
  assertEquals((await world.settle("sim.provision", params)).result, first.result);
});

for (let seed = 60; seed < 80; seed++) {
  Deno.test(`no write that a link doubled is denied and done (seed ${seed})`, async () => {
    const world = await World.start({ seed });
    await using _ = world.system;
    world.links({ duplicate: 0.7, reorder: 0.4, jitterMs: 8 });
    const few = [0, 1, 2, 3].map(seedMsisdn);
    const sent = Array.from({ length: 24 }, (_, i) => {
      const from = few[i % 4]!, to = few[(i + 1 + i % 3) % 4]!;
      const amount = 2 ** i;
      const params = { from, to, amount, idempotencyKey: `d${i}` };
      return { params, answer: world.rpc(`edge-${i % 3 + 1}`, "account.transfer", params) };
    });
    const answers: Answer[] = await world.system.until(
      Promise.all(sent.map(({ answer }) => answer)),
    );
    world.links({ duplicate: 0, reorder: 0, jitterMs: 0 });
    await world.system.advance(10_000);
    for (const subscriber of few) {
      let least = INITIAL, unknown = false;
      sent.forEach(({ params }, i) => {
        const { result, error } = answers[i]!;
        unknown ||= error?.data.outcome === "unknown";
        if (result === undefined) return;
        if (params.from === subscriber) least -= params.amount;
        if (params.to === subscriber) least += params.amount;
      });
      if (!unknown) assertEquals(await balance(world, subscriber), least);
    }
  });
}
