/**
 * `simulate`: plays seeds of scenarios in virtual time, with faults, and watches what must hold.
 *
 * @module
 */
import { Coverage } from "./coverage.ts";
import {
  coverageFigures,
  coverageNotes,
  coverageTable,
  covered,
  missedPairs,
  rare,
  unreached,
} from "./coverage_report.ts";
import { allInvariants } from "./invariant.ts";
import { diagram } from "./mermaid.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { BadTrace, replay } from "./replay.ts";
import { type Figures, strikesOf, table, Tally, total } from "./report.ts";
import { type RunParts, runSeed, type SeedResult } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios/mod.ts";
import { stageKeys } from "./stage.ts";
import { describeSwarm } from "./swarm.ts";
import {
  buildHash,
  formatTrace,
  parseTrace,
  stageHash,
  type Trace,
  type TraceEvent,
} from "./trace.ts";

const DEFAULT_SEEDS = 20;
/** From this many seeds of all scenarios on, what was never taken is a failure. */
const THOROUGH_SEEDS = 500;
const PROGRESS_MS = 5000;

/** Runs a command line and returns the exit code: 0, 1 found something, 2 bad line, 3 given up. */
export async function simulate(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, [...SCENARIOS.keys()]);
  if (typeof options === "string") return complain(options);
  if (options.help) return print(HELP.trimEnd());
  const parts = {
    profile: options.profile,
    mostEvents: options.events,
    coverage: new Coverage(),
    definitions: await allInvariants(),
    ...await stageKeys(),
  };
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

/** A finding, or the first seed: what is written to files. */
interface Kept {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly found: boolean;
}

class Simulation {
  readonly #scenarios: readonly Scenario[];
  readonly #tallies: readonly Tally[];
  readonly #until: number;
  readonly #since = performance.now();
  #spoken = performance.now();
  #kept: Kept | undefined;
  /** Why it ended early. */
  #gaveUp: string | undefined;

  constructor(private readonly options: Options, private readonly parts: RunParts) {
    const { scenario, minutes } = options;
    this.#scenarios = scenario === "all" ? [...SCENARIOS.values()] : [SCENARIOS.get(scenario)!];
    this.#tallies = this.#scenarios.map(({ name }) => new Tally(name));
    this.#until = minutes === undefined ? Infinity : this.#since + minutes * 60_000;
  }

  async run(): Promise<number> {
    const { seed: first = 1, seeds, minutes, seed } = this.options;
    const count = seeds ??
      (minutes !== undefined ? Infinity : seed !== undefined ? 1 : DEFAULT_SEEDS);
    for (let i = 0; i < count && this.#goesOn(); i++) {
      for (const [at, scenario] of this.#scenarios.entries()) {
        if (!this.#goesOn()) break;
        await this.#play(scenario, first + i, this.#tallies[at]!);
      }
    }
    await this.#writeFiles();
    return this.#report();
  }

  #goesOn(): boolean {
    return this.#gaveUp === undefined && performance.now() < this.#until;
  }

  get #verbose(): boolean {
    return this.options.seed !== undefined && this.options.seeds === undefined &&
      this.options.minutes === undefined;
  }

  async #play(scenario: Scenario, seed: number, tally: Tally): Promise<void> {
    const since = performance.now();
    const result = await runSeed(scenario, seed, this.parts);
    tally.add(result, performance.now() - since);
    const found = result.violations.length > 0 || result.unfinished !== undefined;
    if (this.#kept === undefined || (found && !this.#kept.found)) {
      this.#kept = { scenario, seed, found };
    }
    if (this.#verbose) console.log(tell(scenario, result));
    for (const { invariant, message } of result.violations) {
      console.error(`${scenario.name} seed ${seed}: ${invariant}: ${message}`);
    }
    if (result.unfinished !== undefined) {
      this.#gaveUp = `${scenario.name} seed ${seed} was not finished: ${result.unfinished}`;
    }
    const { heapUsed } = Deno.memoryUsage();
    if (heapUsed > this.options.bytes) {
      this.#gaveUp = `${(heapUsed / 2 ** 20).toFixed(0)} MB of memory are in use`;
    }
    this.#progress(scenario, seed);
  }

  #progress(scenario: Scenario, seed: number): void {
    if (performance.now() - this.#spoken < PROGRESS_MS) return;
    this.#spoken = performance.now();
    const seeds = this.#tallies.reduce((sum, tally) => sum + tally.seeds, 0);
    const found = this.#tallies.reduce((sum, tally) => sum + tally.found.length, 0);
    console.error(`simulate: ${seeds} runs, at ${scenario.name} seed ${seed}; found ${found}`);
  }

  async #writeFiles(): Promise<void> {
    const kept = this.#kept;
    if (kept === undefined) return;
    if (this.options.trace === undefined && this.options.diagram === undefined) return;
    const events: TraceEvent[] = [];
    const result = await runSeed(kept.scenario, kept.seed, this.parts, events);
    writeFiles(this.options, traceOf(kept.scenario.name, result, events, this.options), result);
  }

  #report(): number {
    const all = this.options.scenario === "all";
    const machines = covered(this.parts.coverage);
    const left = unreached(machines);
    const figures: Figures = all ? total(this.#tallies) : this.#tallies[0]!.figures;
    console.log(table(this.#tallies));
    const strikes = strikesOf(this.#tallies);
    if (!this.#verbose) console.log(`\n${strikes.table}`);
    if (all) console.log(`\n${coverageTable(machines)}\n\n${coverageNotes(machines)}`);
    const never = all ? [...left.states, ...left.transitions] : [];
    const runs = this.#tallies.every(({ seeds }) => seeds >= THOROUGH_SEEDS);
    const wanting = all && runs && never.length + left.wrong.length > 0;
    const found = figures.violations.length > 0;
    if (this.#gaveUp !== undefined) {
      console.error(
        `Gave up after ${figures.seeds} runs, ${figures.events} events: ${this.#gaveUp}.` +
          (found ? "" : " Nothing was found in them; nothing is said about the rest."),
      );
    } else if (wanting) console.error(`Never taken: ${[...never, ...left.wrong].join(", ")}`);
    if (this.options.json) {
      const coverage = coverageFigures(machines);
      const elapsed = { elapsed_s: Math.round(performance.now() - this.#since) / 1000 };
      const ended = this.#gaveUp === undefined ? {} : { gave_up: this.#gaveUp };
      const more = all ? { rare: rare(machines), pairs_missed: missedPairs(machines) } : {};
      console.log(JSON.stringify({
        ...figures,
        profile: this.options.profile ?? "drawn",
        unreached: never,
        faults: strikes,
        coverage,
        ...more,
        build: buildHash(),
        ...elapsed,
        ...ended,
      }));
    }
    if (found || wanting) return 1;
    return this.#gaveUp === undefined ? 0 : 3;
  }
}

/** Of one seed, for people. */
function tell(scenario: Scenario, result: SeedResult): string {
  const { seed, casting, swarm, events, recorded, virtualMs, traceHash, requests } = result;
  const counts = Object.entries(requests).map(([name, n]) => `${n} ${name}`).join(", ");
  return [
    `${scenario.name} seed ${seed} on ${casting.profile}`,
    `  faults    ${describeSwarm(swarm)}`,
    `  settings  ${JSON.stringify(casting.settings ?? {})}`,
    `  requests  ${counts}`,
    `  events    ${events}, ${recorded} of them in the trace, ${(virtualMs / 1000).toFixed(3)} s`,
    `  hash      ${traceHash}`,
    ...result.violations.map(({ invariant, message, event }) =>
      `  FOUND     ${invariant} at event ${event}: ${message}`
    ),
  ].join("\n");
}

function traceOf(
  scenario: string,
  result: SeedResult,
  events: readonly TraceEvent[],
  { profile }: Options,
): Trace {
  const [violation] = result.violations;
  return {
    header: {
      format: "trunkline-trace",
      version: 1,
      kind: "simulate",
      build: buildHash(),
      scenario,
      ...(profile === undefined ? {} : { profile }),
      seed: result.seed,
      stage: stageHash(),
      ...(violation === undefined
        ? {}
        : { violation: { invariant: violation.invariant, message: violation.message } }),
    },
    events,
  };
}

function writeFiles(options: Options, trace: Trace, result?: SeedResult): void {
  if (options.trace !== undefined) Deno.writeTextFileSync(options.trace, formatTrace(trace));
  if (options.diagram === undefined) return;
  const { violation } = trace.header;
  const event = result?.violations[0]?.event ?? trace.events.length;
  const about = violation === undefined
    ? {}
    : { violation: { event, message: `${violation.invariant}: ${violation.message}` } };
  Deno.writeTextFileSync(options.diagram, diagram(trace, about));
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
