/**
 * What an edge may say from its cache: never what an acknowledged port has ended.
 */
import { assert, assertEquals } from "@std/assert";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { World } from "./cluster_world.ts";

const NEW_SIM = "639039999999999";

/** Opens a session of subscriber 2 and validates it at edge-3, which caches it. */
async function cachedSession(world: World): Promise<string> {
  const subscriber = seedMsisdn(2);
  const { result } = await world.call("edge-1", "session.open", { subscriber });
  const session = result!["session"] as string;
  const validated = await world.call("edge-3", "session.validate", { session });
  assertEquals(validated.result?.["valid"], true);
  return session;
}

Deno.test("a fill under a new lease does not bring back what an older, lapsed lease covered", async () => {
  const world = await World.start({ seed: 41 });
  await using _ = world.system;
  const before = await cachedSession(world);
  await world.system.advance(3000); // The lease ends, so the port has nobody to ask.
  const params = { msisdn: seedMsisdn(2), toImsi: NEW_SIM, idempotencyKey: "port" };
  assertEquals((await world.call("edge-1", "number.port", params)).result?.["imsi"], NEW_SIM);
  await cachedSession(world); // Another session of the number: the entry has a lease again.
  const { error } = await world.call("edge-3", "session.validate", { session: before });
  assertEquals(error?.data.reason, "expired_session");
});

Deno.test("a session in demand is renewed before its lease ends, and a port still ends it", async () => {
  const world = await World.start({ seed: 42 });
  await using _ = world.system;
  const session = await cachedSession(world);
  for (let i = 0; i < 60; i++) {
    await world.system.advance(100);
    const { result } = await world.call("edge-3", "session.validate", { session });
    assertEquals(result?.["valid"], true);
  }
  const params = { msisdn: seedMsisdn(2), toImsi: NEW_SIM, idempotencyKey: "port" };
  const ported = world.rpc("edge-1", "number.port", params);
  let acknowledged = false;
  ported.then(() => acknowledged = true);
  for (let i = 0; i < 200; i++) {
    const since = acknowledged;
    const { result } = await world.call("edge-3", "session.validate", { session });
    if (since) assertEquals(result, undefined);
    await world.system.advance(1);
  }
  assertEquals(acknowledged, true);
});

for (const victim of ["cloud-1/participant", "cloud-2/participant", "cloud-3/participant"]) {
  Deno.test(`leases that ${victim} granted before it restarted are honoured`, async () => {
    const world = await World.start({ seed: 43 });
    await using _ = world.system;
    const session = await cachedSession(world);
    world.system.crash(victim);
    await world.system.advance(300);
    for (const core of ["core-1", "core-2", "core-3", "core-4"]) {
      world.system.switchboard.set(core, "edge-3", { up: false });
    }
    const params = { msisdn: seedMsisdn(2), toImsi: NEW_SIM, idempotencyKey: "port" };
    await world.settle("number.port", params);
    const { error } = await world.call("edge-3", "session.validate", { session });
    assertEquals(error?.data.reason !== undefined, true);
  });
}

/** Validates a session at all edges over and over until told to stop. */
async function validating(world: World, session: string, ended: () => boolean): Promise<string[]> {
  const stale: string[] = [];
  const { timers, clock } = world.system.host;
  const at = async (edge: string) => {
    while (!finished(world)) {
      const since = ended();
      const { result } = await world.rpc(edge, "session.validate", { session });
      if (since && result !== undefined) stale.push(`${edge} at ${world.system.now}: ${session}`);
      const pause = Promise.withResolvers<void>();
      timers.set(clock.now() + 20 + 150 * world.random(), pause.resolve);
      world.system.host.wake();
      await pause.promise;
    }
  };
  await Promise.all(["edge-1", "edge-2", "edge-3"].map(at));
  return stale;
}

const over = new WeakSet<World>();
const finished = (world: World) => over.has(world);

for (const seed of [44, 46, 48, 50, 52, 53]) {
  Deno.test(`no edge validates a session after an acknowledged port, whatever fails (seed ${seed})`, async () => {
    const world = await World.start({ seed, settings: { leaseMs: 600 } });
    await using _ = world.system;
    const { system } = world;
    const watchers: Promise<string[]>[] = [];
    let ports = 0;
    world.links({ loss: 0.03, duplicate: 0.1, reorder: 0.1, jitterMs: 6 });
    const victims = ["edge-1/gateway", "edge-2/gateway", "edge-3/gateway"].concat(
      ["cloud-1/participant", "cloud-2/participant", "cloud-3/participant", "core-1/coordinator"],
    );
    for (let round = 0; round < 8; round++) {
      const sessions: { session: string; ended: boolean; msisdn: string }[] = [];
      for (let i = 0; i < 3; i++) {
        const msisdn = seedMsisdn(i);
        const { result } = await world.call(`edge-${i + 1}`, "session.open", {
          subscriber: msisdn,
        });
        if (result === undefined) continue;
        const own = { session: result["session"] as string, ended: false, msisdn };
        sessions.push(own);
        watchers.push(validating(world, own.session, () => own.ended));
      }
      await system.advance(300 + 900 * world.random());
      const cut = world.random() < 0.5;
      const edge = `edge-${1 + Math.floor(3 * world.random())}`;
      const core = `core-${1 + Math.floor(4 * world.random())}`;
      if (cut) system.switchboard.set(core, edge, { up: false });
      const ported = sessions.map(async (own, i) => {
        const toImsi = `63904${round}${own.msisdn.slice(-9)}`;
        const params = { msisdn: own.msisdn, toImsi, idempotencyKey: `p${round}` };
        const { result } = await world.rpc(`edge-${(i + round) % 3 + 1}`, "number.port", params);
        if (result === undefined) return;
        ports++;
        for (const other of sessions) if (other.msisdn === own.msisdn) other.ended = true;
      });
      await system.advance(40 * world.random());
      const victim = victims[Math.floor(victims.length * world.random())]!;
      if (system.spawner.running.includes(victim)) system.crash(victim);
      await system.until(Promise.all(ported));
      if (cut) system.switchboard.set(core, edge, { up: true });
    }
    await system.advance(1500);
    over.add(world);
    world.links({ loss: 0, duplicate: 0, reorder: 0 });
    const stale = await system.until(Promise.all(watchers));
    assertEquals(stale.flat(), []);
    assert(ports > 10, `only ${ports} ports`);
  });
}
