/**
 * `check --mutants`: whether every mutant of every machine that ships is found.
 *
 * @module
 */
import { inThreads } from "../simulation/threads.ts";
import { EQUIVALENT } from "./equivalents.ts";
import { allMutants } from "./mutants.ts";
import type { Result, Trial } from "./mutant_worker.ts";
import type { Options } from "./options.ts";

const PROGRESS_MS = 5000;
const MOST_EQUIVALENT = 0.05;
/** Wall-clock time after which a mutant is taken to run in circles; the slowest takes seconds. */
const CIRCLES_MS = 180_000;
/** Of each thread, besides the states of its models, which are bounded by themselves. */
const HEAP_MB = 2048;

/** Runs all mutants; 1 if one escapes, or too many are said to be equivalent; 3 if it did not end. */
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
  if (typeof results === "string") {
    console.error(`Gave up: ${results}. Nothing is said about it and those after it.`);
    return 3;
  }
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

/** In so many threads; results in the order of the ids. A text says why it ended before. */
async function tryAll(
  ids: readonly string[],
  { seeds, withSimulator: always, workers }: Options,
): Promise<readonly Result[] | string> {
  const trials = ids.map((id): Trial => ({ id, seeds, always }));
  const results: Result[] = [];
  let spoken = performance.now();
  const tried = inThreads<Trial, Result>(trials, {
    module: new URL("./mutant_worker.ts", import.meta.url),
    count: Math.min(workers, ids.length),
    limitMs: CIRCLES_MS * (always ? 10 : 1),
    megabytes: HEAP_MB,
  });
  for await (const done of tried) {
    const { id } = done.job;
    if (done.lost !== undefined && !done.late) {
      return `${id} was not tried to its end: ${done.lost}`;
    }
    const result = done.answer ?? { id, byChecker: CIRCLES, bySimulator: undefined };
    if (!isFound(result) && !Object.hasOwn(EQUIVALENT, id)) {
      console.error(`ESCAPED  ${id}`); // Now: whoever waits for the end may have to stop before.
    }
    results.push(result);
    if (performance.now() - spoken < PROGRESS_MS) continue;
    spoken = performance.now();
    const live = results.filter((it) => !isFound(it)).length;
    console.error(`mutants: ${results.length} of ${ids.length}, ${live} not found`);
  }
  return results;
}

const CIRCLES = { by: "its thread", rule: "a machine comes to rest" };
