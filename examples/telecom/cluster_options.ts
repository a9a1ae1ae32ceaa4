/**
 * The command line of `cluster`: from arguments to checked options.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { builtInProfiles } from "./built_in_profiles.ts";
import { CommandError } from "./command_error.ts";
import { DEFAULT_SUBSCRIBERS } from "./data_folder.ts";
import { readDuration } from "./durations.ts";

/** What `cluster` was asked to do. */
export interface ClusterOptions {
  /** Name of a built-in profile, or a file. */
  readonly profile: string;
  /** How long to run, in ms; undefined: until it is told to stop. */
  readonly forMs: number | undefined;
  /** Requests a second; 0 for none, `max` for as many as get answered. */
  readonly load: number | "max";
  /** Built-in subscribers of a new data folder; undefined: 10,000, or what a kept one has. */
  readonly subscribers: number | undefined;
  /** Data folder; undefined: a fresh one that is removed at the end. */
  readonly data: string | undefined;
  readonly http: { readonly hostname: string; readonly port: number };
  /** Where the console is served; `off`; undefined: beside the API. */
  readonly console: { readonly hostname: string; readonly port: number } | "off" | undefined;
  /** Where the inspector is served; undefined: it is not. */
  readonly inspect: { readonly hostname: string; readonly port: number } | undefined;
  /** Where to write tokens to. */
  readonly tokenFile: string | undefined;
  /** Seed of links and traffic; undefined: any. */
  readonly seed: number | undefined;
  /** Links without delay. */
  readonly fast: boolean;
  /** Whether operators may order faults. */
  readonly faults: boolean;
  /** A file that says which faults happen when; undefined: none by themselves. */
  readonly faultSchedule: string | undefined;
  /** Whether the last line of standard output is the report as JSON. */
  readonly json: boolean;
  /** Where to write every operation of the traffic to. */
  readonly history: string | undefined;
  /** What differs from the settings of the profile. */
  readonly settings: {
    readonly maxConcurrentTransactions?: number;
    readonly transactionTimeoutMs?: number;
  };
  /** What to do about damaged journals: refuse, or keep what is sound. */
  readonly salvage: boolean;
}

const VALUES = [
  "profile",
  "for",
  "load",
  "subscribers",
  "data",
  "http",
  "console",
  "inspect",
  "token-file",
  "seed",
  "report",
  "history",
  "max-transactions",
  "transaction-timeout",
  "fault-schedule",
] as const;
/** Where the inspector is if that is not said. */
const INSPECT_AT = "127.0.0.1:8089";
const MAX_LOAD = 1_000_000;
const MAX_SUBSCRIBERS = 10_000_000;
const MAX_TRANSACTIONS = 1_000_000;
const MAX_SEED = 2 ** 32 - 1;

/** What `cluster --help` prints. */
export const CLUSTER_HELP: string = `Usage: deno task cluster [OPTIONS]

Starts a cluster, each role in a worker of its own, serves its API over HTTP and drives traffic.
The first line on standard error once it serves is "ready URL".

  --profile NAME|FILE  ${builtInProfiles.map(({ name }) => name).join(", ")}, or a JSON file
                       (default carrier)
  --for DURATION       stop after this long: 10s, 500ms, 2m, 1h (default: until Ctrl-C)
  --load N|max         requests a second, as Poisson arrivals; 0 for none; max for a closed loop
                       of 64 clients (default 200)
  --subscribers N      built-in subscribers of a new data folder, 2 to ${MAX_SUBSCRIBERS}
                       (default ${DEFAULT_SUBSCRIBERS}, or what a kept folder has)
  --data DIR           keep everything there; a folder that exists is opened again with all that
                       is in it (default: a fresh temporary folder, removed at the end)
  --http HOST:PORT     where to serve, [::1]:8080 for IPv6; port 0 picks a free one
                       (default 127.0.0.1:8080)
  --console HOST:PORT  where to serve the operator console, or off (default: the host of --http and
                       the port above it, or a free one if that is taken); its link, with the
                       operator's token, is the second line on standard error
  --inspect [HOST:PORT]
                       serve the inspector, which shows every live machine, and print its link
                       (default 127.0.0.1:8089); off loopback the link has a token
  --token-file FILE    write {"operator", "subscriber", "msisdn"}: an operator's token and that of
                       one subscriber, good for 24 hours, readable by the owner alone
  --seed N             seed of links and traffic, 0 to ${MAX_SEED} (default: any)
  --fast               links without delay, jitter and limit of bandwidth
  --faults             operators may order faults: end roles, cut and mend links, have replicas lie
                       (fault.* of the API); each order goes into the log
  --fault-schedule FILE
                       --faults, and those of a JSON list at their times after the start, such as
                       [{"at": "2s", "behave": {"node": "primary", "behaviours": ["equivocate"]}}];
                       others: exit, partition, heal, handOver, cancel, limit, replace
  --report json        print the report as one JSON object, the last line of standard output
  --history FILE       write two JSON lines for each operation of the traffic, replacing FILE:
                       {id, client, op, args, at_us} before it is sent, and
                       {id, at_us, result | error} when it has returned
  --max-transactions N most transactions that a coordinator runs at once, 1 to ${MAX_TRANSACTIONS};
                       more are refused, sessions first, provisioning last (default 1000, or what
                       the profile says)
  --transaction-timeout DURATION
                       until a transaction that is not decided is aborted; above the profile's
                       lock timeout, lease and resend delay (default 5s, or what the profile says)
  --salvage            with --data: journals that are damaged are not refused; what is sound in
                       them is kept, what is dropped is told, and they become other logs
  --help               print this

Ctrl-C or SIGTERM stops it in order, within 5 seconds; a second Ctrl-C ends it at once.

Exit codes: 0 it stopped in order and kept all the money; 1 it did not; 2 it cannot work with what
it was given; 75 it lost a role or threads for good and has stopped in order: start it again with
the same --data (a service manager does this by itself); 130 it was interrupted.
`;

/**
 * Reads the arguments of `cluster`.
 *
 * @returns The options, or `help`.
 * @throws {CommandError} for an unknown option or a value that cannot be used.
 */
export function parseClusterOptions(args: readonly string[]): ClusterOptions | "help" {
  const strays: string[] = [];
  const given = parseArgs([...args], {
    string: VALUES,
    boolean: ["fast", "faults", "help", "salvage"],
    alias: { help: "h" },
    unknown: (arg) => {
      strays.push(arg);
      return false;
    },
  });
  if (given.help) return "help";
  // Before what was not understood: `--for -5s` lacks a value, it does not ask for `-5s`.
  const empty = VALUES.find((name) => name !== "inspect" && given[name] === "");
  if (empty !== undefined) throw new CommandError(`Cannot read --${empty}: it needs a value`);
  const switched = args.find((arg) => /^--(?:fast|faults|help|salvage)=(?!true$|false$)/.test(arg));
  if (switched !== undefined) strays.push(switched);
  const [stray] = strays;
  if (stray !== undefined) throw refuse(stray);
  const extra = given._[0];
  if (extra !== undefined) throw refuse(String(extra));
  const text = (name: typeof VALUES[number]) => given[name] as string | undefined;
  const report = text("report");
  if (report !== undefined && report !== "json") {
    throw new CommandError(`Cannot read --report: it must be json, got ${quote(report)}`);
  }
  return {
    profile: text("profile") ?? "carrier",
    forMs: map(text("for"), (value) => readDuration(value, "--for")),
    load: map(text("load"), readLoad) ?? 200,
    subscribers: map(
      text("subscribers"),
      (value) => readInteger("subscribers", value, 2, MAX_SUBSCRIBERS),
    ),
    data: text("data"),
    http: readAddress(text("http") ?? "127.0.0.1:8080"),
    console: map(
      text("console"),
      (value) => value === "off" ? value : readAddress(value, "console"),
    ),
    inspect: map(
      text("inspect"),
      (value) => readAddress(value === "" ? INSPECT_AT : value, "inspect"),
    ),
    tokenFile: text("token-file"),
    seed: map(text("seed"), (value) => readInteger("seed", value, 0, MAX_SEED)),
    fast: given.fast,
    faults: given.faults || text("fault-schedule") !== undefined,
    faultSchedule: text("fault-schedule"),
    json: report === "json",
    history: text("history"),
    settings: {
      ...named(
        "maxConcurrentTransactions",
        map(
          text("max-transactions"),
          (value) => readInteger("max-transactions", value, 1, MAX_TRANSACTIONS),
        ),
      ),
      ...named(
        "transactionTimeoutMs",
        map(text("transaction-timeout"), (value) => readDuration(value, "--transaction-timeout")),
      ),
    },
    salvage: readSalvage(given.salvage, text("data")),
  };
}

function named<K extends string>(name: K, value: number | undefined): { [N in K]?: number } {
  return (value === undefined ? {} : { [name]: value }) as { [N in K]?: number };
}

function readSalvage(salvage: boolean, data: string | undefined): boolean {
  if (salvage && data === undefined) {
    throw new CommandError("Cannot salvage without --data: a fresh folder has nothing in it");
  }
  return salvage;
}

function map<T>(value: string | undefined, read: (value: string) => T): T | undefined {
  return value === undefined ? undefined : read(value);
}

function refuse(arg: string): CommandError {
  const what = arg.startsWith("-") ? "option" : "argument";
  return new CommandError(`Unknown ${what} ${quote(arg)}: see deno task cluster --help`);
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

function readLoad(text: string): number | "max" {
  return text === "max" ? text : readInteger("load", text, 0, MAX_LOAD, " or max");
}

function readInteger(name: string, text: string, least: number, most: number, or = ""): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new CommandError(
    `Cannot read --${name}: it must be a whole number from ${least} to ${most}${or}, ` +
      `got ${quote(text)}`,
  );
}

function readAddress(text: string, name = "http"): { hostname: string; port: number } {
  const [, six, four, digits = ""] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9][A-Za-z0-9.-]*)):(\d{1,5})$/.exec(text) ?? [];
  const hostname = six ?? four;
  const port = Number(digits);
  if (hostname !== undefined && port <= 65_535) return { hostname, port };
  throw new CommandError(
    `Cannot read --${name}: it must be HOST:PORT such as 127.0.0.1:8080 or [::1]:0, got ${
      quote(text)
    }`,
  );
}
