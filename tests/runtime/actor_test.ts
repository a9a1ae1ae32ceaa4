/** `defineActor`: one suite, in workers and in virtual time. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Spawned } from "../../runtime/ports.ts";
import type { TestSystem } from "./contract/implementation.ts";
import { simulatedImplementation } from "./contract/simulated_implementation.ts";
import { workerImplementation } from "./contract/worker_implementation.ts";

const MODULE = new URL("./actor_machines.ts", import.meta.url).href;

function spawn(system: TestSystem, name: string, config: unknown = null): Promise<Spawned> {
  return system.spawn({ address: `a/${name}`, module: MODULE, name, config });
}

for (const make of [workerImplementation, simulatedImplementation]) {
  const implementation = make();
  const test = (what: string, body: (system: TestSystem) => Promise<void>) =>
    Deno.test(`defineActor, ${implementation.name}: ${what}`, async () => {
      await using system = implementation.createSystem({ nodes: ["a", "b"] });
      await body(system);
    });

  test("messages are events, and reply answers the ask", async (system) => {
    await spawn(system, "counter", { start: 1 });
    assertEquals(system.tell("a/counter", "add", { by: 2 }), "accepted");
    assertEquals(await system.ask("a/counter", "read"), 3);
    assertEquals(await system.ask("a/counter", "shout"), "3!");
  });

  test("send reaches another actor", async (system) => {
    await spawn(system, "counter", { start: 5 });
    const other = { address: "a/other", module: MODULE, name: "counter", config: { start: 0 } };
    await system.spawn(other);
    system.tell("a/counter", "tell", { to: "a/other" });
    await system.ask("a/counter", "read");
    let seen: unknown;
    for (let i = 0; i < 50 && seen !== 5; i++) seen = await system.ask("a/other", "read");
    assertEquals(seen, 5);
  });

  test("what cannot be sent is a dead letter", async (system) => {
    await spawn(system, "counter", { start: 0 });
    system.tell("a/counter", "tellNobody");
    const stats = await system.ask("a/counter", "$stats") as Record<string, unknown>;
    assertEquals(stats["deadLetters"], { unreachable: 1 });
    assertEquals(stats["machineState"], "open");
  });

  test("after runs by the host's clock; what a state ignores or lacks differs", async (system) => {
    await spawn(system, "counter", { start: 0 });
    system.tell("a/counter", "later", { ms: 30 });
    // A guard that says no leaves the event to the stray handler of the machine.
    await assertRejects(() => system.ask("a/counter", "add", { by: 1 }), Error, "rejected: add");
    await assertRejects(() => system.ask("a/counter", "read", null, 15), Error, "timeout");
    let count: unknown;
    for (let i = 0; i < 100 && count !== 100; i++) {
      count = await system.ask("a/counter", "read", null, 10).catch(() => undefined);
    }
    assertEquals(count, 100);
  });

  test("bodies are checked before they become events", async (system) => {
    await spawn(system, "counter", { start: 0 });
    for (const body of [{ by: "1" }, { type: "done", by: 1 }, [1], "1", null]) {
      await assertRejects(() => system.ask("a/counter", "add", body), Error, "invalidBody");
    }
    await assertRejects(() => system.ask("a/counter", "constructor"), Error, "unknownType");
    assertEquals(await system.ask("a/counter", "read"), 0);
  });

  test("the snapshot can be read", async (system) => {
    await spawn(system, "counter", { start: 7 });
    assertEquals(await system.ask("a/counter", "snapshot"), {
      value: "open",
      context: { count: 7, ms: 0 },
      status: "active",
      output: undefined,
    });
    system.tell("a/counter", "hide");
    await assertRejects(() => system.ask("a/counter", "snapshot"), Error, "cannot be coded");
  });

  test("a machine that has ended takes no events", async (system) => {
    await spawn(system, "counter", { start: 0 });
    system.tell("a/counter", "done");
    await assertRejects(() => system.ask("a/counter", "read"), Error, "ended in state done");
  });

  test("an error ends the role with its reason, and nothing else", async (system) => {
    const spawned = await spawn(system, "counter", { start: 0 });
    await assertRejects(() => system.ask("a/counter", "break"), Error, "failed in state open");
    assertStringIncludes(await system.until(spawned.exited), "broken on purpose");
    const fragile = await spawn(system, "fragile");
    assertStringIncludes(await system.until(fragile.exited), "fell over");
  });

  test("a promise's outcome is an event", async (system) => {
    await spawn(system, "promised");
    let value: unknown;
    for (let i = 0; i < 50 && value !== 42; i++) {
      value = await system.ask("a/promised", "read").catch(() => undefined);
    }
    assertEquals(value, 42);
  });

  test("what nobody implements is said at the start", async (system) => {
    const why = await spawn(system, "incomplete").then(() => "", (error: Error) => error.message);
    for (const name of ["launch", "ready", "soon", "helper"]) assert(why.includes(name), why);
    await assertRejects(() => spawn(system, "misnamed"), Error, 'no action "lanch"');
    await assertRejects(() => spawn(system, "presumptuous"), Error, "$stop");
  });
}
