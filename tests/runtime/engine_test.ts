/** The engines: equal to XState, and honest about what they cannot remember. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { assign, cancel, raise, setup } from "xstate";
import { describeValue, LiveEngine, TableEngine } from "../../runtime/engine.ts";
import { assertEnginesAgree } from "./engines.ts";

/** Guards, `after`, re-entry, parallel regions, internal and delayed raises, a final state. */
const machine = setup({
  types: {
    input: {} as { patience: number },
    context: {} as { patience: number; votes: number; retries: number },
    events: {} as
      | { type: "go" }
      | { type: "vote"; yes: boolean }
      | { type: "hurry" }
      | { type: "cancel" },
  },
  actions: {
    send: (_, _params: { what: string; retries?: number }) => {},
    reject: () => {},
  },
  delays: { patience: ({ context }) => context.patience },
  guards: {
    enough: ({ context }) => context.votes >= 1,
    tired: ({ context }) => context.retries >= 3,
  },
}).createMachine({
  id: "small",
  context: ({ input }) => ({ ...input, votes: 0, retries: 0 }),
  initial: "idle",
  on: { "*": { actions: "reject" } },
  states: {
    idle: { on: { go: "collecting" } },
    collecting: {
      entry: {
        type: "send",
        params: ({ context }) => ({ what: "ask", retries: context.retries }),
      },
      after: {
        patience: [
          { guard: "tired", target: "failed" },
          {
            target: "collecting",
            reenter: true,
            actions: assign({ retries: ({ context }) => context.retries + 1 }),
          },
        ],
      },
      on: {
        vote: [
          { guard: ({ event }) => !event.yes, target: "failed" },
          { guard: "enough", target: "deciding" },
          { actions: assign({ votes: ({ context }) => context.votes + 1 }) },
        ],
        // XState lets both fire if a name is set twice; the engines' hosts keep the later one.
        hurry: { actions: [cancel("hurry"), raise({ type: "cancel" }, { id: "hurry", delay: 5 })] },
        cancel: "failed",
      },
    },
    deciding: {
      type: "parallel",
      states: {
        log: { initial: "writing", states: { writing: { after: { 3: "written" } }, written: {} } },
        tell: {
          initial: "told",
          states: { told: { entry: raise({ type: "go" }), on: { go: "heard" } }, heard: {} },
        },
      },
      on: { cancel: "done", vote: {} },
    },
    failed: { entry: { type: "send", params: { what: "no" } }, on: { go: "collecting" } },
    done: { type: "final", entry: { type: "send", params: { what: "yes" } } },
  },
});

const EVENTS = [
  { type: "go" },
  { type: "vote", yes: true },
  { type: "vote", yes: true },
  { type: "vote", yes: false },
  { type: "hurry" },
  { type: "cancel" },
  { type: "stray" },
];

Deno.test("engines: table, live engine and a real actor agree on random events", () => {
  assertEnginesAgree(machine, [{ patience: 10 }, { patience: 2 }], EVENTS, 500);
});

Deno.test("engines: the table learns each step once", () => {
  const table = new TableEngine(machine);
  const walk = () => {
    let { state } = table.start({ patience: 10 });
    for (const event of EVENTS) state = table.step(state, event).state;
    return state;
  };
  const first = walk(), size = table.size;
  assertEquals([walk(), table.size], [first, size]);
  assert(size > 2);
});

Deno.test("engines: contexts that JSON would confuse are told apart or refused", () => {
  const hold = setup({ types: { input: {} as unknown, context: {} as { held: unknown } } })
    .createMachine({ id: "hold", context: ({ input }) => ({ held: input }), on: { e: {} } });
  const table = new TableEngine(hold);
  const states = [null, Infinity, -Infinity, NaN, 0].map((held) => table.start(held).state);
  assertEquals(new Set(states).size, states.length);
  assertThrows(() => table.start(new Map([[1, 2]])), TypeError, "not plain JSON");
  assertThrows(() => table.start(new Set([1])), TypeError, "not plain JSON");
});

Deno.test("engines: a history state is part of what is remembered", () => {
  const player = setup({}).createMachine({
    id: "player",
    initial: "on",
    states: {
      on: {
        initial: "a",
        states: { a: { on: { next: "b" } }, b: {}, last: { type: "history" } },
        on: { off: "off" },
      },
      off: { on: { on: "on.last" } },
    },
  });
  assertEnginesAgree(player, [undefined], [{ type: "next" }, { type: "off" }, { type: "on" }]);
});

Deno.test("engines: a guard that throws is an error, not a state", () => {
  const bad = setup({
    guards: {
      bad: () => {
        throw new Error("no");
      },
    },
  }).createMachine({
    id: "bad",
    on: { e: { guard: "bad", target: ".x" } },
    initial: "x",
    states: { x: {} },
  });
  for (const engine of [new LiveEngine(bad), new TableEngine(bad)]) {
    const { state } = engine.start(undefined);
    assertThrows(() => engine.step(state as never, { type: "e" }));
  }
});

Deno.test("engines: a delayed raise without a name is refused", () => {
  const bad = setup({}).createMachine({ entry: raise({ type: "x" }, { delay: 1 }) });
  assertThrows(() => new LiveEngine(bad).start(undefined), TypeError, "must have an id");
});

Deno.test("engines: state values read as text", () => {
  assertEquals(describeValue("idle"), "idle");
  assertEquals(describeValue({ preparing: "waiting" }), "preparing.waiting");
  assertEquals(describeValue({ both: { a: "x", b: {} } }), "both.a.x|b");
});
