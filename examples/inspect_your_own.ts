/**
 * The inspector in a program of your own: a live XState actor of this thread and a role in a worker,
 * side by side in one hub. The page is served while it runs; the program looks on as well.
 *
 * Run: deno run --allow-read=. --allow-net=127.0.0.1 examples/inspect_your_own.ts
 *
 * @module
 */
import { WorkerSystem } from "@trunkline/trunkline";
import { InspectorServer } from "@trunkline/trunkline/inspector";
import { inspectActor } from "@trunkline/trunkline/runtime";
import { createActor, setup } from "xstate";

const machine = setup({ delays: { pause: 20 } }).createMachine({
  id: "door",
  initial: "closed",
  context: { keypadPin: "1234" },
  states: { closed: { after: { pause: "open" } }, open: { on: { close: "closed" } } },
});

await using system = WorkerSystem.create({ nodes: ["here"] });
const { inspection } = system;
await using inspector = new InspectorServer(inspection, { port: 0 });
console.log(`served to ${new URL(inspector.url).hostname}`); // Open it in a browser.

// A role is in the hub by itself; an actor of one's own is put there.
const module = new URL("./counter_actor.ts", import.meta.url).href;
await system.spawn({ address: "here/counter", module, name: "counter", config: { start: 40 } });
const door = createActor(machine);
using _shown = inspectActor(inspection, "here/door", door);

/** Resolves when a role has made a step; from attaching on, each step is told. */
async function nextStep(role: string, cause: () => void): Promise<void> {
  const told = Promise.withResolvers<string>();
  using attached = inspection.attach({ roles: [role], kinds: ["step"] }, (records) => {
    for (const record of records) {
      if (record.kind === "step" && record.event !== "xstate.init") {
        told.resolve(`${record.event}: ${record.after}`);
      }
    }
  });
  await attached.ready(); // A worker hears of it a moment later.
  cause();
  console.log(`${role} ${await told.promise}`);
}

await nextStep("here/door", () => door.start()); // It opens by its timer, in a while.
await nextStep("here/door", () => door.send({ type: "close" }));
await nextStep("here/counter", () => void system.tell("here/counter", "add", { by: 2 }));

// What is not looked at costs nothing; it can be asked all the same.
const opened = await inspection.open("here/door", "door", "here/door");
console.log(JSON.parse(opened!.snapshot).context);
door.stop();
