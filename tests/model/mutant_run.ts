/**
 * `check --mutants`: whether every mutant of every machine that ships is found.
 *
 * @module
 */
import { EQUIVALENT } from "./equivalents.ts";
import { allMutants, type Found } from "./mutants.ts";
import type { Options } from "./options.ts";

const PROGRESS_MS = 5000;
const MOST_EQUIVALENT = 0.05;

interface Result {
  readonly id: string;
  readonly found: Found | undefined;
}

/** Runs all mutants; 1 if one escapes, or too many are said to be equivalent. */
export async function runMutants({ only = "", json, seeds }: Options): Promise<number> {
  const since = performance.now();
  const ids = allMutants().map(({ id }) => id).filter((id) => id.includes(only));
  if (ids.length === 0) {
    console.error(`Cannot check: no mutant's name contains ${only}`);
    return 2;
  }
  const known = (id: string) => Object.hasOwn(EQUIVALENT, id);
  // Those said to be equivalent are tried too: one that is found is not.
  const results = await tryAll(ids, seeds);
  const caught = results.filter(({ found }) => found !== undefined);
  const wronglyListed = caught.filter(({ id }) => known(id)).map(({ id }) => id);
  const escaped = results.filter(({ id, found }) => found === undefined && !known(id));
  const equivalent = results.filter(({ id, found }) => found === undefined && known(id));
  for (const { id, found } of caught) {
    console.log(`found    ${id}\n         ${found!.by}: ${found!.rule}`);
  }
  for (const { id } of equivalent) console.log(`the same ${id}\n         ${EQUIVALENT[id]}`);
  for (const { id } of escaped) console.log(`ESCAPED  ${id}`);
  for (const id of wronglyListed) console.log(`LISTED as equivalent, but found: ${id}`);
  const seconds = Math.round(performance.now() - since) / 1000;
  const judged = results.length - equivalent.length;
  // Of all of them, whichever were asked for.
  const tooMany = Object.keys(EQUIVALENT).length > allMutants().length * MOST_EQUIVALENT;
  console.log(
    `${results.length} mutants, ${caught.length} found, ${equivalent.length} equivalent, ` +
      `${escaped.length} escaped, ${seconds} s`,
  );
  if (tooMany) console.error("More than one in twenty is said to be equivalent");
  if (json) {
    console.log(JSON.stringify({
      mutants: results.length,
      caught: caught.length,
      score: judged === 0 ? 1 : caught.length / judged,
      escaped: escaped.map(({ id }) => id),
      equivalent: equivalent.map(({ id }) => ({ id, reason: EQUIVALENT[id] })),
      wrongly_listed: wronglyListed,
      seconds,
    }));
  }
  return escaped.length + wronglyListed.length > 0 || tooMany ? 1 : 0;
}

/** One thread for each processor; results in the order of the ids. */
async function tryAll(ids: readonly string[], seeds: number): Promise<readonly Result[]> {
  const results = new Map<string, Result>();
  const queue = [...ids];
  let spoken = performance.now();
  const work = async () => {
    const worker = new Worker(new URL("./mutant_worker.ts", import.meta.url), { type: "module" });
    try {
      for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
        const result = await askWorker(worker, id, seeds);
        results.set(id, result);
        if (performance.now() - spoken < PROGRESS_MS) continue;
        spoken = performance.now();
        const live = [...results.values()].filter(({ found }) => found === undefined).length;
        console.error(`mutants: ${results.size} of ${ids.length}, ${live} not found`);
      }
    } finally {
      worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, navigator.hardwareConcurrency) }, work));
  return ids.map((id) => results.get(id)!);
}

function askWorker(worker: Worker, id: string, seeds: number): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  worker.onmessage = ({ data }: MessageEvent<Result>) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(`${id}: ${event.message}`));
  };
  worker.postMessage({ id, seeds });
  return promise;
}
