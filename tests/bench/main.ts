/**
 * `bench NAME`: measures one thing beside its baseline, in the same run and in turns, and says
 * what came out. Nothing here fails because it was slow.
 */
import type { Bench } from "./figures.ts";
import { table, Unavailable } from "./figures.ts";

const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  messaging: async () => (await import("./messaging.ts")).messaging,
  commit: async () => (await import("./commit.ts")).commit,
  inspect: async () => (await import("./inspect.ts")).inspect,
  console: async () => (await import("./console.ts")).console,
  page: async () => (await import("./page.ts")).page,
  edge: async () => (await import("./edge.ts")).edge,
  start: async () => (await import("./start.ts")).start,
  mailbox: async () => (await import("./mailbox.ts")).mailbox,
  pbft: async () => (await import("./pbft.ts")).pbft,
  simulate: async () => (await import("./simulate.ts")).simulate,
};

const HELP = `Usage: bench NAME [--rounds N] [--vs PEER] [--growth] [--report json]

  --rounds N      measure each side N times, in turns; 1 to 100
  --vs postgres   (commit) measure PostgreSQL too, on the same transaction; starts a server
  --growth        (commit) a table by number of coordinators and participants, instead
  --report json   print one JSON object as the last line of standard output
  --help          print this

Without a name it lists the benches.
`;

interface Wanted {
  readonly name: string | undefined;
  readonly help: boolean;
  readonly json: boolean;
  readonly rounds: number | undefined;
  readonly vs: string | undefined;
  readonly growth: boolean;
}

/** Runs a bench and returns the exit code: 0, 1 if it broke, 2 for a bad command line. */
export async function bench(args: readonly string[]): Promise<number> {
  const wanted = parse(args);
  if (typeof wanted === "string") return complain(wanted);
  if (wanted.help || wanted.name === undefined) {
    console.log(wanted.help ? `${HELP}\n${await list()}` : await list());
    return 0;
  }
  const load = BENCHES[wanted.name]!;
  try {
    const { run, peers = [], grows = false } = await load();
    if (wanted.vs !== undefined && !peers.includes(wanted.vs)) {
      const known = peers.length === 0 ? "nothing" : peers.join(", ");
      return complain(`${wanted.name} can be measured beside ${known}, not ${wanted.vs}`);
    }
    if (wanted.growth && !grows) return complain(`${wanted.name} has no table of growth`);
    const progress = (text: string) => console.error(`${wanted.name}: ${text}`);
    const { report, rows } = await run({
      rounds: wanted.rounds,
      growth: wanted.growth,
      ...(wanted.vs === undefined ? {} : { vs: wanted.vs }),
      progress,
    });
    console.log(table(rows));
    if (wanted.json) console.log(JSON.stringify({ bench: wanted.name, ...report }));
    return 0;
  } catch (error) {
    if (error instanceof Unavailable) return complain(error.message);
    console.error(`Cannot finish bench ${wanted.name}: ${(error as Error).message}`);
    return 1;
  }
}

function parse(args: readonly string[]): Wanted | string {
  let name: string | undefined, rounds: number | undefined;
  let vs: string | undefined;
  let help = false, json = false, growth = false;
  const rest = args.flatMap((arg) => /^--\w+=/.test(arg) ? split(arg) : [arg]);
  for (let i = 0; i < rest.length; i++) {
    const arg = rest[i]!;
    if (arg === "--help" || arg === "-h") help = true;
    else if (arg === "--report") {
      if (rest[++i] !== "json") return `--report must be json, not ${rest[i] ?? "left out"}`;
      json = true;
    } else if (arg === "--rounds") {
      const text = rest[++i] ?? "";
      rounds = Number(text);
      if (!/^\d+$/.test(text) || rounds < 1 || rounds > 100) {
        return `--rounds must be a number from 1 to 100, not ${text || "left out"}`;
      }
    } else if (arg === "--vs") {
      vs = rest[++i];
      if (vs === undefined) return "--vs must name what to measure beside";
    } else if (arg === "--growth") growth = true;
    else if (arg.startsWith("-")) return `unknown option ${arg}`;
    else if (name !== undefined) return `one bench at a time, not ${name} and ${arg}`;
    else if (!Object.hasOwn(BENCHES, arg)) {
      return `there is no bench ${arg}: there are ${Object.keys(BENCHES).join(", ")}`;
    } else name = arg;
  }
  return { name, help, json, rounds, vs, growth };
}

function split(arg: string): [string, string] {
  const at = arg.indexOf("=");
  return [arg.slice(0, at), arg.slice(at + 1)];
}

function complain(text: string): number {
  console.error(`Cannot run bench: ${text}`);
  return 2;
}

async function list(): Promise<string> {
  const lines: string[] = [];
  for (const [name, load] of Object.entries(BENCHES)) {
    lines.push(`  ${name.padEnd(10)} ${(await load()).summary}`);
  }
  return `Benches:\n${lines.join("\n")}`;
}
