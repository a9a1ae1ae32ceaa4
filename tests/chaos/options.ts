/**
 * The command line of `chaos`.
 *
 * @module
 */

/** What is done to the cluster. Those the simulator has too are named as there. */
export const KINDS = ["exit", "process", "partition"] as const;

/** A kind of fault. */
export type Kind = typeof KINDS[number];

/** What was asked for. */
export interface Options {
  /** How many roles and processes to kill; undefined: until the minutes are over. */
  readonly kills: number | undefined;
  readonly seed: number;
  /** Name of a built-in profile, or a file. */
  readonly profile: string;
  /** Data folder; undefined: a fresh one, removed at the end if nothing was found. */
  readonly data: string | undefined;
  readonly minutes: number | undefined;
  readonly faults: ReadonlySet<Kind>;
  readonly clients: number;
  readonly fast: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

/** For `--help`. */
export const HELP = `Usage: deno task chaos [OPTIONS]

Starts a cluster in a process of its own, loads it over HTTP, and at moments drawn from a seed ends
its roles without a word (exit), kills the whole process with SIGKILL, now and then while it starts,
and starts it again on the same data (process), cuts links, both ways and one way, and mends them
(partition). Then it heals all of it and holds what is there against what clients were told.

  --kills N            roles and processes to kill, 1 to 100000 (default 20)
  --seed N             what chance comes from: 0 to 4294967295 (default: any; it is printed). It
                       repeats what is done and in which order, not what real threads make of it
  --minutes N          without --kills: go on for N minutes; with it: give up after N minutes
  --profile NAME|FILE  the cluster's profile (default carrier)
  --faults LIST        of exit, process and partition, separated by commas (default: all)
  --clients N          requests under way at once, 1 to 1000 (default 24)
  --fast               links without delay
  --data DIR           keep the data there; a folder that exists is opened as it is (default: a
                       temporary folder, removed unless something was found)
  --report json        print one JSON object as the last line of standard output
  --help               print this

Exit code 0: nothing was violated; 1: something was; 2: bad command line; 3: not finished.
`;

const DEFAULT_KILLS = 20;
const DEFAULT_CLIENTS = 24;
const MOST_SEED = 2 ** 32 - 1;

/** Reads a command line; a text says what is wrong with it. */
export function parseOptions(args: readonly string[]): Options | string {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  const rest = args.flatMap((arg) => /^--\w+=/.test(arg) ? split(arg) : [arg]);
  for (let i = 0; i < rest.length; i++) {
    const arg = rest[i]!;
    if (FLAGS.has(arg)) flags.add(arg);
    else if (!VALUES.has(arg)) {
      return arg.startsWith("-") ? `unknown option ${arg}` : `unexpected ${JSON.stringify(arg)}`;
    } else {
      const value = rest[++i];
      if (value === undefined || value === "") return `${arg} needs a value`;
      if (values.has(arg)) return `${arg} is given twice`;
      values.set(arg, value);
    }
  }
  return check(values, flags);
}

const FLAGS: ReadonlySet<string> = new Set(["--help", "-h", "--fast"]);
const VALUES: ReadonlySet<string> = new Set([
  "--kills",
  "--seed",
  "--minutes",
  "--profile",
  "--faults",
  "--clients",
  "--data",
  "--report",
]);

function split(arg: string): [string, string] {
  const at = arg.indexOf("=");
  return [arg.slice(0, at), arg.slice(at + 1)];
}

function check(values: ReadonlyMap<string, string>, flags: ReadonlySet<string>): Options | string {
  const report = values.get("--report");
  if (report !== undefined && report !== "json") return `--report must be json, not ${report}`;
  const faults = values.get("--faults")?.split(",") ?? KINDS;
  const stray = faults.find((name) => !KINDS.includes(name as Kind));
  if (stray !== undefined) return `--faults must be some of ${KINDS.join(", ")}, not ${stray}`;
  if (!faults.some((name) => name !== "partition")) return "--faults must name exit or process";
  const kills = number(values, "--kills", 1, 100_000);
  const seed = number(values, "--seed", 0, MOST_SEED);
  const clients = number(values, "--clients", 1, 1000);
  const minutes = number(values, "--minutes", 0.01, 24 * 60, /^\d+(?:\.\d+)?$/);
  for (const value of [kills, seed, clients, minutes]) if (typeof value === "string") return value;
  return {
    kills: kills as number | undefined ?? (minutes === undefined ? DEFAULT_KILLS : undefined),
    seed: seed as number | undefined ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
    minutes: minutes as number | undefined,
    profile: values.get("--profile") ?? "carrier",
    data: values.get("--data"),
    faults: new Set(faults as readonly Kind[]),
    clients: clients as number | undefined ?? DEFAULT_CLIENTS,
    fast: flags.has("--fast"),
    json: report === "json",
    help: flags.has("--help") || flags.has("-h"),
  };
}

function number(
  values: ReadonlyMap<string, string>,
  name: string,
  least: number,
  most: number,
  shape = /^\d+$/,
): number | string | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (shape.test(text) && value >= least && value <= most) return value;
  const what = shape.source.includes("\\.") ? "a number" : "a whole number";
  return `${name} must be ${what} from ${least} to ${most}, not ${text}`;
}
