import { assert, assertEquals } from "@std/assert";
import { client } from "../../../protocols/pbft/mod.ts";
import { controlOf, mutantsOf } from "../../../runtime/checker/mutants.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";
import { tryModels } from "../../model/mutants.ts";
import { everyPair, rows } from "../rows.ts";
import { brokenRow, input, read, reply, ROWS, write } from "./client_rows.ts";

rows(client, input, ROWS);
everyPair(
  client,
  input,
  {
    idle: [],
    reading: [read],
    ordering: [write],
    answered: [write, reply(0, "a"), reply(1, "a")],
  },
  [reply(0, "z")],
  [
    ...ROWS,
    // A life that is over takes nothing.
    {
      description: "",
      from: [write, reply(0, "a"), reply(1, "a")],
      event: reply(0, "z"),
      state: "answered",
      effects: [],
    },
  ],
);

Deno.test("pbft.client: whatever is changed in the chart, a row is broken", () => {
  const machine = client as unknown as AnyStateMachine;
  assertEquals(brokenRow(controlOf(machine).machine()), undefined, "unchanged");
  const mutants = mutantsOf(machine);
  assert(mutants.length > 50, `${mutants.length} mutants`);
  const survivors = mutants.filter((mutant) => tryModels(mutant) === undefined);
  assertEquals(survivors.map(({ id }) => id), []);
});
