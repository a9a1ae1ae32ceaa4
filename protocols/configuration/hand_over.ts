/**
 * The two sides of a hand-over of a log of decisions: its owner, who seals it, and its successor, who
 * takes it. Who owns it is what the group has ordered (`configuration.ts`); each side does the step
 * that is its own, durably, and orders the next. So a crash at any step leaves one owner:
 *
 * | ordered       | the owner                            | the successor                        |
 * | ------------- | ------------------------------------ | ------------------------------------ |
 * | `handOver`    | begins nothing more; drains; seals   |                                      |
 * | `sealed`      | hands out the records                | fetches them by digest, opens them   |
 * | `adopted`     | has nothing to do with it any more   | answers for the log                  |
 *
 * A sealed log is never served again by who sealed it. As long as nobody serves it, its transactions
 * stay in doubt: silence is no abort.
 *
 * | event        | from           | effect    | to                                    |
 * | ------------ | -------------- | --------- | ------------------------------------- |
 * | `handOver`   | configuration  | `drain`   | host: begin nothing more              |
 * | `drained`    | host           | `seal`    | journal, forced, with the records     |
 * | `journaled`  | host           | `order`   | group: `sealed`, `adopted`            |
 * | `released`   | configuration  | `release` | host: the records are with another    |
 * |              |                | `fence`   | host: this copy of the log is old     |
 * | `canceled`   | configuration  | `resume`  | host: begin again                     |
 * | `sealed`     | configuration  | `fetch`   | owner: records by digest              |
 * | `fetched`    | host           | `adopt`   | journal, forced, with the records     |
 * | `owned`      | configuration  | `serve`   | host: answer for the log              |
 * | `withdrawn`  | configuration  | `drop`    | host: another is to have the records  |
 * | `recovered`  | host           |           |                                       |
 *
 * @module
 */
import { setup } from "xstate";
import type { ProtocolMachine } from "../machine_types.ts";

/** What both sides are started with. Times in ms. */
export type HandOverInput = {
  /** How long the owner waits for its transactions to be decided until it aborts the rest. */
  readonly drainMs: number;
  /** How long an answer is waited for until it is asked again. */
  readonly retryMs: number;
};

/** What happens to the owner of a log. */
export type PredecessorEvent =
  | { readonly type: "handOver" }
  | { readonly type: "drained" }
  | { readonly type: "journaled" }
  | { readonly type: "canceled" }
  | { readonly type: "released" }
  | { readonly type: "recovered"; readonly as: "sealed" | "released" };

/** What the owner asks of its host. */
export type PredecessorEffects = {
  /** Begin nothing more; say `drained` when all that was begun is decided. */
  drain: unknown;
  /** Abort what is not decided. */
  abort: unknown;
  /** Begin transactions again. */
  resume: unknown;
  /** Force the seal, with all records that are needed still. */
  seal: unknown;
  /** Order `sealed`. */
  order: unknown;
  /** Let go of the records. */
  release: unknown;
  /** Serve it no more: another has it, and this copy of the log does not know. */
  fence: unknown;
  reject: unknown;
};

/** The states of an owner. */
export type PredecessorState =
  | "serving"
  | "draining"
  | "aborting"
  | "sealing"
  | "sealed"
  | "released";

/**
 * The types of {@link predecessor}.
 *
 * @internal
 */
export type PredecessorTypes = {
  context: HandOverInput;
  event: PredecessorEvent;
  input: HandOverInput;
  actions: PredecessorEffects;
  guards: { wasSealed: unknown };
  delays: "drain" | "retry";
  state: PredecessorState;
};

/** The owner's chart; input {@link HandOverInput}. */
export const predecessor: ProtocolMachine<PredecessorTypes> = setup({
  types: {
    input: {} as HandOverInput,
    context: {} as HandOverInput,
    events: {} as PredecessorEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    drain: () => {},
    abort: () => {},
    resume: () => {},
    seal: () => {},
    order: () => {},
    release: () => {},
    fence: () => {},
    reject: () => {},
  },
  guards: {
    wasSealed: ({ event }) => event.type === "recovered" && event.as === "sealed",
  },
  delays: {
    drain: ({ context }) => context.drainMs,
    retry: ({ context }) => context.retryMs,
  },
}).createMachine({
  id: "configuration.predecessor",
  context: ({ input }) => input,
  initial: "serving",
  on: {
    // The configuration is told again and again: what has been heard is no stray.
    handOver: {},
    canceled: {},
    released: {},
    drained: {},
    "*": { actions: "reject" },
  },
  states: {
    serving: {
      on: {
        handOver: "draining",
        // A store that was restored from an old copy does not know that it was sealed.
        released: { target: "released", actions: "fence" },
        recovered: [{ guard: "wasSealed", target: "sealed" }, { target: "released" }],
      },
    },
    draining: {
      entry: "drain",
      on: { drained: "sealing", canceled: { target: "serving", actions: "resume" } },
      after: { drain: { target: "aborting" } },
    },
    // Nothing is presumed of what has been promised: who is told an abort has no commit to fear.
    aborting: {
      entry: ["abort", "drain"],
      on: { drained: "sealing", canceled: { target: "serving", actions: "resume" } },
    },
    // From here on it is never served again here; the group cannot cancel what it hears as sealed.
    sealing: { entry: "seal", on: { journaled: "sealed" } },
    sealed: {
      entry: "order",
      on: { released: "released" },
      after: { retry: { target: "sealed", reenter: true } },
    },
    released: { entry: "release" },
  },
});

/** What happens to the successor of a log. */
export type SuccessorEvent =
  | { readonly type: "sealed" }
  | { readonly type: "fetched" }
  | { readonly type: "failed" }
  | { readonly type: "journaled" }
  | { readonly type: "owned" }
  | { readonly type: "withdrawn" }
  | { readonly type: "recovered" };

/** What the successor asks of its host. */
export type SuccessorEffects = {
  /** Ask the owner for the records, and look whether they have the digest. */
  fetch: unknown;
  /** Force the records. */
  adopt: unknown;
  /** Order `adopted`. */
  order: unknown;
  /** Answer for the log. */
  serve: unknown;
  /** Let go of records that another is to have. */
  drop: unknown;
  reject: unknown;
};

/** The states of a successor. */
export type SuccessorState =
  | "idle"
  | "fetching"
  | "waiting"
  | "adopting"
  | "adopted"
  | "owning";

/**
 * The types of {@link successor}.
 *
 * @internal
 */
export type SuccessorTypes = {
  context: HandOverInput;
  event: SuccessorEvent;
  input: HandOverInput;
  actions: SuccessorEffects;
  guards: Record<never, never>;
  delays: "retry";
  state: SuccessorState;
};

/** The successor's chart; input {@link HandOverInput}. */
export const successor: ProtocolMachine<SuccessorTypes> = setup({
  types: {
    input: {} as HandOverInput,
    context: {} as HandOverInput,
    events: {} as SuccessorEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    fetch: () => {},
    adopt: () => {},
    order: () => {},
    serve: () => {},
    drop: () => {},
    reject: () => {},
  },
  delays: { retry: ({ context }) => context.retryMs },
}).createMachine({
  id: "configuration.successor",
  context: ({ input }) => input,
  initial: "idle",
  on: { sealed: {}, owned: {}, withdrawn: {}, "*": { actions: "reject" } },
  states: {
    idle: { on: { sealed: "fetching", recovered: "adopted" } },
    fetching: {
      entry: "fetch",
      on: { fetched: "adopting", failed: "waiting", withdrawn: "idle" },
    },
    waiting: { on: { withdrawn: "idle" }, after: { retry: "fetching" } },
    adopting: { entry: "adopt", on: { journaled: "adopted" } },
    // Until the group says so it owns nothing: who sealed the log may be told to give it to another.
    adopted: {
      entry: "order",
      on: { owned: "owning", withdrawn: { target: "idle", actions: "drop" } },
      after: { retry: { target: "adopted", reenter: true } },
    },
    owning: { entry: "serve" },
  },
});
