/** The host's turns: batches, commits, dead letters, the ends of a role. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { encode } from "../../runtime/codec.ts";
import { AskFailed, type Services } from "../../runtime/role.ts";
import { HostScene, on } from "./host_scene.ts";

/** Journals what it is told: `force` and `lazy` answer when it is durable, `both` at once too. */
function journaller(services: Services) {
  const answer = (type: string) => () => void services.send("n/peer", type, null);
  return {
    recover: () => void services.openStore(),
    messages: {
      force: on(() => services.journal("r", true, answer("durable"))),
      lazy: on(() => services.journal("r", false, answer("durable"))),
      both: on(() => {
        services.journal("r", true, answer("durable"));
        services.send("n/peer", "independent", null);
      }),
    },
  };
}

function types(scene: HostScene): string[] {
  return scene.received().map(({ type }) => type);
}

Deno.test("host: a batch of messages is one commit and one frame of answers", async () => {
  const scene = await new HostScene(journaller).serving();
  for (let i = 0; i < 20; i++) scene.tell([["force"], ["force"]]);
  scene.turn();
  assertEquals(scene.store.commits, 1);
  assertEquals(types(scene).length, 40);
  assertEquals(scene.frames, [40]);
});

Deno.test("host: who asks for figures while it starts is told that, and ends nothing", async () => {
  const scene = new HostScene((services) => ({
    ...journaller(services),
    stats: () => ({ bytes: services.store.journalBytes }),
  }));
  const figures = () => {
    const { state, bytes } = scene.host.stats();
    return { state, bytes };
  };
  assertEquals(figures(), { state: "starting", bytes: undefined });
  await scene.serving();
  assertEquals(figures(), { state: "serving", bytes: 0 });
});

Deno.test("host: what does not depend on the journal leaves before the commit", async () => {
  const scene = await new HostScene(journaller).serving();
  const atCommit: string[] = [];
  scene.store.onCommit = () => atCommit.push(...types(scene));
  scene.tell([["both"]]);
  scene.turn();
  assertEquals([atCommit, types(scene)], [["independent"], ["durable"]]);
});

Deno.test("host: nothing is said before it is durable, however long that takes", async () => {
  const scene = await new HostScene(journaller).serving();
  scene.store.asynchronous = true;
  scene.tell([["force"]]);
  scene.turn();
  scene.tell([["force"], ["both"]]);
  scene.turn();
  assertEquals([scene.store.commits, types(scene)], [2, ["independent"]]);
  scene.store.durable = 1;
  scene.turn();
  assertEquals(types(scene), ["durable"]);
  scene.store.durable = 3;
  scene.turn();
  assertEquals(types(scene), ["durable", "durable"]);
});

Deno.test("host: lazy records wait for a forced one, or for a while", async () => {
  const scene = await new HostScene(journaller).serving();
  scene.tell([["lazy"]]);
  const { again, next } = scene.turn();
  assertEquals([scene.store.commits, again, next], [0, false, 50]);
  scene.tell([["force"]]);
  scene.turn();
  assertEquals([scene.store.commits, types(scene)], [1, ["durable", "durable"]]);
  scene.scheduler.skipTo(100);
  scene.tell([["lazy"]]);
  scene.turn();
  assertEquals(scene.store.commits, 1);
  scene.turnAt(150);
  assertEquals([scene.store.commits, types(scene)], [2, ["durable"]]);
});

Deno.test("host: once lazy records are written, it asks for no further turns", async () => {
  const scene = await new HostScene(journaller).serving();
  scene.tell([["lazy"]]);
  scene.turn();
  scene.tell([["force"]]);
  scene.turn();
  for (const instant of [50, 60]) {
    assertEquals(scene.turnAt(instant), { again: false, next: undefined, deaf: false });
  }
  scene.tell([["lazy"]]);
  scene.turn();
  assertEquals(scene.store.commits, 1); // It is still lazy.
});

Deno.test("host: a failed commit ends the role and is not tried again", async () => {
  const scene = await new HostScene(journaller).serving();
  scene.store.onCommit = () => {
    throw new Error("disk full");
  };
  scene.tell([["both"]]);
  scene.turn();
  scene.turn();
  assertEquals([scene.ended?.message, scene.store.commits], ["disk full", 1]);
  assertEquals(types(scene), ["independent"]);
});

Deno.test("host: an error in a handler ends the role with its reason", async () => {
  const scene = await new HostScene((services) => ({
    recover: () => void services.openStore(),
    messages: {
      fail: on(() => {
        services.journal("half", true);
        throw new Error("bug");
      }),
    },
  })).serving();
  scene.tell([["fail"]]);
  assertEquals(scene.turn(), { again: false, next: undefined, deaf: false });
  assertEquals([scene.ended?.message, scene.store.commits], ["bug", 0]);
});

Deno.test("host: errors in the hooks of its life end the role too", async () => {
  const fail = (text: string) => () => {
    throw new Error(text);
  };
  const recovering = await new HostScene(() => ({ messages: {}, recover: fail("recover") }))
    .serving();
  assertEquals(recovering.ended?.message, "recover");
  const serving = await new HostScene(() => ({ messages: {}, serve: fail("serve") })).serving();
  assertEquals(serving.ended?.message, "serve");
  for (const hook of ["drain", "stop"]) {
    const scene = await new HostScene(() => ({ messages: {}, [hook]: fail(hook) })).serving();
    scene.tell([[`$${hook}`]]);
    scene.turn();
    await scene.settle();
    assertEquals(scene.ended?.message, hook);
  }
});

Deno.test("host: what cannot be handled is a dead letter, with the role's state", async () => {
  const create = () => ({
    messages: { even: { accepts: (body: unknown) => body === 2, handle: () => {} } },
  });
  const scene = new HostScene(create);
  scene.tell([["even", 2, 1]]);
  scene.turn();
  assertEquals(scene.dead(), [["notServing", "even", "starting"]]);
  await scene.serving();
  // The second name is one that every object has.
  scene.tell([["odd", 2, 2], ["constructor", 2, 3], ["even", 3, 4], ["even", 2, 5]]);
  scene.frame(new Uint8Array([0xff, 0xff]));
  scene.frame(encode([1, "n/peer", 1, 0, [], [["n/role", "even", new Uint8Array([0x82])]]]));
  scene.frame(encode([1, "n/peer", 1, 0, [], [["n/else", "even", encode(2)]]]));
  scene.turn();
  assertEquals(scene.dead().slice(1).map((letter) => (letter as string[])[0]), [
    "unknownType",
    "unknownType",
    "invalidBody",
    "malformed",
    "malformed",
    "unreachable",
  ]);
  assert(scene.dead().slice(1).every((letter) => (letter as string[])[2] === "serving"));
  const reasons = scene.received().map((
    { body, call },
  ) => [call, (body as { reason: string }).reason]);
  assertEquals(reasons, [[1, "notServing"], [2, "unknownType"], [3, "unknownType"], [
    4,
    "invalidBody",
  ]]);
  assertEquals(scene.ended, undefined);
});

Deno.test("host: an ask is answered, refused, or times out", async () => {
  const scene = await new HostScene(() => ({ messages: {} })).serving();
  const asks = [1, 2, 3].map((body) => scene.services.ask("n/peer", "q", body, 100));
  const refused = assertRejects(() => asks[1]!, AskFailed, "busy");
  const late = assertRejects(() => asks[2]!, AskFailed, "timeout");
  scene.turn();
  const [first, second, third] = scene.received();
  scene.tell([
    ["$reply", { ok: true, value: "yes" }, first!.call],
    ["$reply", { ok: false, reason: "busy" }, second!.call],
  ]);
  assertEquals(scene.turn().next, 100);
  assertEquals(await asks[0], "yes");
  await refused;
  scene.turnAt(100);
  await late;
  scene.tell([["$reply", { ok: true, value: "too late" }, third!.call]]);
  scene.turn();
  assertEquals(scene.host.timers.size, 0);
});

Deno.test("host: an answer to an earlier incarnation is not taken for one to this", async () => {
  const calls: (number | undefined)[] = [];
  for (const incarnation of [1, 2]) {
    const scene = await new HostScene(() => ({ messages: {} }), incarnation).serving();
    const ask = scene.services.ask("n/peer", "q", null, 100);
    scene.turn();
    calls.push(scene.received()[0]!.call);
    if (incarnation === 2) {
      scene.tell([["$reply", { ok: true, value: "stale" }, calls[0]]]);
      scene.turn();
      scene.tell([["$reply", { ok: true, value: "fresh" }, calls[1]]]);
      scene.turn();
      assertEquals(await ask, "fresh");
    } else {
      scene.turnAt(100);
      await assertRejects(() => ask, AskFailed);
    }
  }
});

Deno.test("host: draining waits for accepted work, then says so; the role stops when told", async () => {
  let busy = true;
  const scene = await new HostScene(() => ({
    messages: { work: on(() => {}) },
    drained: () => !busy,
  })).serving();
  scene.tell([["$drain", null, 9]]);
  for (let instant = 0; instant < 50; instant += 5) scene.turnAt(instant);
  assertEquals([scene.host.state, scene.ended, types(scene)], ["draining", undefined, []]);
  busy = false;
  scene.turnAt(60);
  await scene.settle();
  assertEquals([scene.host.state, scene.ended], ["drained", undefined]);
  assertEquals(scene.received().map(({ type, call }) => [type, call]), [["$reply", 9]]);
  scene.tell([["$stop", null, 10]]);
  scene.turn();
  await scene.settle();
  assertEquals([scene.host.state, scene.ended], ["stopped", null]);
  assertEquals(scene.received().map(({ type, call }) => [type, call]), [["$reply", 10]]);
});

Deno.test("host: a drain is answered also by a role that does not serve, or is told to stop", async () => {
  const idle = new HostScene(() => ({ messages: {} }));
  idle.tell([["$drain", null, 1]]);
  idle.turn();
  await idle.settle();
  assertEquals([idle.ended, types(idle)], [null, ["$reply"]]);
  const busy = await new HostScene(() => ({ messages: {}, drained: () => false })).serving();
  busy.tell([["$drain", null, 1], ["$stop", null, 2]]);
  busy.turn();
  await busy.settle();
  assertEquals([busy.ended, types(busy)], [null, ["$reply", "$reply"]]);
});

Deno.test("host: whoever asks for a start is answered when the role serves, not before", async () => {
  const opened = Promise.withResolvers<void>();
  const scene = new HostScene(() => ({ messages: {}, serve: () => opened.promise }));
  scene.tell([["$start", null, 1]]);
  scene.turn();
  await scene.settle();
  scene.tell([["$start", null, 2]]); // The one who asked has lost patience.
  scene.turn();
  await scene.settle();
  assertEquals([scene.host.state, types(scene)], ["serving", []]);
  opened.resolve();
  await scene.settle();
  scene.turn();
  assertEquals(types(scene), ["$reply", "$reply"]);
});

Deno.test("host: the chart of a role that throws says that it failed", async () => {
  const fail = on(() => {
    throw new Error("broken");
  });
  const scene = await new HostScene(() => ({ messages: { fail } })).serving();
  scene.tell([["fail"]]);
  scene.turn();
  assertEquals(scene.host.state, "failed");
});

Deno.test("host: an orderly stop writes what is left and closes the store", async () => {
  const scene = await new HostScene(journaller).serving();
  scene.tell([["lazy"], ["$stop", null, 1]]);
  scene.turn();
  await scene.settle();
  assertEquals([scene.store.durable, scene.store.closed, scene.ended], [1, true, null]);
});

Deno.test("host: told to persist behind a stop, a role that has let go of all keeps the old journal", async () => {
  const persisted: string[] = [];
  const scene = await new HostScene((services) => ({
    recover: () => void services.openStore(),
    messages: {},
    persist: () => void persisted.push(services.address),
  })).serving();
  scene.tell([["$persist"]]);
  scene.turn();
  assertEquals(persisted.length, 1);
  scene.tell([["$stop"], ["$persist"]]);
  scene.turn();
  await scene.settle();
  assertEquals([persisted.length, scene.store.closed, scene.ended], [1, true, null]);
});

Deno.test("host: frames come in the order their links hand them over", async () => {
  const seen: unknown[] = [];
  const scene = await new HostScene(() => ({ messages: { n: on((n) => seen.push(n)) } })).serving();
  scene.tell([["n", 1]], { due: 10 });
  assertEquals([scene.turn().next, seen], [10, []]);
  // This one is due already when it is read, and must not overtake the one that is held.
  scene.tell([["n", 2]], { due: 11 });
  scene.turnAt(12);
  assertEquals(seen, [1, 2]);
});

Deno.test("host: mail that is not due is held within a bound, the rest pushes back", async () => {
  const scene = await new HostScene(() => ({ messages: { n: on(() => {}) } })).serving();
  let deaf = false;
  for (let i = 0; i < 1000 && !deaf; i++) {
    scene.tell([["n", "x".repeat(60_000)]], { due: 100 });
    deaf = scene.turn().deaf;
  }
  assert(deaf);
  scene.tell([["n", "waits"]], { due: 100 });
  scene.turn();
  assertEquals((scene.host.stats()["mailbox"] as { messages: number }).messages, 1);
  scene.turnAt(100);
  scene.turn();
  assertEquals((scene.host.stats()["mailbox"] as { messages: number }).messages, 0);
});

Deno.test("host: it does not spin on a full mailbox", async () => {
  const scene = await new HostScene(() => ({ messages: {} })).serving();
  const body = "x".repeat(20_000);
  while (scene.services.send("n/peer", "n", body) === "accepted");
  const results = Array.from({ length: 20 }, () => scene.turn());
  const spins = results.filter(({ again }) => again).length;
  assert(spins < 10, `${spins} turns at once`);
  assert(results.at(-1)!.next! > scene.scheduler.now());
  scene.received(); // The peer reads: there is room again.
  for (let i = 0; i < 20; i++) {
    scene.turn();
    scene.received();
  }
  assertEquals(scene.host.stats()["outboxBytes"], 0);
});
