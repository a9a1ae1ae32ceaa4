/**
 * Runs an XState machine as an actor in a worker of its own, and tells and asks it.
 *
 * Run: deno run --allow-read=. examples/counter_in_a_worker.ts
 *
 * The machine is in `counter_actor.ts`: a worker imports it by URL and name.
 *
 * @module
 */
import { type AskFailed, WorkerSystem } from "@trunkline/trunkline";

const COUNTER = "here/counter";

await using system = WorkerSystem.create({ nodes: ["here"] });
const spawned = await system.spawn({
  address: COUNTER,
  module: new URL("./counter_actor.ts", import.meta.url).href,
  name: "counter",
  config: { start: 40 },
});

// A tell is answered `accepted`, `full` or `unreachable`, and not waited for.
console.log(system.tell(COUNTER, "add", { by: 2 }));
console.log(await system.ask(COUNTER, "read"));

// What is of the wrong shape never reaches the machine.
await system.ask(COUNTER, "add", { by: "two" }).catch((error: AskFailed) => {
  console.log(error.reason);
});

// Timers are XState's own; in a state that does not handle it, a message is a dead letter.
system.tell(COUNTER, "rest", { ms: 50 });
await system.ask(COUNTER, "read").catch((error: AskFailed) => console.log(error.reason));
await new Promise((resolve) => setTimeout(resolve, 100));
console.log(JSON.stringify(await system.ask(COUNTER, "snapshot")));

// A worker that ends, however it goes, is noticed.
spawned.terminate();
console.log(await spawned.exited);
await system.ask(COUNTER, "read").catch((error: AskFailed) => console.log(error.reason));
