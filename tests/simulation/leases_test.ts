/**
 * What an edge may say from its cache: never what an acknowledged port has ended.
 */
import { assertEquals } from "@std/assert";
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
