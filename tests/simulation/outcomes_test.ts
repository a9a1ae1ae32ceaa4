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

const SOURCES = [0, 1, 2, 3].map(seedMsisdn);
const SINKS = [4, 5].map(seedMsisdn);
const EACH = 14;

interface Sent {
  readonly source: string;
  readonly bit: number;
  readonly answer: Promise<Answer>;
}

/** Transfers of 1, 2, 4, ... cents: what a source has lost tells which of them were done. */
function powersOfTwo(world: World): Sent[] {
  return Array.from({ length: EACH * SOURCES.length }, (_, i) => {
    const source = SOURCES[i % SOURCES.length]!;
    const bit = Math.floor(i / SOURCES.length);
    const to = SINKS[i % SINKS.length]!;
    const params = { from: source, to, amount: 2 ** bit, idempotencyKey: `${source}-${bit}` };
    const due = Promise.withResolvers<void>();
    world.system.host.timers.set(world.system.now + 40 * bit, due.resolve);
    const rpc = () => world.rpc(`edge-${i % 3 + 1}`, "account.transfer", params);
    return { source, bit, answer: due.promise.then(rpc) };
  });
}

/** What was answered, against what was done. */
async function verify(world: World, sent: readonly Sent[], answers: readonly Answer[]) {
  const done = new Map<string, number>();
  for (const source of SOURCES) done.set(source, INITIAL - await balance(world, source));
  let known = 0;
  sent.forEach(({ source, bit }, i) => {
    const { result, error } = answers[i]!;
    const was = (done.get(source)! >> bit & 1) === 1;
    const told = result !== undefined ? true : error?.data.outcome === "none" ? false : undefined;
    if (told === undefined) return;
    known++;
    assertEquals(was, told, `${source} ${2 ** bit}: ${JSON.stringify(answers[i])}`);
  });
  return known;
}

for (const seed of [62, 63, 64, 66, 67]) {
  Deno.test(`no write that a link doubled is denied and done (seed ${seed})`, async () => {
    const world = await World.start({ seed });
    await using _ = world.system;
    world.links({ duplicate: 0.7, reorder: 0.4, jitterMs: 8 });
    const sent = powersOfTwo(world);
    const answers = await world.system.until(Promise.all(sent.map(({ answer }) => answer)));
    world.links({ duplicate: 0, reorder: 0, jitterMs: 0 });
    await world.system.advance(10_000);
    assert(await verify(world, sent, answers) > EACH);
  });
}

for (const seed of [111, 112, 113, 115, 116]) {
  Deno.test(`none is told only of what was never done, whatever fails (seed ${seed})`, async () => {
    const world = await World.start({ seed });
    await using _ = world.system;
    const { system, cluster } = world;
    world.links({ loss: 0.05, duplicate: 0.2, reorder: 0.1, jitterMs: 5 });
    const sent = powersOfTwo(world);
    const all = Promise.all(sent.map(({ answer }) => answer));
    const victims = cluster.addresses.filter((a) => /participant|coordinator/.test(a));
    for (let fault = 0; fault < 8; fault++) {
      await system.advance(120 * world.random());
      if (fault % 2 === 0) {
        const victim = victims[Math.floor(world.random() * victims.length)]!;
        if (system.spawner.running.includes(victim)) system.crash(victim);
        continue;
      }
      const core = CORES[Math.floor(world.random() * CORES.length)]!;
      mute(world, core);
      await system.advance(200 * world.random());
      mute(world, core, true);
    }
    const answers = await system.until(all);
    world.links({ loss: 0, duplicate: 0, reorder: 0, jitterMs: 0 });
    await system.advance(10_000);
    assert(await verify(world, sent, answers) > EACH);
    assertEquals(await world.inDoubt(), 0);
  });
}
