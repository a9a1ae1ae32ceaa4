/**
 * `simulate`: plays seeds of scenarios in virtual time, with faults, and watches what must hold.
 *
 * @module
 */
import { HELP, type Options, parseOptions } from "./options.ts";
import { playParts } from "./play.ts";
import { BadTrace, replay } from "./replay.ts";
import type { RunParts } from "./run.ts";
import { SCENARIOS } from "./scenarios/mod.ts";
import { Simulation, writeFiles } from "./simulation.ts";
import { parseTrace } from "./trace.ts";

/** Runs a command line and returns the exit code: 0, 1 found something, 2 bad line, 3 given up. */
export async function simulate(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, [...SCENARIOS.keys()]);
  if (typeof options === "string") return complain(options);
  if (options.help) return print(HELP.trimEnd());
  const parts = await playParts(options);
  if (options.list) return print(list(parts));
  try {
    if (options.replay !== undefined) return await playAgain(options, options.replay, parts);
    return await new Simulation(options, parts).run();
  } catch (error) {
    if (!(error instanceof BadTrace || error instanceof SyntaxError || isIo(error))) throw error;
    return complain(error.message);
  }
}

function isIo(error: unknown): error is Error {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.IsADirectory || error instanceof Deno.errors.NotADirectory;
}

function complain(text: string): number {
  console.error(`Cannot simulate: ${text.split("\n")[0]}`);
  return 2;
}

function print(text: string): number {
  console.log(text);
  return 0;
}

function list({ definitions }: RunParts): string {
  const row = (name: string, text: string) => `  ${name.padEnd(22)} ${text}`;
  return [
    "Scenarios:",
    ...[...SCENARIOS.values()].map(({ name, summary }) => row(name, summary)),
    "Invariants:",
    ...definitions.map(({ name, says }) => row(name, says)),
  ].join("\n");
}

async function playAgain(options: Options, file: string, parts: RunParts): Promise<number> {
  const recorded = parseTrace(Deno.readTextFileSync(file));
  const { trace, difference, result } = await replay(recorded, parts);
  writeFiles(options, trace, result);
  const violations = result?.violations ??
    (recorded.header.violation === undefined ? [] : [recorded.header.violation]);
  for (const { invariant, message } of violations) {
    console.log(invariant === message ? invariant : `${invariant}: ${message}`);
  }
  const same = difference === undefined;
  console.log(same ? `${trace.events.length} events, all as recorded` : difference);
  if (options.json) {
    const found = violations.map(({ invariant, message }) => ({ invariant, message }));
    const { kind, scenario, profile, model, mutant, seed } = recorded.header;
    const what = kind === "check" ? { model, mutant } : { scenario, profile, seed };
    console.log(JSON.stringify({
      replay: file,
      kind,
      ...what,
      events: trace.events.length,
      same,
      ...(difference === undefined ? {} : { difference }),
      violations: found,
    }));
  }
  return same && violations.length === 0 ? 0 : 1;
}
