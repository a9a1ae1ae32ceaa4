/**
 * The command line of `check`.
 *
 * @module
 */
import type { NetworkKind } from "../../runtime/checker/network.ts";
import { MODELS, type Scope } from "./models.ts";

/** What was asked for. */
export interface Options {
  readonly model: string | undefined;
  readonly scope: Scope;
  /** Id of the mutant that stands in for a shipped machine. */
  readonly mutant: string | undefined;
  readonly mutants: boolean;
  /** Only mutants whose id contains it. */
  readonly only: string | undefined;
  /** Seeds of the simulator, of each scenario: for mutants that the checker lets live, or for all. */
  readonly seeds: number;
  /** Whether the simulator is asked about every mutant. */
  readonly withSimulator: boolean;
  /** Threads that try mutants. */
  readonly workers: number;
  readonly states: number;
  readonly bytes: number;
  readonly json: boolean;
  readonly diagram: string | undefined;
  readonly trace: string | undefined;
  readonly list: boolean;
  readonly help: boolean;
}

/** For `--help`. */
export const HELP = `Usage: deno task check --model NAME [OPTIONS]
       deno task check --mutants [--only TEXT] [--seeds N] [--report json]

  --model NAME         search every state of a model; --list names them
  --participants N     of two_phase_commit and three_phase_commit: 1 to 3; 2 is the default
  --crashes N          crashes at most, of all roles together; 0 to 3
  --network KIND       set (what was sent may be received at any time, any number of times, or never:
                       the default), bag (the same, but what is received is gone while goals are looked
                       for) or fifo (in order; each channel may lose one and double one)
  --mutant ID          with a mutant in place of the machine that ships; --list --mutants names them
  --states N           give up after N states; 50,000,000 is the default
  --memory MB          give up when states take more than MB; 4096 is the default
  --report json        print one JSON object as the last line of standard output
  --trace FILE         write the shortest way to a violation, one JSON object a line
  --diagram FILE.md    write it as a Mermaid sequence diagram
  --mutants            check that every mutant of every machine that ships is found
  --only TEXT          those whose name contains TEXT
  --seeds N            seeds of the simulator for each mutant that no model finds; 0 is the default, 5 with
                       --with simulator
  --workers N          threads that try mutants; one for each processor is the default
  --with simulator     ask the simulator about all of them, and report what only one of the two finds
  --list               name the models
  --help               print this

Exit code 0: nothing was found, or, in a model that must find something, that was; 1: a violation, or
a mutant that was not found; 2: bad command line; 3: the search did not finish: how far it got is
said, and nothing about the rest.
States are kept whole and compared word by word: no two are taken for one, as hashed states may be.
`;

const VALUES: ReadonlySet<string> = new Set([
  "--model",
  "--participants",
  "--crashes",
  "--workers",
  "--network",
  "--mutant",
  "--states",
  "--memory",
  "--report",
  "--trace",
  "--diagram",
  "--only",
  "--seeds",
  "--with",
]);
const FLAGS: ReadonlySet<string> = new Set(["--mutants", "--list", "--help"]);

/** Reads a command line; a text says what is wrong with it. */
export function parseOptions(args: readonly string[]): Options | string {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  const rest = args.flatMap((arg) => /^--\w+=/.test(arg) ? split(arg) : [arg]);
  for (let i = 0; i < rest.length; i++) {
    const arg = rest[i] === "-h" ? "--help" : rest[i]!;
    if (FLAGS.has(arg)) {
      flags.add(arg);
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
  return check(values, flags);
}

function split(arg: string): [string, string] {
  const at = arg.indexOf("=");
  return [arg.slice(0, at), arg.slice(at + 1)];
}

function check(values: ReadonlyMap<string, string>, flags: ReadonlySet<string>): Options | string {
  const model = values.get("--model");
  const entry = model === undefined ? undefined : MODELS.get(model);
  if (model !== undefined && entry === undefined) {
    return `there is no model ${model}: there are ${[...MODELS.keys()].join(", ")}`;
  }
  const report = values.get("--report");
  if (report !== undefined && report !== "json") return `--report must be json, not ${report}`;
  const beside = values.get("--with");
  if (beside !== undefined && beside !== "simulator") {
    return `--with must be simulator, not ${beside}`;
  }
  const network = values.get("--network");
  if (network !== undefined && !["set", "bag", "fifo"].includes(network)) {
    return `--network must be set, bag or fifo, not ${network}`;
  }
  const [help, list, mutants] = ["--help", "--list", "--mutants"].map((flag) => flags.has(flag));
  if (!help && !list && !mutants && model === undefined) {
    return "--model or --mutants must be given";
  }
  if (beside !== undefined && !mutants) return "--with simulator needs --mutants";
  if (values.has("--workers") && !mutants) return "--workers needs --mutants";
  if (mutants && model !== undefined) return "--model and --mutants exclude each other";
  for (const name of ["participants", "crashes", "network"] as const) {
    if (values.has(`--${name}`) && !entry?.options.includes(name)) {
      return `--${name} says nothing to ${model ?? "--mutants"}`;
    }
  }
  const numbers = {
    participants: whole(values, "--participants", 1, 3, undefined),
    crashes: whole(values, "--crashes", 0, 3, undefined),
    states: whole(values, "--states", 1, 1e9, 50_000_000),
    memory: whole(values, "--memory", 1, 1e6, 4096),
    workers: whole(values, "--workers", 1, 256, navigator.hardwareConcurrency),
    seeds: whole(values, "--seeds", 0, 1e6, beside === undefined ? 0 : 5),
  };
  for (const number of Object.values(numbers)) if (typeof number === "string") return number;
  const { participants, crashes, states, memory, workers, seeds } = numbers as Record<
    string,
    number
  >;
  return {
    model,
    scope: { participants, crashes, network: network as NetworkKind | undefined },
    mutant: values.get("--mutant"),
    mutants: mutants!,
    only: values.get("--only"),
    workers: workers!,
    seeds: seeds!,
    withSimulator: beside === "simulator",
    states: states!,
    bytes: memory! * 2 ** 20,
    json: report === "json",
    diagram: values.get("--diagram"),
    trace: values.get("--trace"),
    list: list!,
    help: help!,
  };
}

function whole(
  values: ReadonlyMap<string, string>,
  name: string,
  least: number,
  most: number,
  fallback: number | undefined,
): number | string | undefined {
  const text = values.get(name);
  if (text === undefined) return fallback;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  return `${name} must be a whole number from ${least} to ${most}, not ${text}`;
}
