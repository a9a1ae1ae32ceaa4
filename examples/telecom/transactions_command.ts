/**
 * The command `transactions`: what is open in a running cluster, and an operator's decision about
 * what is in doubt.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import type { HeuristicDecision, OpenTransaction } from "../../actors/open_transactions.ts";
import type { ClusterTransactions } from "../../actors/oversight.ts";
import type { ApiError } from "./api_errors.ts";
import { CommandError, oneLine, reasonOf } from "./command_error.ts";
import { writeAll } from "./status_display.ts";

const DEFAULT_URL = "http://127.0.0.1:8080";
const TIMEOUT_MS = 15_000;
const VALUES = ["url", "token", "token-file", "report", "reason"] as const;

/** What `transactions --help` prints. */
export const TRANSACTIONS_HELP: string = `Usage: deno task transactions list [OPTIONS]
       deno task transactions resolve ID commit|abort --reason TEXT [OPTIONS]

Talks to a running cluster as its operator.

list     the transactions that are open: id, where, state, for how long, coordinator, participants
         and locks; then every heuristic decision there has been, and what it was worth
resolve  a heuristic decision (XA: heuristic commit or rollback) about a transaction in doubt
         (inDoubt; by three-phase commit recovering, since all else decides by itself). It
         is refused where the coordinator or another participant can be reached and knows the
         decision, or is making it. It is kept in the journal and in the audit with who took it,
         when and why. If the real decision, once heard, is the other one, that is reported as
         heuristic mixed, and nothing is reversed.

  --url URL          of the cluster (default ${DEFAULT_URL})
  --token TOKEN      an operator's token
  --token-file FILE  what cluster --token-file wrote
  --reason TEXT      why, for the audit; needed by resolve
  --report json      print one JSON object as the last line of standard output
  --help             print this

Exit codes: 0 done; 1 refused, or the cluster cannot be reached; 2 it cannot work with what it was
given.
`;

interface Options {
  readonly url: string;
  readonly token: string;
  readonly json: boolean;
  readonly request:
    | { readonly method: "transactions.list"; readonly params: Record<never, never> }
    | {
      readonly method: "transactions.resolve";
      readonly params: { readonly id: string; readonly decision: string; readonly reason: string };
    };
}

/**
 * Runs the command.
 *
 * @returns The exit code.
 */
export async function transactionsCommand(args: readonly string[]): Promise<number> {
  try {
    const options = await readOptions(args);
    if (options === "help") writeAll(Deno.stdout, TRANSACTIONS_HELP);
    else writeAll(Deno.stdout, await answerOf(options));
    return 0;
  } catch (error) {
    writeAll(Deno.stderr, `${reasonOf(error)}\n`);
    return error instanceof CommandError ? error.code : 1;
  }
}

async function readOptions(args: readonly string[]): Promise<Options | "help"> {
  const strays: string[] = [];
  const given = parseArgs([...args], {
    string: VALUES,
    boolean: ["help"],
    alias: { help: "h" },
    unknown: (arg) => {
      if (!arg.startsWith("-")) return true;
      strays.push(arg);
      return false;
    },
  });
  if (given.help) return "help";
  const empty = VALUES.find((name) => given[name] === "");
  if (empty !== undefined) throw new CommandError(`Cannot read --${empty}: it needs a value`);
  const [stray] = strays;
  if (stray !== undefined) {
    const option = JSON.stringify(stray.slice(0, 80));
    throw new CommandError(`Unknown option ${option}: see deno task transactions --help`);
  }
  const { report, url = DEFAULT_URL } = given;
  if (report !== undefined && report !== "json") {
    throw new CommandError(`Cannot read --report: it must be json, got ${JSON.stringify(report)}`);
  }
  const request = readRequest(given._.map(String), given.reason);
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new CommandError(`Cannot read --url: it must be like ${DEFAULT_URL}, got ${url}`);
  }
  const token = given.token ?? await readToken(given["token-file"]);
  return { url: url.replace(/\/+$/, ""), token, json: report === "json", request };
}

function readRequest(words: readonly string[], reason: string | undefined): Options["request"] {
  const [verb, id, decision, extra] = words;
  if (verb === "list" && id === undefined) return { method: "transactions.list", params: {} };
  if (verb !== "resolve") {
    const got = words.length === 0 ? "nothing" : JSON.stringify(words.join(" ").slice(0, 80));
    throw new CommandError(`Cannot tell what to do: list, or resolve ID commit|abort; got ${got}`);
  }
  if (id === undefined || extra !== undefined || (decision !== "commit" && decision !== "abort")) {
    throw new CommandError("Cannot resolve: it takes an id and commit or abort");
  }
  if (reason === undefined) throw new CommandError("Cannot resolve without --reason TEXT");
  return { method: "transactions.resolve", params: { id, decision, reason } };
}

async function readToken(file: string | undefined): Promise<string> {
  if (file === undefined) {
    throw new CommandError("Cannot ask without an operator's token: --token or --token-file");
  }
  try {
    const { operator } = JSON.parse(await Deno.readTextFile(file));
    if (typeof operator === "string") return operator;
  } catch (error) {
    throw new CommandError(`Cannot read the token file ${file}: ${reasonOf(error)}`);
  }
  throw new CommandError(`Cannot read the token file ${file}: it names no operator`);
}

async function answerOf({ url, token, json, request }: Options): Promise<string> {
  const result = await call(url, token, request);
  if (json) return JSON.stringify(result) + "\n";
  if (request.method === "transactions.list") return describe(result as ClusterTransactions);
  const { id, decision } = request.params;
  const { participants } = result as { readonly participants: readonly string[] };
  return `${id}: heuristic ${decision} at ${participants.join(", ")}\n`;
}

async function call(url: string, token: string, request: Options["request"]): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(`${url}/rpc`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...request }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new CommandError(`Cannot reach the cluster at ${url}: ${reasonOf(error)}`, 1);
  }
  const text = await response.text();
  let answer: { readonly result?: unknown; readonly error?: ApiError };
  try {
    answer = JSON.parse(text);
  } catch {
    throw new CommandError(`${url} is no cluster: it answers ${response.status} ${text}`, 1);
  }
  const { error, result } = answer;
  if (error === undefined) return result;
  const usage = error.code === -32602;
  throw new CommandError(`Refused: ${error.message}`, usage ? 2 : 1);
}

/** The list for people. */
export function describe({ transactions, heuristics, silent }: ClusterTransactions): string {
  const now = Date.now();
  const lines = transactions.flatMap((each) => describeOpen(each, now));
  if (lines.length === 0) lines.push("Nothing is open.");
  if (heuristics.length > 0) lines.push("", "Heuristic decisions:", ...heuristics.map(describeOne));
  if (silent.length > 0) lines.push("", `No answer from ${silent.join(", ")}`);
  return lines.join("\n") + "\n";
}

function describeOpen(each: OpenTransaction, now: number): string[] {
  const { id, at, state, since, coordinator, participants, locks } = each;
  const seconds = Math.max(0, (now - since) / 1000).toFixed(1);
  return [
    `${id}  ${state} at ${at} for ${seconds} s`,
    `  coordinator ${coordinator}; participants ${participants.join(", ")}`,
    ...(locks.length === 0 ? [] : [`  locks ${locks.join(", ")}`]),
  ];
}

function describeOne(each: HeuristicDecision): string {
  const { id, at, decision, operator, reason, decidedAt, verdict } = each;
  const when = new Date(decidedAt).toISOString();
  const said = oneLine(reason, 200);
  return `${id}  ${decision} at ${at} by ${operator}, ${when}, ${verdict}: ${said}`;
}
