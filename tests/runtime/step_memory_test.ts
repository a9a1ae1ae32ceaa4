/** What a remembered step is found by: equal causes find it, no others do. */
import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { StepMemory } from "../../runtime/step_memory.ts";

const word = fc.constantFrom("a", "b", "1", "null", "", "constructor", "__proto__");
const flat = fc.oneof(word, fc.nat(3), fc.boolean(), fc.constantFrom(null, undefined, [], NaN));
const value = fc.oneof(
  { weight: 5, arbitrary: flat },
  { weight: 1, arbitrary: fc.array(fc.nat(2), { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.dictionary(fc.constantFrom("x", "y"), flat) },
);
// Few names and values, in any order: many causes are nearly the same.
const cause = fc.tuple(
  word,
  fc.array(fc.tuple(fc.constantFrom("p", "q", "r"), value), {
    maxLength: 3,
  }),
).map(([type, rest]) => ({ type, ...Object.fromEntries(rest) }));

/** Equal ones have the same text, whatever the order of their properties. */
function textOf(cause: Record<string, unknown>): string {
  const defined = Object.entries(cause).filter(([, value]) => value !== undefined);
  const entries = defined.sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify(entries, (_, value) => Number.isNaN(value) ? { NaN: true } : value);
}

Deno.test("a step is found by equal causes, and by no others", () => {
  fc.assert(fc.property(fc.array(cause, { maxLength: 60 }), (causes) => {
    const memory = new StepMemory<string>();
    for (const each of causes) {
      const found = memory.find({ ...each });
      if (found !== undefined) assertEquals(found.state, textOf(each));
      memory.add(each, { state: textOf(each), effects: [], timers: [] });
      assertEquals(memory.find(structuredClone(each))?.state, textOf(each));
    }
    for (const each of causes) assertEquals(memory.find(each)?.state, textOf(each));
  }));
});

Deno.test("inputs that are no objects are told apart too", () => {
  const memory = new StepMemory<number>();
  const inputs = [undefined, null, 1, "1", true, [], [1], {}, { a: {} }];
  inputs.forEach((input, state) => memory.add(input, { state, effects: [], timers: [] }));
  inputs.forEach((input, state) => assertEquals(memory.find(input)?.state, state));
  assertEquals(memory.find(2), undefined);
});

Deno.test("what JSON would lose is refused", () => {
  const memory = new StepMemory<number>();
  for (const lost of [() => {}, new Map(), new Set()]) {
    const step = { state: 0, effects: [], timers: [] };
    assertThrows(() => memory.add({ type: "a", lost }, step), TypeError, "not plain JSON");
  }
});
