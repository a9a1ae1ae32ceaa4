/** A thread that does as it is told, for `threads_test.ts`. */
import process from "node:process";
import { serve } from "./threads.ts";

/** What it can be told: `[what, of what]`. */
export type Told = readonly ["double" | "slow" | "throw" | "exit" | "fill" | "hang", number];

const kept: number[][] = [];

serve((factor: number) => async ([what, value]: Told): Promise<number> => {
  // Each in an event of its own, as real work is.
  await new Promise((resolve) => setImmediate(resolve));
  if (what === "slow") {
    for (let i = 0; i < 30; i++) await new Promise((done) => setImmediate(done));
  }
  if (what === "throw") throw new Error(`cannot double ${value}`);
  if (what === "exit") {
    process.exit(0);
  }
  while (what === "fill") kept.push(new Array(100_000).fill(value));
  while (what === "hang");
  return value * factor;
});
