/**
 * Plays many seeds, in this thread or in several, and reports.
 *
 * @module
 */
import { CoverageSum } from "./coverage.ts";
import {
  coverageFigures,
  coverageNotes,
  coverageTable,
  covered,
  missedPairs,
  rare,
  unreached,
} from "./coverage_report.ts";
import { diagram } from "./mermaid.ts";
import type { Options } from "./options.ts";
import { playAll, type Played, type SeedJob, threadsFor } from "./play.ts";
import { type Figures, strikesOf, table, Tally, total } from "./report.ts";
import { type RunParts, runSeed, type SeedResult } from "./run.ts";
import { SCENARIOS } from "./scenarios/mod.ts";
import { describeSwarm } from "./swarm.ts";
import { buildHash, formatTrace, stageHash, type Trace, type TraceEvent } from "./trace.ts";

const DEFAULT_SEEDS = 20;
/** From this many seeds of all scenarios on, what was never taken is a failure. */
const THOROUGH_SEEDS = 500;
const PROGRESS_MS = 5000;

/** A finding, or the first seed: what is written to files. */
interface Kept {
  readonly scenario: string;
  readonly seed: number;
  readonly found: boolean;
}

/** Many seeds of one scenario or of all. */
export class Simulation {
  readonly #tallies: ReadonlyMap<string, Tally>;
  readonly #coverage = new CoverageSum();
  readonly #threads: number;
  readonly #since = performance.now();
  #spoken = performance.now();
  #kept: Kept | undefined;
  /** Why it ended early. */
  #gaveUp: string | undefined;

  constructor(private readonly options: Options, private readonly parts: RunParts) {
    const { scenario, workers } = options;
    const names = scenario === "all" ? [...SCENARIOS.keys()] : [scenario];
    this.#tallies = new Map(names.map((name) => [name, new Tally(name)]));
    this.#threads = threadsFor(this.#seeds * names.length, workers);
  }

  async run(): Promise<number> {
    for await (const { job, answer, lost } of playAll(this.#jobs(), this.options, this.#threads)) {
      if (lost === undefined) this.#add(job, answer);
      else this.#gaveUp = `${job.scenario} seed ${job.seed} was not finished: ${lost}`;
      this.#progress(job);
      if (this.#gaveUp !== undefined) break; // What others have played beyond it does not count.
    }
    await this.#writeFiles();
    return this.#report();
  }

  /** Of each scenario. */
  get #seeds(): number {
    const { seeds, seed, minutes } = this.options;
    return seeds ?? (minutes !== undefined ? Infinity : seed !== undefined ? 1 : DEFAULT_SEEDS);
  }

  /** Drawn as they are played, while there is time. */
  *#jobs(): Generator<SeedJob> {
    const { seed: first = 1, minutes = Infinity } = this.options;
    const until = this.#since + minutes * 60_000;
    for (let i = 0; i < this.#seeds; i++) {
      for (const scenario of this.#tallies.keys()) {
        if (performance.now() >= until) return;
        yield { scenario, seed: first + i };
      }
    }
  }

  get #verbose(): boolean {
    return this.options.seed !== undefined && this.options.seeds === undefined &&
      this.options.minutes === undefined;
  }

  #add({ scenario, seed }: SeedJob, { result, wallMs, heapBytes }: Played): void {
    this.#tallies.get(scenario)!.add(result, wallMs);
    this.#coverage.add(result.coverage);
    const found = result.violations.length > 0 || result.unfinished !== undefined;
    if (this.#kept === undefined || (found && !this.#kept.found)) {
      this.#kept = { scenario, seed, found };
    }
    if (this.#verbose) console.log(tell(scenario, result));
    for (const { invariant, message } of result.violations) {
      console.error(`${scenario} seed ${seed}: ${invariant}: ${message}`);
    }
    if (result.unfinished !== undefined) {
      this.#gaveUp = `${scenario} seed ${seed} was not finished: ${result.unfinished}`;
    } else if (heapBytes > this.options.bytes / this.#threads) {
      this.#gaveUp = `${(heapBytes / 2 ** 20).toFixed(0)} MB of memory are in use`;
    }
  }

  #progress({ scenario, seed }: SeedJob): void {
    if (performance.now() - this.#spoken < PROGRESS_MS) return;
    this.#spoken = performance.now();
    const tallies = [...this.#tallies.values()];
    const seeds = tallies.reduce((sum, tally) => sum + tally.seeds, 0);
    const found = tallies.reduce((sum, tally) => sum + tally.found.length, 0);
    console.error(`simulate: ${seeds} runs, at ${scenario} seed ${seed}; found ${found}`);
  }

  async #writeFiles(): Promise<void> {
    const kept = this.#kept;
    if (kept === undefined) return;
    if (this.options.trace === undefined && this.options.diagram === undefined) return;
    const events: TraceEvent[] = [];
    const result = await runSeed(SCENARIOS.get(kept.scenario)!, kept.seed, this.parts, events);
    writeFiles(this.options, traceOf(kept.scenario, result, events, this.options), result);
  }

  #report(): number {
    const all = this.options.scenario === "all";
    const tallies = [...this.#tallies.values()];
    const machines = covered(this.#coverage);
    const left = unreached(machines);
    const figures: Figures = all ? total(tallies) : tallies[0]!.figures;
    console.log(table(tallies));
    const strikes = strikesOf(tallies);
    if (!this.#verbose) console.log(`\n${strikes.table}`);
    if (all) console.log(`\n${coverageTable(machines)}\n\n${coverageNotes(machines)}`);
    const never = all ? [...left.states, ...left.transitions] : [];
    const runs = tallies.every(({ seeds }) => seeds >= THOROUGH_SEEDS);
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
        workers: this.#threads,
        ...elapsed,
        ...ended,
      }));
    }
    if (found || wanting) return 1;
    return this.#gaveUp === undefined ? 0 : 3;
  }
}

/** Of one seed, for people. */
function tell(scenario: string, result: SeedResult): string {
  const { seed, casting, swarm, events, recorded, virtualMs, traceHash, requests } = result;
  const counts = Object.entries(requests).map(([name, n]) => `${n} ${name}`).join(", ");
  return [
    `${scenario} seed ${seed} on ${casting.profile}`,
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

/** Writes a trace and its diagram, where they are asked for. */
export function writeFiles(options: Options, trace: Trace, result?: SeedResult): void {
  if (options.trace !== undefined) Deno.writeTextFileSync(options.trace, formatTrace(trace));
  if (options.diagram === undefined) return;
  const { violation } = trace.header;
  const event = result?.violations[0]?.event ?? trace.events.length;
  const about = violation === undefined
    ? {}
    : { violation: { event, message: `${violation.invariant}: ${violation.message}` } };
  Deno.writeTextFileSync(options.diagram, diagram(trace, about));
}
