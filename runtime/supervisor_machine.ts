/**
 * How one role is kept running: restarted after a growing pause, given up after too many
 * restarts in a row, fenced when its thread hangs.
 *
 * | state | what it means |
 * | --- | --- |
 * | starting | a new incarnation is being spawned |
 * | running.fresh, running.proven | it runs; after a while earlier failures are forgotten |
 * | backingOff | it ended and will be started again |
 * | held | it was ended on purpose and waits to be resumed |
 * | retiring | it is expected to end |
 * | retired, givenUp | final |
 *
 * @module
 */
import { assign, setup } from "xstate";
import type { AnyStateMachine } from "./xstate_types.ts";

/** What a supervisor's chart is started with. Times in ms. */
export interface SupervisionInput {
  /** First pause before a restart; it doubles with each restart in a row. */
  readonly backoffMs: number;
  /** Longest pause before a restart. */
  readonly maxBackoffMs: number;
  /** Restarts in a row until the role is given up. */
  readonly maxRestarts: number;
  /** A role that ran this long has proven itself. */
  readonly provenMs: number;
}

/** What happens to a supervised role. */
export type SupervisionEvent =
  | { readonly type: "spawned" }
  /** The thread is gone, or could not be started. */
  | { readonly type: "exited" }
  /** The thread takes no turns any more. */
  | { readonly type: "hung" }
  /** It is about to be stopped in order. */
  | { readonly type: "retire" }
  /** Ended on purpose, for now. */
  | { readonly type: "hold" }
  | { readonly type: "resume" };

type Context = SupervisionInput & { readonly restarts: number };
type Args = { readonly context: Context };

const mayRestart = ({ context }: Args): boolean => context.restarts < context.maxRestarts;

const ended = [
  { guard: "mayRestart", target: "backingOff" },
  { target: "givenUp" },
] as const;

/** The machine; its effects are performed by the supervisor. */
export const supervisionMachine: AnyStateMachine = setup({
  types: {
    input: {} as SupervisionInput,
    context: {} as Context,
    events: {} as SupervisionEvent,
  },
  actions: {
    spawn: () => {},
    terminate: () => {},
    fence: () => {},
    giveUp: () => {},
    retired: () => {},
    reject: () => {},
    countRestart: assign(({ context }) => ({ restarts: context.restarts + 1 })),
    forgetRestarts: assign({ restarts: 0 }),
  },
  guards: { mayRestart },
  delays: {
    backoff: ({ context }) =>
      Math.min(context.maxBackoffMs, context.backoffMs * 2 ** context.restarts),
    proven: ({ context }) => context.provenMs,
  },
}).createMachine({
  id: "supervision",
  context: ({ input }) => ({ ...input, restarts: 0 }),
  initial: "starting",
  on: { "*": { actions: "reject" } },
  states: {
    starting: {
      entry: "spawn",
      on: {
        spawned: "running",
        exited: ended,
        // Nothing can be ended before it is spawned: what is spawned after all is ended then.
        hold: "held",
        retire: "retiring",
      },
    },
    running: {
      on: {
        exited: ended,
        // The thread cannot be ended; whatever it still says is refused from now on.
        hung: [
          { guard: "mayRestart", target: "backingOff", actions: "fence" },
          { target: "givenUp", actions: "fence" },
        ],
        hold: { target: "held", actions: "terminate" },
        retire: "retiring",
      },
      initial: "fresh",
      states: {
        fresh: { after: { proven: { target: "proven", actions: "forgetRestarts" } } },
        proven: {},
      },
    },
    backingOff: {
      after: { backoff: { target: "starting", actions: "countRestart" } },
      on: {
        exited: {}, // The fenced thread has ended after all.
        hold: "held",
        retire: "retired",
      },
    },
    held: {
      on: {
        exited: {},
        spawned: { actions: "terminate" },
        hung: { actions: "fence" }, // It was told to end and cannot: it must not go on later.
        resume: "starting",
        retire: "retired",
      },
    },
    retiring: {
      on: {
        exited: "retired",
        hung: { target: "retired", actions: "fence" },
        spawned: { actions: "terminate" }, // It was still starting.
        retire: {},
        hold: {}, // It ends anyway.
        resume: {},
      },
    },
    retired: { type: "final", entry: "retired" },
    givenUp: { type: "final", entry: "giveUp" },
  },
});
