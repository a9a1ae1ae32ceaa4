/**
 * The command `roster`: the configuration of a running cluster, and an operator's changes of it.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { type Behaviour, BEHAVIOURS, isBehaviours } from "../../actors/byzantine.ts";
import { type ReplicaView, type RosterView, viewOf } from "../../actors/cluster_roster.ts";
import type { LogOwnership } from "../../protocols/configuration/configuration.ts";
import { CommandError, reasonOf } from "./command_error.ts";
import type { FaultParams, OperatorParams } from "./methods.ts";
import {
  type Access,
  ACCESS_HELP,
  ACCESS_VALUES,
  callCluster,
  readAccess,
} from "./operator_client.ts";
import { writeAll } from "./status_display.ts";

const WAIT_MS = 60_000;
const POLL_MS = 200;

/** What `roster --help` prints. */
export const ROSTER_HELP: string = `Usage: deno task roster list [OPTIONS]
       deno task roster hand-over FROM TO [OPTIONS]
       deno task roster cancel FROM [OPTIONS]
       deno task roster limit N [OPTIONS]
       deno task roster behave NODE [BEHAVIOUR...] [OPTIONS]
       deno task roster replace NODE [OPTIONS]

Talks to a running cluster as its operator. What it changes is ordered by a group of replicas, some
of which may lie (PBFT); each change has an epoch.

list       the configuration, and the replicas that keep it
hand-over  the coordinator of node FROM begins nothing more, seals its logs and hands them over to
           that of node TO; transactions go on meanwhile, and none is lost. Waits until TO owns
           them: if FROM is down they stay in doubt until it is back
cancel     take a hand-over back that is not sealed
limit      transactions that a coordinator runs at once
behave     have the replica of a node lie in these ways from now on; without any it is correct
           again. NODE may be "primary", the one that leads. Needs a cluster with --faults. The ways:
           ${BEHAVIOURS.slice(0, 6).join(", ")},
           ${BEHAVIOURS.slice(6).join(", ")}
replace    replace a node's replica: new keys, an empty store, the state fetched from the others

${ACCESS_HELP}  --help             print this

Exit codes: 0 done; 1 refused, or the cluster cannot be reached; 2 it cannot work with what it was
given.
`;

type Request =
  | {
    readonly [M in keyof OperatorParams]: {
      readonly method: M;
      readonly params: OperatorParams[M];
    };
  }[
    "roster.list" | "roster.handOver" | "roster.cancel" | "roster.set" | "roster.replace"
  ]
  | { readonly method: "fault.behave"; readonly params: FaultParams["fault.behave"] };

/**
 * Runs the command.
 *
 * @returns The exit code.
 */
export async function rosterCommand(args: readonly string[]): Promise<number> {
  try {
    const strays: string[] = [];
    const given = parseArgs([...args], {
      string: ACCESS_VALUES,
      boolean: ["help"],
      alias: { help: "h" },
      unknown: (arg) => {
        if (!arg.startsWith("-")) return true;
        strays.push(arg);
        return false;
      },
    });
    if (given.help) {
      writeAll(Deno.stdout, ROSTER_HELP);
      return 0;
    }
    const empty = ACCESS_VALUES.find((name) => given[name] === "");
    if (empty !== undefined) throw new CommandError(`Cannot read --${empty}: it needs a value`);
    if (strays[0] !== undefined) {
      const option = JSON.stringify(strays[0].slice(0, 80));
      throw new CommandError(`Unknown option ${option}: see deno task roster --help`);
    }
    const request = readRequest(given._.map(String));
    writeAll(Deno.stdout, await answerOf(await readAccess(given), request));
    return 0;
  } catch (error) {
    writeAll(Deno.stderr, `${reasonOf(error)}\n`);
    return error instanceof CommandError ? error.code : 1;
  }
}

function readRequest(words: readonly string[]): Request {
  const [verb = "", ...rest] = words;
  const [first = "", second = ""] = rest;
  const takes = (count: number, what: string) => {
    if (rest.length === count) return;
    const got = rest.length === 0 ? "nothing" : JSON.stringify(rest.join(" ").slice(0, 80));
    throw new CommandError(`Cannot ${verb}: it takes ${what}, got ${got}`);
  };
  switch (verb) {
    case "list":
      takes(0, "nothing");
      return { method: "roster.list", params: {} };
    case "hand-over":
      takes(2, "two nodes");
      return { method: "roster.handOver", params: { from: first, to: second } };
    case "cancel":
      takes(1, "a node");
      return { method: "roster.cancel", params: { from: first } };
    case "limit":
      takes(1, "a number");
      return { method: "roster.set", params: { maxConcurrentTransactions: readLimit(first) } };
    case "replace":
      takes(1, "a node");
      return { method: "roster.replace", params: { node: first } };
    case "behave":
      return { method: "fault.behave", params: { node: first, behaviours: readLies(rest) } };
    default:
      throw new CommandError(
        "Cannot tell what to do: list, hand-over, cancel, limit, behave or replace; got " +
          (verb === "" ? "nothing" : JSON.stringify(verb.slice(0, 80))),
      );
  }
}

function readLimit(text: string): number {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 1_000_000) return value;
  throw new CommandError(
    `Cannot read the limit: it must be a whole number from 1 to 1000000, got ${
      JSON.stringify(text.slice(0, 80))
    }`,
  );
}

function readLies([node, ...behaviours]: readonly string[]): readonly Behaviour[] {
  if (node === undefined) throw new CommandError("Cannot behave: it takes a node");
  if (isBehaviours(behaviours)) return behaviours;
  const got = behaviours.find((each) => !isBehaviours([each]))!;
  throw new CommandError(
    `Cannot behave: ${JSON.stringify(got.slice(0, 80))} is none of ${BEHAVIOURS.join(", ")}`,
  );
}

async function answerOf(access: Access, request: Request): Promise<string> {
  let result = await callCluster(access, request);
  if (request.method === "roster.handOver") {
    result = await awaitHandOver(access, request.params.from);
  }
  if (access.json) return JSON.stringify(result) + "\n";
  if (request.method === "roster.list") return describeRoster(result as RosterView);
  if (request.method === "fault.behave") {
    const { node, behaviours } = request.params;
    return `${node}: ${behaviours.join(", ") || "correct"}\n`;
  }
  return `epoch ${(result as { readonly epoch: number }).epoch}\n`;
}

/** Waits until a node owns no log any more. */
async function awaitHandOver(access: Access, from: string): Promise<{ readonly epoch: number }> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const list = { method: "roster.list", params: {} };
    const { configuration } = await callCluster(access, list) as RosterView;
    const left = Object.values(configuration.logs).filter(({ owner }) => owner === from);
    const isTold = configuration.coordinators.every((node) => node !== from);
    if (left.length === 0 && isTold) return { epoch: configuration.epoch };
    if (performance.now() >= deadline) {
      const stage = left.some(({ sealed }) => sealed === undefined) ? "not sealed" : "sealed";
      throw new CommandError(
        `The logs of ${from} are not handed over after ${WAIT_MS / 1000} s (${stage}): ` +
          "it goes on by itself, see deno task roster list",
        1,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The roster for people. */
export function describeRoster({ configuration, replicas }: RosterView): string {
  const { epoch, generation, faulty, coordinators, logs, settings, convicted } = configuration;
  const lines = [
    `epoch ${epoch}; ${replicas.length} replicas of generation ${generation}, ` +
    `of which ${faulty} may lie`,
    `coordinators ${coordinators.join(", ")}; at most ` +
    `${settings.maxConcurrentTransactions} transactions each`,
    ...Object.entries(logs).map(([id, log]) => describeLog(id, log)),
    ...replicas.map((replica, index) => {
      const leads = index === viewOf(replicas, faulty) % replicas.length;
      return describeReplica(replica, leads, convicted[index]);
    }),
  ];
  for (const { node, offence } of configuration.replaced) {
    lines.push(`replaced ${node}: ${offence}`);
  }
  for (const { node, evidence = [] } of replicas) {
    for (const { replica, offence } of evidence) {
      lines.push(`${node} can prove: ${replicas[replica]?.node ?? replica} ${offence}`);
    }
  }
  return lines.join("\n") + "\n";
}

function describeLog(id: string, { owner, to, sealed }: LogOwnership): string {
  const next = to === undefined ? "" : `, to be handed over to ${to}`;
  return `log ${id}  ${owner}${next}${sealed === undefined ? "" : ", sealed"}`;
}

function describeReplica(
  { node, up, view, executed, behaviours = [] }: ReplicaView,
  leads: boolean,
  offence: string | undefined,
): string {
  const how = (up ? `view ${view}, executed ${executed}` : "DOWN") + (leads ? ", leads" : "");
  const lies = behaviours.length === 0 ? "" : `, lies: ${behaviours.join(", ")}`;
  return `replica ${node}  ${how}${lies}${offence === undefined ? "" : `, CONVICTED: ${offence}`}`;
}
