/**
 * Adds up what came of many seeds.
 *
 * @module
 */
import type { SeedResult } from "./run.ts";
import { Strikes } from "./strikes.ts";
import { TraceHash } from "./trace.ts";

/** A broken invariant and the seed that broke it. */
export interface Found {
  readonly scenario: string;
  readonly seed: number;
  readonly invariant: string;
  readonly message: string;
}

/** Of one scenario, or of all. */
export interface Figures {
  readonly scenario: string;
  readonly seeds: number;
  readonly events: number;
  readonly trace_events: number;
  readonly virtual_s: number;
  readonly wall_s: number;
  readonly events_per_s: number;
  readonly trace_hash: string;
  readonly violations: readonly Omit<Found, "scenario">[];
}

/** Grows with each seed. */
export class Tally {
  seeds = 0;
  #events = 0;
  #recorded = 0;
  #virtualMs = 0;
  #wallMs = 0;
  readonly #hash = new TraceHash();
  readonly found: Found[] = [];
  readonly strikes: Strikes = new Strikes();
  /** Seeds that were given up, and why. */
  readonly unfinished: { readonly seed: number; readonly why: string }[] = [];

  constructor(readonly scenario: string) {}

  /** Adds a seed that took so many ms of wall time. */
  add(result: SeedResult, wallMs: number): void {
    this.seeds++;
    this.#events += result.events;
    this.#recorded += result.recorded;
    this.#virtualMs += result.virtualMs;
    this.#wallMs += wallMs;
    this.#hash.text(result.traceHash);
    this.strikes.add(result.strikes);
    const { seed } = result;
    for (const { invariant, message } of result.violations) {
      this.found.push({ scenario: this.scenario, seed, invariant, message });
    }
    if (result.unfinished !== undefined) this.unfinished.push({ seed, why: result.unfinished });
  }

  /** So far. */
  get figures(): Figures {
    return {
      scenario: this.scenario,
      seeds: this.seeds,
      events: this.#events,
      trace_events: this.#recorded,
      virtual_s: round(this.#virtualMs / 1000),
      wall_s: round(this.#wallMs / 1000),
      events_per_s: Math.round(this.#events / this.#wallMs * 1000) || 0,
      trace_hash: this.#hash.digest,
      violations: this.found.map(({ seed, invariant, message }) => ({ seed, invariant, message })),
    };
  }
}

/** What the faults of all scenarios did. */
export function strikesOf(tallies: readonly Tally[]): Strikes {
  const sum = new Strikes();
  for (const { strikes } of tallies) sum.add(strikes);
  return sum;
}

/** All scenarios as one: sums, and the median of the speeds. */
export function total(tallies: readonly Tally[]): Figures & Record<string, unknown> {
  const each = tallies.map(({ figures }) => figures);
  const sum = (of: "seeds" | "events" | "trace_events" | "virtual_s" | "wall_s") =>
    each.reduce((total, figures) => total + figures[of], 0);
  const hash = new TraceHash();
  for (const { trace_hash } of each) hash.text(trace_hash);
  const speeds = each.map(({ events_per_s }) => events_per_s).sort((a, b) => a - b);
  const middle = (speeds.length - 1) / 2;
  const median = ((speeds[Math.floor(middle)] ?? 0) + (speeds[Math.ceil(middle)] ?? 0)) / 2;
  return {
    scenario: "all",
    seeds: sum("seeds"),
    events: sum("events"),
    trace_events: sum("trace_events"),
    virtual_s: round(sum("virtual_s")),
    wall_s: round(sum("wall_s")),
    events_per_s: Math.round(sum("events") / sum("wall_s")) || 0,
    events_per_s_median: Math.round(median),
    trace_hash: hash.digest,
    violations: tallies.flatMap(({ found }) => found),
    scenarios: each,
  };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** A line a scenario. */
export function table(tallies: readonly Tally[]): string {
  const rows = tallies.map(({ figures: f }) =>
    f.scenario.padEnd(18) + `${f.seeds}`.padStart(7) + `${f.events}`.padStart(11) +
    `${f.events_per_s}`.padStart(11) + (f.virtual_s / f.wall_s).toFixed(0).padStart(14) +
    `${f.violations.length}`.padStart(7)
  );
  return ["scenario            seeds     events   events/s  virtual/wall  found", ...rows].join(
    "\n",
  );
}
