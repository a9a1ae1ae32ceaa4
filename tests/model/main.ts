/**
 * `check`: searches every state of a model made of the machines that ship, or makes mutants of them
 * and sees that every one is found.
 *
 * @module
 */
import { type Exploration, explore } from "../../runtime/checker/explore.ts";
import type { Model } from "../../runtime/checker/model.ts";
import { type Walk, walkTo } from "../../runtime/checker/walk.ts";
import { buildHash } from "../simulation/trace.ts";
import { type Machines, SHIPPED, withMachine } from "./machines.ts";
import { MODELS } from "./models.ts";
import { allMutants } from "./mutants.ts";
import { runMutants } from "./mutant_run.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { diagram, trace, words } from "./tell.ts";

const PROGRESS_MS = 1000;

/** Runs a command line and returns the exit code: 0, 1 found something, 2 bad line, 3 unfinished. */
export async function check(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (typeof options === "string") return complain(options);
  if (options.help) return print(HELP.trimEnd());
  if (options.list) return print(list(options.mutants));
  try {
    return options.mutants ? await runMutants(options) : await checkModel(options);
  } catch (error) {
    if (!isIo(error)) throw error;
    return complain(error.message);
  }
}

function isIo(error: unknown): error is Error {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.IsADirectory || error instanceof Deno.errors.NotADirectory;
}

function complain(text: string): number {
  console.error(`Cannot check: ${text.split("\n")[0]}`);
  return 2;
}

function print(text: string): number {
  console.log(text);
  return 0;
}

function list(mutants: boolean): string {
  if (mutants) return allMutants().map(({ id }) => id).join("\n");
  const rows = [...MODELS].map(([name, { summary }]) => `  ${name.padEnd(24)} ${summary}`);
  return ["Models:", ...rows].join("\n");
}

async function checkModel(options: Options): Promise<number> {
  const machines = machinesOf(options.mutant);
  if (machines === undefined) return complain(`there is no mutant ${options.mutant}`);
  const { build, mustBreak } = MODELS.get(options.model!)!;
  const model = build(machines, options.scope);
  const found = explore(model, {
    states: options.states,
    bytes: options.bytes,
    progress: progress(model.name),
  });
  const walk = walkTo(model, found);
  if (walk !== undefined) {
    console.log(words(walk));
    if (options.trace !== undefined) {
      await Deno.writeTextFile(options.trace, trace(model, walk, options.mutant));
    }
    if (options.diagram !== undefined) {
      await Deno.writeTextFile(options.diagram, diagram(model, walk));
    }
  }
  console.log(summary(model, found));
  if (found.exceeded !== undefined && walk === undefined) {
    console.error(
      `Gave up: ${found.exceeded}. ${found.states} states to depth ${found.depth} were searched ` +
        `and nothing was found in them; nothing is said about the rest.`,
    );
  }
  const asItMust = mustBreak !== undefined && walk?.rule === mustBreak;
  if (mustBreak !== undefined) {
    console.log(`${asItMust ? "Broken as it must be" : "NOT BROKEN, and must be"}: ${mustBreak}`);
  }
  if (options.json) {
    const figures = report(options, model, found, walk);
    const expected = mustBreak === undefined ? {} : { must_break: mustBreak, as_it_must: asItMust };
    console.log(JSON.stringify({ ...figures, ...expected }));
  }
  if (asItMust) return 0;
  if (walk !== undefined || (mustBreak !== undefined && found.exceeded === undefined)) return 1;
  return found.exceeded === undefined ? 0 : 3;
}

function machinesOf(mutant: string | undefined): Machines | undefined {
  if (mutant === undefined) return SHIPPED;
  const wanted = allMutants().find(({ id }) => id === mutant);
  return wanted === undefined ? undefined : withMachine(wanted.machine());
}

function progress(name: string): (states: number, depth: number) => void {
  if (!Deno.stderr.isTerminal()) return () => {};
  let spoken = performance.now();
  return (states, depth) => {
    if (performance.now() - spoken < PROGRESS_MS) return;
    spoken = performance.now();
    console.error(`${name}: ${states} states${depth > 0 ? `, depth ${depth}` : ", goals"}`);
  };
}

function perSecond({ states, goalStates, seconds }: Exploration): number {
  return Math.round((states + goalStates) / Math.max(seconds, 1e-3));
}

function summary(model: Model, found: Exploration): string {
  const { states, depth, goalStates, seconds } = found;
  const generated = found.transitions + [...model.initial()].length;
  return `${model.name}: ${states} states, ${generated} generated, depth ${depth}, ` +
    `${goalStates} states in the search for goals, ${seconds.toFixed(1)} s, ` +
    `${perSecond(found)} states/s`;
}

function report(options: Options, model: Model, found: Exploration, walk: Walk | undefined) {
  const { states, depth, goalStates, seconds, exceeded, store } = found;
  // As TLC counts what it generates: the first states are among them.
  const transitions = found.transitions + [...model.initial()].length;
  return {
    model: model.name,
    states,
    transitions,
    depth,
    seconds: Math.round(seconds * 1000) / 1000,
    violations: walk === undefined ? [] : [{
      invariant: walk.rule,
      message: words(walk).split("\n").at(-1),
      steps: walk.legs.map(({ move }) => move.text),
    }],
    generated: transitions,
    goal_states: goalStates,
    states_per_s: perSecond(found),
    memory_mb: Math.round(store.bytes / 2 ** 20),
    finished: exceeded === undefined && walk === undefined,
    ...(exceeded === undefined ? {} : { exceeded }),
    bounds: model.bounds,
    rules: [...model.invariants, ...model.possibilities ?? []].map(({ name }) => name),
    ...(options.mutant === undefined ? {} : { mutant: options.mutant }),
    build: buildHash(),
  };
}
