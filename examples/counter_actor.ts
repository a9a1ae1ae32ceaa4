/**
 * A counter: an ordinary XState machine, made an actor. Workers import it from here.
 *
 * @module
 */
import { defineActor } from "@trunkline/trunkline/runtime";
import { assign, setup } from "xstate";

const machine = setup({
  types: {
    input: {} as { readonly start: number },
    context: {} as { readonly count: number },
    events: {} as
      | { readonly type: "add"; readonly by: number }
      | { readonly type: "read" }
      | { readonly type: "rest"; readonly ms: number },
  },
  // Named, not performed: `reply` answers whoever asked.
  actions: { reply: (_, _count: number) => {} },
  delays: { rest: ({ event }) => event.type === "rest" ? event.ms : 0 },
}).createMachine({
  id: "counter",
  context: ({ input }) => ({ count: input.start }),
  initial: "counting",
  states: {
    counting: {
      on: {
        add: { actions: assign({ count: ({ context, event }) => context.count + event.by }) },
        read: { actions: { type: "reply", params: ({ context }) => context.count } },
        rest: "resting",
      },
    },
    resting: { after: { rest: "counting" } },
  },
});

/** The role; its configuration is the machine's input. */
export const counter = defineActor({
  machine,
  accepts: { add: (body) => Number.isSafeInteger((body as { by?: unknown } | null)?.by) },
});
