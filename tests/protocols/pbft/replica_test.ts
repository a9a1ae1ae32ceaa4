import { assert, assertEquals } from "@std/assert";
import type { AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { controlOf, mutantsOf } from "../../../runtime/checker/mutants.ts";
import { replica, type ReplicaEvent } from "../../../protocols/pbft/mod.ts";
import { run } from "../rows.ts";
import {
  change,
  impatient,
  late,
  left,
  LIMITS,
  recovered,
  request,
  type Rule,
  RULES,
} from "./replica_rules.ts";

/** What a machine does by a rule, and what it has to do. */
function played(machine: AnyStateMachine, { events, effects, options }: Rule) {
  const { index = 1, replicas = 4, states = {}, context = {}, from = recovered(), timers } =
    options;
  const input = { ...LIMITS, replicas, faulty: 1, index };
  const [snapshot, found] = run(machine as typeof replica, input, [from, ...events]);
  const { working = {} } = (snapshot as AnyMachineSnapshot).value as { working?: object };
  const named = Object.keys(states).map((region) => {
    return [region, (working as Record<string, unknown>)[region]];
  });
  const known = Object.keys(context).map((name) => [name, snapshot.context[name]]);
  return [
    {
      effects: found.filter((it) => typeof it !== "string"),
      states: Object.fromEntries(named),
      context: Object.fromEntries(known),
      timers: timers === undefined ? [] : found.filter((it) => typeof it === "string"),
    },
    { effects: [...effects], states, context, timers: [...timers ?? []] },
  ] as const;
}

for (const rule of RULES) {
  Deno.test(`pbft.replica: ${rule.description}`, () => {
    const [found, due] = played(replica as unknown as AnyStateMachine, rule);
    assertEquals<unknown>(found, due);
  });
}

Deno.test("pbft.replica: its patience doubles with every view change in a row, up to a limit", () => {
  const delays: unknown[] = [];
  const events: ReplicaEvent[] = [recovered(), request("a"), impatient];
  for (let view = 1; view <= 5; view++) {
    events.push(left(change(6, view)), ...[0, 1, 2, 3].map((from) => change(from, view)));
    const [, effects] = run(replica, { ...LIMITS, replicas: 7, faulty: 1, index: 6 }, events);
    delays.push(effects.find((it) => typeof it === "string" && it.startsWith("after")));
    events.push(late as unknown as ReplicaEvent);
  }
  assertEquals(delays, ["after 100", "after 200", "after 400", "after 800", "after 800"]);
});

const BEHIND = "it is behind, and begins to fetch again";

/** What leads to the same by another way. */
const EQUIVALENT: Readonly<Record<string, string>> = {
  "pbft.replica working.view.changing.on.journaled.0 target normal to resuming":
    "a replica that has entered its view resumes in it",
  "pbft.replica working.transfer.fetching.on.transferFailed target fetching to idle": BEHIND,
  "pbft.replica working.transfer.fetching.after.fetchTimeout target fetching to idle": BEHIND,
  "pbft.replica working.transfer.fetching.always target fetching to idle": BEHIND,
};

/** Whether some rule tells a machine from the one that ships. */
function isFound(make: () => AnyStateMachine): boolean {
  try {
    const machine = make();
    // One that runs in circles is found out too.
    (machine as unknown as { options: object }).options = { maxIterations: 1000 };
    for (const rule of RULES) {
      const [found, due] = played(machine, rule);
      assertEquals<unknown>(found, due);
    }
    return false;
  } catch {
    return true;
  }
}

Deno.test("pbft.replica: whatever is changed in the chart, a rule is broken", () => {
  const machine = replica as unknown as AnyStateMachine;
  assertEquals(isFound(controlOf(machine).machine), false, "unchanged");
  const mutants = mutantsOf(machine);
  assert(mutants.length > 250, `${mutants.length} mutants`);
  const survivors = mutants.filter(({ machine }) => !isFound(machine)).map(({ id }) => id);
  assertEquals(survivors, Object.keys(EQUIVALENT));
});
