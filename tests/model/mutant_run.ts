/**
 * `check --mutants`: whether every mutant of every machine that ships is found.
 *
 * @module
 */
import { EQUIVALENT } from "./equivalents.ts";
import { allMutants } from "./mutants.ts";
import type { Result, Trial } from "./mutant_worker.ts";
import type { Options } from "./options.ts";

const PROGRESS_MS = 5000;
const MOST_EQUIVALENT = 0.05;
/** Wall-clock time after which a mutant is taken to run in circles; the slowest takes seconds. */
const CIRCLES_MS = 180_000;

/** Runs all mutants; 1 if one escapes, or too many are said to be equivalent. */
export async function runMutants(options: Options): Promise<number> {
  const { only = "", json } = options;
  const since = performance.now();
  const ids = allMutants().map(({ id }) => id).filter((id) => id.includes(only));
  if (ids.length === 0) {
    console.error(`Cannot check: no mutant's name contains ${only}`);
    return 2;
  }
  const known = (id: string) => Object.hasOwn(EQUIVALENT, id);
  // Those said to be equivalent are tried too: one that is found is not.
  const results = await tryAll(ids, options);
  const caught = results.filter((it) => isFound(it));
  const wronglyListed = caught.filter(({ id }) => known(id)).map(({ id }) => id);
  const escaped = results.filter((it) => !isFound(it) && !known(it.id)).map(({ id }) => id);
  const equivalent = results.filter((it) => !isFound(it) && known(it.id)).map(({ id }) => id);
  tell(results, escaped, equivalent, wronglyListed);
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
      escaped,
      equivalent: equivalent.map((id) => ({ id, reason: EQUIVALENT[id] })),
      wrongly_listed: wronglyListed,
      ...(options.withSimulator ? whoFound(results) : {}),
      seconds,
    }));
  }
  return escaped.length + wronglyListed.length > 0 || tooMany ? 1 : 0;
}

function isFound({ byChecker, bySimulator }: Result): boolean {
  return byChecker !== undefined || bySimulator !== undefined;
}

function tell(
  results: readonly Result[],
  escaped: readonly string[],
  equivalent: readonly string[],
  wronglyListed: readonly string[],
): void {
  for (const { id, byChecker, bySimulator } of results) {
    if (byChecker === undefined && bySimulator === undefined) continue;
    console.log(`found    ${id}`);
    for (const found of [byChecker, bySimulator]) {
      if (found !== undefined) console.log(`         ${found.by}: ${found.rule}`);
    }
  }
  for (const id of equivalent) console.log(`the same ${id}\n         ${EQUIVALENT[id]}`);
  for (const id of escaped) console.log(`ESCAPED  ${id}`);
  for (const id of wronglyListed) console.log(`LISTED as equivalent, but found: ${id}`);
}

/** How strong each is alone, and what only one of them finds. */
function whoFound(results: readonly Result[]) {
  const ids = (holds: (it: Result) => boolean) => results.filter(holds).map(({ id }) => id);
  return {
    by_checker: ids((it) => it.byChecker !== undefined).length,
    by_simulator: ids((it) => it.bySimulator !== undefined).length,
    only_by_checker: ids((it) => it.byChecker !== undefined && it.bySimulator === undefined),
    only_by_simulator: ids((it) => it.byChecker === undefined && it.bySimulator !== undefined),
  };
}

/** One thread for each processor; results in the order of the ids. */
async function tryAll(ids: readonly string[], options: Options): Promise<readonly Result[]> {
  const { seeds, withSimulator: always } = options;
  const results = new Map<string, Result>();
  const queue = [...ids];
  let spoken = performance.now();
  const work = async () => {
    let worker: Worker | undefined;
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
      worker ??= new Worker(new URL("./mutant_worker.ts", import.meta.url), { type: "module" });
      const result = await askWorker(worker, { id, seeds, always });
      if (result && !isFound(result) && !Object.hasOwn(EQUIVALENT, id)) {
        console.error(`ESCAPED  ${id}`); // Now: whoever waits for the end may have to stop before.
      }
      results.set(id, result ?? { id, byChecker: CIRCLES, bySimulator: undefined });
      if (result === undefined) {
        worker.terminate();
        worker = undefined;
      }
      if (performance.now() - spoken < PROGRESS_MS) continue;
      spoken = performance.now();
      const live = [...results.values()].filter((it) => !isFound(it)).length;
      console.error(`mutants: ${results.size} of ${ids.length}, ${live} not found`);
    }
    worker?.terminate();
  };
  await Promise.all(Array.from({ length: Math.max(1, navigator.hardwareConcurrency) }, work));
  return ids.map((id) => results.get(id)!);
}

const CIRCLES = { by: "its thread", rule: "a machine comes to rest" };

/** Undefined: it does not answer. */
function askWorker(worker: Worker, trial: Trial): Promise<Result | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Result | undefined>();
  const watch = setTimeout(() => resolve(undefined), CIRCLES_MS * (trial.always ? 10 : 1));
  worker.onmessage = ({ data }: MessageEvent<Result>) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(`${trial.id}: ${event.message}`));
  };
  worker.postMessage(trial);
  return promise.finally(() => clearTimeout(watch));
}
