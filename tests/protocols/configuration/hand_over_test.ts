/** The two sides of a hand-over keep their rows; whatever is changed in their charts breaks one. */
import { assertEquals } from "@std/assert";
import { predecessor, successor } from "../../../protocols/configuration/mod.ts";
import { mutantsOf } from "../../../runtime/checker/mutants.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";
import { EQUIVALENT } from "../../model/equivalents.ts";
import { tryModels } from "../../model/mutants.ts";
import { run } from "../rows.ts";
import { input, PREDECESSOR, SUCCESSOR } from "./hand_over_rows.ts";

for (const row of PREDECESSOR) {
  Deno.test(`the owner of a log: ${row.description}`, () => {
    const [snapshot, effects] = run(predecessor, input, [...row.from, row.event]);
    assertEquals([snapshot.value, effects], [row.state, [...row.effects]]);
  });
}

for (const row of SUCCESSOR) {
  Deno.test(`the successor of a log: ${row.description}`, () => {
    const [snapshot, effects] = run(successor, input, [...row.from, row.event]);
    assertEquals([snapshot.value, effects], [row.state, [...row.effects]]);
  });
}

for (const machine of [predecessor, successor] as unknown as AnyStateMachine[]) {
  Deno.test(`${machine.id}: whatever is changed in the chart, a row is broken`, () => {
    const survivors = mutantsOf(machine).filter((mutant) => tryModels(mutant) === undefined);
    const unlisted = survivors.filter(({ id }) => !Object.hasOwn(EQUIVALENT, id));
    assertEquals(unlisted.map(({ id }) => id), []);
  });
}
