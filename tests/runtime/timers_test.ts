/** The heap of deadlines against a sorted array. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Timer, Timers } from "../../runtime/timers.ts";

type Step =
  | { readonly set: number }
  | { readonly cancel: number }
  | { readonly fire: number }
  | { readonly take: true };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ set: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ cancel: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ fire: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.constant({ take: true } as const) },
);

interface Model {
  readonly name: number;
  readonly due: number;
}

Deno.test("timers: agree with a sorted array", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
    const timers = new Timers();
    const handles: Timer[] = [];
    const fired: number[] = [], expected: number[] = [];
    let model: Model[] = [];
    const earliest = () => {
      const sorted = [...model].sort((a, b) => a.due - b.due || a.name - b.name);
      return sorted;
    };
    for (const s of steps) {
      if ("set" in s) {
        const name = handles.length;
        handles.push(timers.set(s.set, () => fired.push(name)));
        model.push({ name, due: s.set });
      } else if ("cancel" in s) {
        if (handles.length === 0) continue;
        const name = s.cancel % handles.length;
        timers.cancel(handles[name]!);
        model = model.filter((timer) => timer.name !== name);
      } else if ("fire" in s) {
        const due = earliest().filter((timer) => timer.due <= s.fire);
        expected.push(...due.map(({ name }) => name));
        model = model.filter((timer) => timer.due > s.fire);
        assertEquals(timers.fire(s.fire), due.length);
      } else {
        const first = earliest()[0];
        if (first !== undefined) expected.push(first.name);
        model = model.filter((timer) => timer !== first);
        timers.take()?.();
      }
      assertEquals([timers.size, timers.next()], [model.length, earliest()[0]?.due]);
    }
    assertEquals(fired, expected);
  }));
});

Deno.test("timers: what fires may set and cancel; what it sets fires in a later call", () => {
  const timers = new Timers();
  const fired: string[] = [];
  const doomed = timers.set(3, () => fired.push("doomed"));
  timers.set(1, () => {
    fired.push("first");
    timers.cancel(doomed);
    timers.set(1, () => fired.push("set meanwhile"));
  });
  timers.set(2, () => fired.push("second"));
  timers.fire(5);
  assertEquals(fired, ["first"]); // The new one is due earliest, and must wait for its turn.
  timers.fire(5);
  assertEquals(fired, ["first", "set meanwhile", "second"]);
  assertEquals(timers.size, 0);
});

Deno.test("timers: many cancelled ones do not pile up", () => {
  const timers = new Timers();
  const fired: number[] = [];
  for (let i = 0; i < 20_000; i++) timers.cancel(timers.set(1e9, () => fired.push(i)));
  for (let i = 0; i < 10; i++) timers.set(10 - i, () => fired.push(10 - i));
  timers.fire(100);
  assertEquals(fired, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assertEquals([timers.size, timers.next()], [0, undefined]);
});

Deno.test("timers: some hundred thousand live ones survive the cancelling of most", () => {
  const timers = new Timers();
  const handles = Array.from({ length: 1_000_000 }, (_, i) => timers.set(i, () => {}));
  for (const timer of handles.slice(0, 760_000)) timers.cancel(timer);
  assertEquals([timers.size, timers.next()], [240_000, 760_000]);
});
