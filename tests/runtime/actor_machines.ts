/** Actors for `actor_test.ts`; workers import them from here. */
import { assign, createMachine, fromPromise, setup } from "xstate";
import { defineActor } from "../../runtime/actor.ts";

type CounterEvent =
  | { readonly type: "add"; readonly by: number }
  | { readonly type: "read" }
  | { readonly type: "tell"; readonly to: string }
  | { readonly type: "tellNobody" }
  | { readonly type: "later"; readonly ms: number }
  | { readonly type: "shout" }
  | { readonly type: "break" }
  | { readonly type: "hide" }
  | { readonly type: "done" };

const counterMachine = setup({
  types: {
    input: {} as { readonly start: number },
    context: {} as { readonly count: number; readonly ms: number; readonly hidden?: unknown },
    events: {} as CounterEvent,
  },
  actions: {
    reply: (_, _count: number) => {},
    send: (_, _message: { to: string; type: string; body?: unknown }) => {},
    reject: () => {},
    shout: (_, _params: { readonly count: number }) => {},
    break: () => {
      throw new Error("broken on purpose");
    },
  },
  delays: { pause: ({ context }) => context.ms },
}).createMachine({
  id: "counter",
  context: ({ input }) => ({ count: input.start, ms: 0 }),
  initial: "open",
  on: { "*": { actions: "reject" } },
  states: {
    open: {
      on: {
        add: { actions: assign({ count: ({ context, event }) => context.count + event.by }) },
        read: { actions: { type: "reply", params: ({ context }) => context.count } },
        tell: {
          actions: {
            type: "send",
            params: ({ context, event }) => ({
              to: event.to,
              type: "add",
              body: { by: context.count },
            }),
          },
        },
        tellNobody: { actions: { type: "send", params: { to: "a/nobody", type: "add" } } },
        later: { target: "pausing", actions: assign({ ms: ({ event }) => event.ms }) },
        shout: { actions: { type: "shout", params: ({ context }) => ({ count: context.count }) } },
        break: { actions: "break" },
        hide: { actions: assign({ hidden: () => () => {} }) },
        done: "done",
      },
    },
    pausing: {
      after: { pause: { target: "open", actions: assign({ count: 100 }) } },
      on: { read: {}, add: { guard: () => false } },
    },
    done: { type: "final" },
  },
});

/** Counts. */
export const counter = defineActor({
  machine: counterMachine,
  accepts: { add: (body) => typeof (body as { by?: unknown } | null)?.by === "number" },
  perform: {
    shout: ({ count }, services, { cause }) => {
      if (cause !== undefined) services.reply(cause, `${count}!`);
    },
  },
});

/** Nobody performs its action. */
export const incomplete = defineActor({
  machine: createMachine({
    id: "incomplete",
    initial: "a",
    states: {
      a: { entry: "launch", on: { go: { guard: "ready", target: "b" } } },
      b: { after: { soon: "a" }, invoke: { src: "helper" } },
    },
  }),
});

/** What is performed is not in the machine. */
export const misnamed = defineActor({
  machine: createMachine({ id: "misnamed", on: { go: { actions: "launch" } } }),
  perform: { launch: () => {}, lanch: () => {} },
});

/** An event that would be the host's. */
export const presumptuous = defineActor({
  machine: createMachine({ id: "presumptuous", on: { $stop: {} } }),
});

/** Waits for a promise, then says what came of it when asked. */
export const promised = defineActor({
  machine: setup({
    types: { context: {} as { value: number } },
    actors: { compute: fromPromise(() => Promise.resolve(42)) },
    actions: { reply: (_, _value: number) => {} },
  }).createMachine({
    id: "promised",
    context: { value: 0 },
    initial: "computing",
    states: {
      computing: {
        invoke: {
          src: "compute",
          onDone: { target: "ready", actions: assign({ value: ({ event }) => event.output }) },
        },
      },
      ready: {
        on: { read: { actions: { type: "reply", params: ({ context }) => context.value } } },
      },
    },
  }),
});

/** Fails while nobody is talking to it. */
export const fragile = defineActor({
  machine: createMachine({
    id: "fragile",
    initial: "a",
    states: {
      a: { after: { 20: "b" } },
      b: {
        entry: () => {
          throw new Error("fell over");
        },
      },
    },
  }),
});
