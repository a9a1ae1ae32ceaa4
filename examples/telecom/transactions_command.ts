/**
 * The command `transactions`: what is open in a running cluster, and an operator's decision about
 * what is in doubt.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import type { HeuristicDecision, OpenTransaction } from "../../actors/open_transactions.ts";
import type { ClusterTransactions } from "../../actors/oversight.ts";
import { CommandError, oneLine, reasonOf } from "./command_error.ts";
import {
  type Access,
  ACCESS_HELP,
  ACCESS_VALUES,
  callCluster,
  readAccess,
} from "./operator_client.ts";
import { writeAll } from "./status_display.ts";

const VALUES = [...ACCESS_VALUES, "reason"] as const;

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

${ACCESS_HELP}  --reason TEXT      why, for the audit; needed by resolve
  --help             print this

Exit codes: 0 done; 1 refused, or the cluster cannot be reached; 2 it cannot work with what it was
given.
`;

interface Options extends Access {
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
  const request = readRequest(given._.map(String), given.reason);
  return { ...await readAccess(given), request };
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

async function answerOf(options: Options): Promise<string> {
  const { json, request } = options;
  const result = await callCluster(options, request);
  if (json) return JSON.stringify(result) + "\n";
  if (request.method === "transactions.list") return describe(result as ClusterTransactions);
  const { id, decision } = request.params;
  const { participants } = result as { readonly participants: readonly string[] };
  return `${id}: heuristic ${decision} at ${participants.join(", ")}\n`;
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
