import { assert, assertEquals } from "@std/assert";
import type { AnyStateMachine } from "xstate";
import { controlOf, mutantsOf } from "../../../runtime/checker/mutants.ts";
import { replica, type ReplicaEvent } from "../../../protocols/pbft/mod.ts";
import { run } from "../rows.ts";
import { EQUIVALENT } from "../../model/equivalents.ts";
import { tryModels } from "../../model/mutants.ts";
import { brokenRule, played } from "./replica_judge.ts";
import {
  change,
  impatient,
  late,
  left,
  LIMITS,
  recovered,
  request,
  RULES,
} from "./replica_rules.ts";

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

Deno.test("pbft.replica: whatever is changed in the chart, a rule is broken", () => {
  const machine = replica as unknown as AnyStateMachine;
  assertEquals(brokenRule(controlOf(machine).machine()), undefined, "unchanged");
  const mutants = mutantsOf(machine);
  assert(mutants.length > 250, `${mutants.length} mutants`);
  const survivors = mutants.filter((mutant) => tryModels(mutant) === undefined).map(({ id }) => id);
  const listed = Object.keys(EQUIVALENT).filter((id) => id.startsWith("pbft.replica "));
  assertEquals(survivors.toSorted(), listed.toSorted());
});
