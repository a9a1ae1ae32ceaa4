/**
 * The command line of `simulate`.
 *
 * @module
 */

import { type ProfileName, PROFILES } from "./scenario.ts";

/** What was asked for. */
export interface Options {
  readonly scenario: string;
  /** In place of the ones that seeds draw. */
  readonly profile: ProfileName | undefined;
  /** How many seeds of each scenario; undefined: the default, or one if `seed` is given. */
  readonly seeds: number | undefined;
  /** The first seed. */
  readonly seed: number | undefined;
  readonly minutes: number | undefined;
  /** A seed that takes more events of the virtual clock is given up. */
  readonly events: number;
  /** Everything is given up when the heap is larger. */
  readonly bytes: number;
  /** Threads that play; 1: this one. */
  readonly workers: number;
  readonly json: boolean;
  readonly diagram: string | undefined;
  /** Where to write a trace. */
  readonly trace: string | undefined;
  /** The trace to run again. */
  readonly replay: string | undefined;
  readonly list: boolean;
  readonly help: boolean;
}

/** For `--help`. */
export const HELP = `Usage: deno task simulate [OPTIONS]

  --scenario NAME|all  what to play; all is the default
  --profile NAME       play every seed on ${PROFILES.join(", ")}; each draws one by default
  --seeds N            play N seeds of each scenario; 20 is the default
  --seed N             replay one seed and tell about it; with --seeds, the first one
  --minutes N          go on drawing seeds for N minutes
  --events N           give up at a seed that takes more than N events; 4,000,000 is the default
  --memory MB          give up when more than MB of memory are in use, in equal parts by the
                       workers; 3072 is the default
  --workers N          play in N threads; one for each processor is the default. The report is the
                       same for any number, times apart; 1 plays in the first thread
  --report json        print one JSON object as the last line of standard output
  --trace FILE         with --scenario or --seed: write what happened, one JSON object a line;
                       without them: the same as --replay FILE
  --diagram FILE.md    write it as a Mermaid sequence diagram: of a violation, what led to it
  --replay FILE        run what a trace of simulate or of check says again, and compare
  --list               name scenarios and invariants
  --help               print this

With several seeds, --trace and --diagram are of the first one that finds something, or else of the
first. Exit code 0: nothing was found; 1: something was, or with --scenario all --seeds 500 something was
never taken; 2: bad command line or trace; 3: given up before the end, and nothing found until then.
`;

const MOST_SEED = 2 ** 31 - 1;
/** A run that needs more than this does not end. */
const MOST_EVENTS = 4_000_000;
const MOST_MEMORY_MB = 3072;
const MOST_WORKERS = 256;

/** Reads a command line; a text says what is wrong with it. */
export function parseOptions(
  args: readonly string[],
  scenarios: readonly string[],
): Options | string {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  const rest = args.flatMap((arg) => /^--\w+=/.test(arg) ? split(arg) : [arg]);
  for (let i = 0; i < rest.length; i++) {
    const arg = rest[i]!;
    if (arg === "--help" || arg === "-h" || arg === "--list") {
      flags.add(arg === "-h" ? "--help" : arg);
      continue;
    }
    if (!VALUES.has(arg)) {
      return arg.startsWith("-") ? `unknown option ${arg}` : `unexpected ${JSON.stringify(arg)}`;
    }
    const value = rest[++i];
    if (value === undefined || value === "") return `${arg} needs a value`;
    if (values.has(arg)) return `${arg} is given twice`;
    values.set(arg, value);
  }
  return check(values, flags, scenarios);
}

const VALUES: ReadonlySet<string> = new Set([
  "--scenario",
  "--profile",
  "--events",
  "--memory",
  "--workers",
  "--seeds",
  "--seed",
  "--minutes",
  "--report",
  "--diagram",
  "--trace",
  "--replay",
]);

function split(arg: string): [string, string] {
  const at = arg.indexOf("=");
  return [arg.slice(0, at), arg.slice(at + 1)];
}

function check(
  values: ReadonlyMap<string, string>,
  flags: ReadonlySet<string>,
  scenarios: readonly string[],
): Options | string {
  const scenario = values.get("--scenario") ?? "all";
  if (scenario !== "all" && !scenarios.includes(scenario)) {
    return `there is no scenario ${scenario}: there are all, ${scenarios.join(", ")}`;
  }
  const profile = values.get("--profile") as ProfileName | undefined;
  if (profile !== undefined && !PROFILES.includes(profile)) {
    return `there is no profile ${profile}: there are ${PROFILES.join(", ")}`;
  }
  const report = values.get("--report");
  if (report !== undefined && report !== "json") return `--report must be json, not ${report}`;
  const seeds = whole(values, "--seeds", 1, 10_000_000);
  const seed = whole(values, "--seed", 0, MOST_SEED);
  const minutes = positive(values, "--minutes", 24 * 60);
  const events = whole(values, "--events", 1, 1e12) ?? MOST_EVENTS;
  const memory = whole(values, "--memory", 1, 1e6) ?? MOST_MEMORY_MB;
  const workers = whole(values, "--workers", 1, MOST_WORKERS) ?? navigator.hardwareConcurrency;
  for (const number of [seeds, seed, minutes, events, memory, workers]) {
    if (typeof number === "string") return number;
  }
  if (seeds !== undefined && minutes !== undefined) {
    return "--seeds and --minutes exclude each other";
  }
  // A trace that nobody says what it should be of is one that there is already.
  const again = WRITTEN.every((name) => !values.has(name));
  const replay = values.get("--replay") ?? (again ? values.get("--trace") : undefined);
  if (replay !== undefined && [...values.keys()].some((name) => !WITH_REPLAY.has(name))) {
    return "a replay goes with --report, --trace and --diagram only: the rest is in the file";
  }
  return {
    scenario,
    profile,
    events: events as number,
    bytes: memory as number * 2 ** 20,
    workers: workers as number,
    seeds: seeds as number | undefined,
    seed: seed as number | undefined,
    minutes: minutes as number | undefined,
    json: report === "json",
    diagram: values.get("--diagram"),
    trace: again ? undefined : values.get("--trace"),
    replay,
    list: flags.has("--list"),
    help: flags.has("--help"),
  };
}

/** With one of these, `--trace` names what is to be written. */
const WRITTEN = ["--scenario", "--profile", "--seed", "--seeds", "--minutes", "--replay"];
const WITH_REPLAY: ReadonlySet<string> = new Set(["--replay", "--report", "--trace", "--diagram"]);

function whole(
  values: ReadonlyMap<string, string>,
  name: string,
  least: number,
  most: number,
): number | string | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  return `${name} must be a whole number from ${least} to ${most}, not ${text}`;
}

function positive(
  values: ReadonlyMap<string, string>,
  name: string,
  most: number,
): number | string | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text) && number > 0 && number <= most) return number;
  return `${name} must be a number above 0 and at most ${most}, not ${text}`;
}
