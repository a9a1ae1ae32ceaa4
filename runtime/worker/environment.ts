/**
 * Clock and randomness of a real process.
 *
 * @module
 */
import process from "node:process";
import type { Usage } from "../host_hooks.ts";
import type { Clock, Random } from "../ports.ts";
import { seeded } from "../random.ts";

/** Smaller differences are the resolution of `Date.now()`, not a step of the wall clock. */
const STEP_MS = 5;

/**
 * Monotonic time that all threads of the process agree on. `performance.now()` (and Deno's
 * `process.hrtime()`) start at zero in each worker; `timeOrigin` says when that was by the wall
 * clock, which may have been stepped since the first thread started.
 */
export class ProcessClock implements Clock {
  readonly #offset: number;

  /** @param stepMs what {@link ProcessClock.step} of the spawning thread says */
  constructor(stepMs = 0) {
    this.#offset = performance.timeOrigin - stepMs;
  }

  /** By how much the wall clock was stepped since this thread started, in ms. */
  step(): number {
    const step = Date.now() - this.now();
    return Math.abs(step) < STEP_MS ? 0 : step;
  }

  now(): number {
    return performance.now() + this.#offset;
  }

  wall(): number {
    return Date.now();
  }
}

/** Seeded numbers for the models, the operating system's bytes for secrets. */
export class ProcessRandom implements Random {
  readonly next: () => number;
  constructor(seed: number) {
    this.next = seeded(seed);
  }
  bytes(count: number): Uint8Array {
    return crypto.getRandomValues(new Uint8Array(count));
  }
}

/** What the calling thread has used so far. */
export function threadUsage(): Usage {
  const { user, system } = process.threadCpuUsage();
  return { cpuMs: (user + system) / 1000, heapBytes: Deno.memoryUsage().heapUsed };
}
