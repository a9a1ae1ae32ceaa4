/**
 * Schedules of faults: what is to go wrong in a running cluster, and when. A file is a JSON list of
 * entries such as
 *
 * ```json
 * [
 *   { "at": "2s", "behave": { "node": "primary", "behaviours": ["equivocate"] } },
 *   { "at": "3s", "handOver": { "from": "core-2", "to": "core-3" } },
 *   { "at": "4s", "partition": [{ "from": "core-4", "to": "cloud-1" }] },
 *   { "at": "5s", "exit": "core-3/coordinator" },
 *   { "at": "6s", "heal": [{ "from": "core-4", "to": "cloud-1" }] },
 *   { "at": "7s", "replace": "core-1" }
 * ]
 * ```
 *
 * Times count from when the cluster serves. `limit` takes a number of transactions, `cancel` a node. `primary` is
 * the node whose replica leads at that time.
 *
 * @module
 */
import * as v from "valibot";
import type { Cluster } from "../../actors/cluster.ts";
import type { RosterChange } from "../../actors/cluster_roster.ts";
import { type Fault, PRIMARY } from "../../actors/faults.ts";
import { CommandError, reasonOf } from "./command_error.ts";
import { readDuration } from "./durations.ts";
import type { Profile } from "./profiles.ts";
import { behaviours } from "./schemas.ts";

/** What happens at one time. */
export type Scheduled =
  & { readonly atMs: number }
  & ({ readonly fault: Fault } | { readonly change: RosterChange });

/** Under whose name a schedule orders. */
const SCHEDULE = "schedule";

const name = v.string("must be a name");
const links = v.array(v.strictObject({ from: name, to: name }), "must be a list of links");
const entries = v.array(
  v.strictObject({
    at: v.string('must be a time such as "2s"'),
    behave: v.exactOptional(v.strictObject({ node: name, behaviours: behaviours.schema })),
    exit: v.exactOptional(v.string("must be a role such as core-1/coordinator")),
    partition: v.exactOptional(links),
    heal: v.exactOptional(links),
    handOver: v.exactOptional(v.strictObject({ from: name, to: name })),
    cancel: v.exactOptional(name),
    limit: v.exactOptional(
      v.pipe(v.number("must be a number"), v.integer("must be whole"), v.minValue(1)),
    ),
    replace: v.exactOptional(name),
  }),
  "it must be a list",
);
type Entry = v.InferOutput<typeof entries>[number];

/** Reads a schedule. @throws {CommandError} if it is none, or names what the profile does not have */
export async function readSchedule(file: string, profile: Profile): Promise<readonly Scheduled[]> {
  const refuse = (why: string) => new CommandError(`Cannot use the fault schedule ${file}: ${why}`);
  let value: unknown;
  try {
    value = JSON.parse(await Deno.readTextFile(file));
  } catch (error) {
    throw refuse(reasonOf(error));
  }
  const parsed = v.safeParse(entries, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw refuse(`${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
  }
  const known = new Set(profile.nodes.map(({ name }) => name));
  return parsed.output.map((entry, index) => {
    const stray = nodesOf(entry).find((node) => !known.has(node));
    if (stray !== undefined) throw refuse(`${index}: there is no node ${stray}`);
    const [what, extra] = whatOf(entry);
    if (what === undefined || extra !== undefined) throw refuse(`${index}: it must do one thing`);
    return { atMs: readDuration(entry.at, `${file}: ${index}.at`), ...what };
  });
}

function whatOf(entry: Entry): ({ readonly fault: Fault } | { readonly change: RosterChange })[] {
  const { behave, exit, partition, heal, handOver, cancel, limit, replace } = entry;
  const faults: (Fault | undefined)[] = [
    behave && { kind: "behave", ...behave } as Fault,
    exit === undefined ? undefined : { kind: "exit", role: exit },
    partition && { kind: "partition", links: partition },
    heal && { kind: "heal", links: heal },
  ];
  const changes: (RosterChange | undefined)[] = [
    handOver && { kind: "handOver", ...handOver },
    cancel === undefined ? undefined : { kind: "cancel", from: cancel },
    limit === undefined
      ? undefined
      : { kind: "set", settings: { maxConcurrentTransactions: limit } },
    replace === undefined ? undefined : { kind: "replace", node: replace },
  ];
  return [
    ...faults.flatMap((fault) => fault === undefined ? [] : [{ fault }]),
    ...changes.flatMap((change) => change === undefined ? [] : [{ change }]),
  ];
}

function nodesOf({ behave, exit, partition = [], heal = [], ...rest }: Entry): string[] {
  const { handOver, cancel, replace } = rest;
  const links = [...partition, ...heal, ...(handOver === undefined ? [] : [handOver])];
  return [
    behave?.node === PRIMARY ? undefined : behave?.node,
    exit?.split("/")[0],
    cancel,
    replace,
    ...links.flatMap(({ from, to }) => [from, to]),
  ].filter((node) => node !== undefined);
}

/** Carries a schedule out from now on; what it answers with stops it. */
export function play(schedule: readonly Scheduled[], cluster: Cluster): () => void {
  const timers = schedule.map((each) =>
    setTimeout(() => {
      if ("fault" in each) void cluster.carryOut({ by: SCHEDULE, fault: each.fault });
      else void cluster.roster?.change({ by: SCHEDULE, change: each.change });
    }, each.atMs)
  );
  return () => timers.forEach(clearTimeout);
}
