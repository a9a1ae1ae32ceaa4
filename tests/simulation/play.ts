/**
 * Plays seeds here or in other threads: the same answers, in the same order.
 *
 * @module
 */
import { Coverage } from "./coverage.ts";
import { allInvariants } from "./invariant.ts";
import { type RunParts, runSeed, type SeedResult } from "./run.ts";
import type { ProfileName } from "./scenario.ts";
import { SCENARIOS } from "./scenarios/mod.ts";
import { stageKeys } from "./stage.ts";
import { type Done, inThreads } from "./threads.ts";

/** What holds for all seeds. */
export interface PlayOptions {
  readonly profile: ProfileName | undefined;
  /** A seed that takes more events of the virtual clock is given up. */
  readonly events: number;
  /** A seed is given up when the heap of its thread is larger. */
  readonly bytes: number;
}

/** A seed of a scenario. */
export interface SeedJob {
  readonly scenario: string;
  readonly seed: number;
}

/** What came of it: plain data, whichever thread it is of. */
export interface Played {
  readonly result: SeedResult;
  /** Wall time. */
  readonly wallMs: number;
  /** In use in its thread after it. */
  readonly heapBytes: number;
}

/** A thread has to have this many seeds to be worth its start. */
const WORTH_A_THREAD = 12;
/** What a thread may have beyond the bound it looks at itself, before it is ended. */
const SPARE_MB = 256;
/** Wall time after which a seed is taken to run in circles within one event; most take 100 ms. */
const CIRCLES_MS = 600_000;

/** What the seeds of one thread share. */
export async function playParts({ profile, events, bytes }: PlayOptions): Promise<RunParts> {
  return {
    profile,
    mostEvents: events,
    mostBytes: bytes,
    coverage: new Coverage(),
    definitions: await allInvariants(),
    ...await stageKeys(),
  };
}

/** Plays one seed. */
export async function play({ scenario, seed }: SeedJob, parts: RunParts): Promise<Played> {
  const since = performance.now();
  const result = await runSeed(SCENARIOS.get(scenario)!, seed, parts);
  const wallMs = performance.now() - since;
  return { result, wallMs, heapBytes: Deno.memoryUsage().heapUsed };
}

/** How many threads so many seeds are worth. */
export function threadsFor(seeds: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(seeds / WORTH_A_THREAD)));
}

/** Plays seeds in so many threads; in this one, if it is one. */
export function playAll(
  jobs: Iterable<SeedJob>,
  options: PlayOptions,
  threads: number,
): AsyncGenerator<Done<SeedJob, Played>> {
  if (threads === 1) return playHere(jobs, options);
  const bytes = options.bytes / threads;
  return inThreads<SeedJob, Played>(jobs, {
    module: new URL("./seed_worker.ts", import.meta.url),
    count: threads,
    data: { ...options, bytes },
    limitMs: CIRCLES_MS,
    megabytes: Math.ceil(bytes / 2 ** 20) + SPARE_MB,
  });
}

async function* playHere(
  jobs: Iterable<SeedJob>,
  options: PlayOptions,
): AsyncGenerator<Done<SeedJob, Played>> {
  const parts = await playParts(options);
  for (const job of jobs) {
    try {
      yield { job, answer: await play(job, parts) };
    } catch (error) {
      yield { job, lost: (error as Error).message, late: false };
    }
  }
}
