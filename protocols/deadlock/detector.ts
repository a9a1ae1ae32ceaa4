/**
 * One suspected deadlock: a set of transactions that wait for one another in a circle, as far as
 * reports that were made at different times can tell.
 *
 * It promises to abort nobody for a deadlock that never was. Locks are kept until the end (strict
 * two-phase locking), so an edge ends only together with one of its two attempts, and never comes
 * back. Every reporter is therefore asked once more: an edge that was reported before the question
 * and is still there in the answer was there at the moment of the question. If that holds for a
 * whole cycle, all of its edges were there at that one moment: it is no phantom. (Reports put
 * together without asking again find phantoms: Ho and Ramamoorthy 1982, "Protocols for Deadlock
 * Detection in Distributed Database Systems".)
 *
 * A deadlock also never goes away by itself. So whatever is lost is asked or told again, a few
 * times; then the suspicion is dropped, and the next report of these waits raises it anew.
 *
 * | receives               | from                     | sends      | to           |
 * | ---------------------- | ------------------------ | ---------- | ------------ |
 * | `waits`                | participant, when asked  | `refresh`  | participants |
 * | `finished`             | coordinator              | `victim`   | coordinators |
 * | `suspect`, `dissolved` | host                     | `conclude` | host         |
 *
 * @module
 */
import { assign, setup } from "xstate";
import { missing, type ProtocolMachine, union } from "../machine_types.ts";

/** What a suspicion is started with. */
export type DetectorInput = {
  /** How long an answer is waited for before the question is asked again, in ms. */
  readonly resendMs: number;
  /** How often the same is said at most; at least 1. */
  readonly attempts: number;
};

/** The finite facts of one suspicion. Index sets are sorted. */
export type DetectorContext = DetectorInput & {
  /** How many participants reported its edges: they have the indices `0..reporters-1`. */
  readonly reporters: number;
  /** Those whose edges are still there after the question. */
  readonly confirmed: readonly number[];
  /** How many transactions are aborted for it: they have the indices `0..victims-1`. */
  readonly victims: number;
  /** Those of them that are decided. */
  readonly finished: readonly number[];
  /** How often the present state's message was sent. */
  readonly attempt: number;
};

/** What happens to a suspicion. */
export type DetectorEvent =
  /** A cycle was found in what so many participants reported. */
  | { readonly type: "suspect"; readonly reporters: number }
  /** A report made after the question. A cycle is left, and `victims` have to be aborted to end it. */
  | { readonly type: "waits"; readonly from: number; readonly victims: number }
  /** By what has been reported since, there is no cycle any more. */
  | { readonly type: "dissolved" }
  /** A coordinator has decided that victim. */
  | { readonly type: "finished"; readonly from: number };

/** How a suspicion ends. */
export type Conclusion = "resolved" | "phantom" | "dropped";

/** What a suspicion asks of its host, with the parameters of each effect. */
export type DetectorEffects = {
  /** Asks participants for their edges as they are now. */
  refresh: { readonly to: readonly number[] };
  /** Has these victims aborted; the host chose them when it said how many. */
  victim: { readonly to: readonly number[] };
  conclude: { readonly as: Conclusion };
  reject: unknown;
};

/** The states of a suspicion. */
export type DetectorState = "idle" | "confirming" | "aborting" | "resolved" | "phantom" | "dropped";

/**
 * The types of {@link detector}.
 *
 * @internal
 */
export type DetectorTypes = {
  context: DetectorContext;
  event: DetectorEvent;
  input: DetectorInput;
  actions: DetectorEffects & {
    countReporters: unknown;
    countReport: unknown;
    countVictims: unknown;
    countFinished: unknown;
    countAttempt: unknown;
    resetAttempt: unknown;
  };
  guards: {
    isReporter: unknown;
    isLastReport: unknown;
    isVictim: unknown;
    isLastVictim: unknown;
    mayTryAgain: unknown;
  };
  delays: "resend";
  state: DetectorState;
};

type Args = { readonly context: DetectorContext; readonly event: DetectorEvent };

function isReporter({ context, event }: Args): boolean {
  return event.type === "waits" && event.from >= 0 && event.from < context.reporters;
}

function isVictim({ context, event }: Args): boolean {
  return event.type === "finished" && event.from >= 0 && event.from < context.victims;
}

function conclude(as: Conclusion) {
  return { type: "conclude", params: { as } } as const;
}

/** The chart of one suspicion; input {@link DetectorInput}. */
export const detector: ProtocolMachine<DetectorTypes> = setup({
  types: {
    input: {} as DetectorInput,
    context: {} as DetectorContext,
    events: {} as DetectorEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    refresh: (_, _params: DetectorEffects["refresh"]) => {},
    victim: (_, _params: DetectorEffects["victim"]) => {},
    conclude: (_, _params: DetectorEffects["conclude"]) => {},
    reject: () => {},
    countReporters: assign(({ event }) =>
      event.type === "suspect" ? { reporters: event.reporters } : {}
    ),
    countReport: assign(({ context, event }) =>
      event.type === "waits" ? { confirmed: union(context.confirmed, [event.from]) } : {}
    ),
    countVictims: assign(({ event }) => event.type === "waits" ? { victims: event.victims } : {}),
    countFinished: assign(({ context, event }) =>
      event.type === "finished" ? { finished: union(context.finished, [event.from]) } : {}
    ),
    countAttempt: assign(({ context }) => ({ attempt: context.attempt + 1 })),
    resetAttempt: assign({ attempt: 0 }),
  },
  guards: {
    isReporter,
    isLastReport: (args) =>
      isReporter(args) && args.event.type === "waits" &&
      union(args.context.confirmed, [args.event.from]).length === args.context.reporters,
    isVictim,
    isLastVictim: (args) =>
      isVictim(args) && args.event.type === "finished" &&
      union(args.context.finished, [args.event.from]).length === args.context.victims,
    mayTryAgain: ({ context }) => context.attempt < context.attempts,
  },
  delays: { resend: ({ context }) => context.resendMs },
}).createMachine({
  id: "deadlock.detector",
  context: ({ input }) => ({
    ...input,
    reporters: 0,
    confirmed: [],
    victims: 0,
    finished: [],
    attempt: 0,
  }),
  initial: "idle",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    idle: { on: { suspect: { target: "confirming", actions: "countReporters" } } },

    // Nobody is aborted on the word of reports that may never have been true together.
    confirming: {
      entry: [
        "countAttempt",
        {
          type: "refresh",
          params: ({ context }) => ({ to: missing(context.reporters, context.confirmed) }),
        },
      ],
      after: {
        resend: [
          { guard: "mayTryAgain", target: "confirming", reenter: true },
          { target: "dropped" }, // Whoever is silent may be down, and its locks with it.
        ],
      },
      on: {
        waits: [
          {
            guard: "isLastReport",
            target: "aborting",
            actions: ["countVictims", "resetAttempt"],
          },
          { guard: "isReporter", actions: "countReport" }, // A second answer counts once.
        ],
        dissolved: "phantom", // Or it ended by a timeout, or as a part of another deadlock.
      },
    },

    aborting: {
      entry: [
        "countAttempt",
        {
          type: "victim",
          params: ({ context }) => ({ to: missing(context.victims, context.finished) }),
        },
      ],
      after: {
        resend: [
          { guard: "mayTryAgain", target: "aborting", reenter: true },
          { target: "dropped" }, // Its coordinator is down: until it is back nobody can decide.
        ],
      },
      on: {
        finished: [
          { guard: "isLastVictim", target: "resolved" },
          { guard: "isVictim", actions: "countFinished" },
        ],
        waits: {}, // The cycle is there until the locks are given back.
        dissolved: "resolved", // They were, before the coordinator said so.
      },
    },

    resolved: { type: "final", entry: conclude("resolved") },
    phantom: { type: "final", entry: conclude("phantom") },
    dropped: { type: "final", entry: conclude("dropped") },
  },
});
