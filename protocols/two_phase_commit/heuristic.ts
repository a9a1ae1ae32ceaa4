/**
 * An operator's decision about one transaction in doubt, at one participant: what XA calls a
 * heuristic completion (X/Open CAE Specification C193, 1991, section 2.3.3).
 *
 * The participant's chart never decides alone; this one takes its place when a person does. It
 * promises to decide nothing that is known elsewhere, to make the decision and who took it durable
 * before anyone is told, never to pass it off as the coordinator's, to go on asking for that, and to
 * say loudly when it differs: it is never reversed in silence, nor at all.
 *
 * | decided here        | the real decision | verdict  | XA              |
 * | ------------------- | ----------------- | -------- | --------------- |
 * | commit              | commit            | `agreed` | `XA_HEURCOM`    |
 * | abort               | abort             | `agreed` | `XA_HEURRB`     |
 * | commit              | abort             | `mixed`  | `XA_HEURMIX`    |
 * | abort               | commit            | `mixed`  | `XA_HEURMIX`    |
 * | `hazard`: lost from the log, so perhaps applied | either | `hazard` | `XA_HEURHAZ` |
 *
 * | receives                        | from        | sends                             | to          |
 * | ------------------------------- | ----------- | --------------------------------- | ----------- |
 * | `resolve` `known` `unknown` `recovered` | host | `investigate` `complete` `refuse` | host        |
 * | `commit` `abort`                | coordinator, peer | `inquiry`                   | coordinator, peers |
 * | `inquiry`                       | peer        | `uncertain`                       | peer        |
 * | `journaled`                     | journal     | `journal`                         | journal     |
 *
 * @module
 */
import { assign, setup } from "xstate";
import { backoffMs, type ProtocolMachine } from "../machine_types.ts";
import type { HeuristicOutcome, Outcome } from "./messages.ts";

/** What a heuristic decision is started with. All times in ms. */
export type HeuristicInput = {
  /** How long the real decision is waited for before it is asked for again. */
  readonly inquireMs: number;
  /** The delay between questions doubles this many times and then stays. */
  readonly maxBackoff: number;
};

/** The finite facts of one heuristic decision. */
export type HeuristicContext = HeuristicInput & {
  /** What was decided here. */
  readonly decision: HeuristicOutcome;
  /** What the coordinator decided, once that is heard. */
  readonly real: Outcome | undefined;
  /** How often it has asked, up to `maxBackoff`. */
  readonly attempt: number;
};

/** What happens to a heuristic decision. `from` is the index of a peer. */
export type HeuristicEvent =
  /** An operator decides. */
  | { readonly type: "resolve"; readonly decision: Outcome }
  /** Somebody knows the real decision, or is about to make it. */
  | { readonly type: "known" }
  /** Nobody who can be reached knows it. */
  | { readonly type: "unknown" }
  /** A record of it was found without an outcome. */
  | { readonly type: "recovered"; readonly decision: HeuristicOutcome }
  | { readonly type: "commit" }
  | { readonly type: "abort" }
  | { readonly type: "inquiry"; readonly from: number }
  | { readonly type: "uncertain" }
  | { readonly type: "prepare" }
  | { readonly type: "forget" }
  | { readonly type: "journaled"; readonly record: "heuristic" | "settled" };

/** What it asks of its host, with the parameters of each effect. */
export type HeuristicEffects = {
  /** Asks coordinator and peers what they know, and answers `known` or `unknown`. */
  investigate: unknown;
  /** Takes the participant's place: applies the writes of a commit, releases the locks. */
  complete: { readonly decision: HeuristicOutcome };
  /** Makes durable what was decided here, or heard at last. */
  journal: { readonly record: "heuristic" | Outcome };
  /** Tells the operator that it is done. */
  confirm: unknown;
  /** Tells the operator that it may not be done. */
  refuse: unknown;
  /** Asks for the real decision. */
  inquire: unknown;
  /** Tells a peer that nothing is known here. */
  sendUncertain: { readonly to: number };
  /** Tells everybody what the decision was worth. */
  report: { readonly verdict: "agreed" | "mixed" | "hazard"; readonly real: Outcome };
  /** Gives the transaction back to the participant's chart, with its real outcome. */
  handOver: { readonly outcome: Outcome };
  reject: unknown;
};

/** The states of a heuristic decision. */
export type HeuristicState =
  | "idle"
  | "investigating"
  | "recording"
  | "decided"
  | "settling"
  | "settled"
  | "refused";

/**
 * The types of {@link heuristic}.
 *
 * @internal
 */
export type HeuristicTypes = {
  context: HeuristicContext;
  event: HeuristicEvent;
  input: HeuristicInput;
  actions: HeuristicEffects & {
    noteDecision: unknown;
    noteReal: unknown;
    countQuestion: unknown;
  };
  guards: { isAwaitedRecord: { readonly record: "heuristic" | "settled" } };
  delays: "inquire";
  state: HeuristicState;
};

type Args = { readonly context: HeuristicContext; readonly event: HeuristicEvent };

function verdictOf({ decision, real }: HeuristicContext): "agreed" | "mixed" | "hazard" {
  if (decision === "hazard") return "hazard";
  return decision === real ? "agreed" : "mixed";
}

const uncertain = {
  type: "sendUncertain",
  params: ({ event }: Args): HeuristicEffects["sendUncertain"] => ({
    to: event.type === "inquiry" ? event.from : -1,
  }),
} as const;

function isAwaited(record: "heuristic" | "settled") {
  return { type: "isAwaitedRecord", params: { record } } as const;
}

/** The chart of a heuristic decision; input {@link HeuristicInput}. */
export const heuristic: ProtocolMachine<HeuristicTypes> = setup({
  types: {
    input: {} as HeuristicInput,
    context: {} as HeuristicContext,
    events: {} as HeuristicEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    investigate: () => {},
    complete: (_, _params: HeuristicEffects["complete"]) => {},
    journal: (_, _params: HeuristicEffects["journal"]) => {},
    confirm: () => {},
    refuse: () => {},
    inquire: () => {},
    sendUncertain: (_, _params: HeuristicEffects["sendUncertain"]) => {},
    report: (_, _params: HeuristicEffects["report"]) => {},
    handOver: (_, _params: HeuristicEffects["handOver"]) => {},
    reject: () => {},
    noteDecision: assign(({ context, event }) => ({
      decision: event.type === "resolve" || event.type === "recovered"
        ? event.decision
        : context.decision,
    })),
    noteReal: assign(({ event }) => ({
      real: event.type === "commit" || event.type === "abort" ? event.type : undefined,
    })),
    countQuestion: assign(({ context }) => ({
      attempt: Math.min(context.attempt + 1, context.maxBackoff),
    })),
  },
  guards: {
    isAwaitedRecord: ({ event }, { record }: { record: "heuristic" | "settled" }) =>
      event.type === "journaled" && event.record === record,
  },
  delays: {
    inquire: ({ context }) => backoffMs(context.inquireMs, context.attempt, context.maxBackoff),
  },
}).createMachine({
  id: "twoPhaseCommit.heuristic",
  context: ({ input }) => ({ ...input, decision: "hazard", real: undefined, attempt: 0 }),
  initial: "idle",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    idle: {
      on: {
        resolve: { target: "investigating", actions: "noteDecision" },
        recovered: { target: "decided", actions: ["noteDecision", "inquire"] },
      },
    },

    investigating: { // The participant's own chart is in charge still, and may hear the decision.
      entry: "investigate",
      on: { known: "refused", unknown: "recording" },
    },

    recording: { // As in `committing` of the participant: rows and record are one write.
      entry: [
        { type: "complete", params: ({ context }) => ({ decision: context.decision }) },
        { type: "journal", params: { record: "heuristic" } },
      ],
      on: {
        journaled: { guard: isAwaited("heuristic"), target: "decided", actions: "confirm" },
        commit: {}, // Too late to be refused, too early to be settled: it will be asked for again.
        abort: {}, // As above.
        inquiry: { actions: uncertain },
        uncertain: {}, // A peer's answer to the participant.
        prepare: {}, // A late duplicate.
        forget: {}, // The watermark ends memories, not open questions.
      },
    },

    decided: {
      after: {
        inquire: { target: "decided", reenter: true, actions: ["inquire", "countQuestion"] },
      },
      on: {
        commit: { target: "settling", actions: "noteReal" },
        abort: { target: "settling", actions: "noteReal" },
        inquiry: { actions: uncertain }, // It is not the coordinator's decision: pass nothing on.
        uncertain: {}, // That peer does not know either.
        prepare: {}, // A late duplicate.
        forget: {}, // As in recording.
      },
    },

    settling: {
      entry: [
        { type: "journal", params: ({ context }) => ({ record: context.real ?? "abort" }) },
        {
          type: "report",
          params: ({ context }) => ({
            verdict: verdictOf(context),
            real: context.real ?? "abort",
          }),
        },
      ],
      on: {
        journaled: { guard: isAwaited("settled"), target: "settled" },
        commit: {}, // Told again: the ack follows the record.
        abort: {}, // Told by several.
        inquiry: { actions: uncertain },
        uncertain: {}, // A peer's answer, overtaken by the decision.
        prepare: {}, // A late duplicate.
        forget: {}, // As in recording.
      },
    },

    settled: {
      type: "final",
      entry: { type: "handOver", params: ({ context }) => ({ outcome: context.real ?? "abort" }) },
    },
    refused: { type: "final", entry: "refuse" },
  },
});
