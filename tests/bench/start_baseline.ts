/** The baseline of the `start` bench: a bare process with N empty workers. Says when they are up. */
const count = Number(Deno.args[0]);
const workers = Array.from(
  { length: count },
  () => new Worker(new URL("./start_empty_worker.ts", import.meta.url), { type: "module" }),
);
await Promise.all(workers.map((worker) => new Promise((resolve) => worker.onmessage = resolve)));
console.error("ready");
await new Promise((resolve) => setTimeout(resolve, 600_000));
