/**
 * The coordinator of one transaction: three-phase commit.
 *
 * It promises that nobody hears `commit` before everybody that has not failed is pre-committed,
 * durably, and the decision is durable too (Skeen 1981, section 4: no state is adjacent to both a
 * commit and an abort state, and none that may be left by a commit is reached before all have
 * voted). It promises no more than that: if it fails, the participants decide without it, and when it
 * is back it asks them. So nothing is presumed of a missing record, and both outcomes are forced,
 * told and acknowledged.
 *
 * It takes a participant that does not acknowledge `preCommit` for failed and commits without it. That
 * is what makes the protocol non-blocking, and it is true only where messages and clocks are
 * synchronous: cut off from a participant that lives, it commits and the participant aborts.
 *
 * One acknowledgement is waited for whatever happens: if all participants fail undecided, their own
 * states must tell that the transaction may have been committed (`outcomeAfterTotalFailure`).
 *
 * | receives                                            | from        | sends                                             | to           |
 * | --------------------------------------------------- | ----------- | ------------------------------------------------- | ------------ |
 * | `voteYes` `voteNo` `preCommitAck` `ack` `inquiry`   | participant | `prepare` `preCommit` `commit` `abort` `inquiry`  | participants |
 * | `begin` `abort` `recovered`                         | host        | `reply` `forget`                                  | host         |
 * | `journaled`                                         | journal     | `journal`                                         | journal      |
 *
 * @module
 */
import { assign, setup } from "xstate";
import { backoffMs, type ProtocolMachine, union } from "../machine_types.ts";
import {
  acked,
  ask,
  awaited,
  completes,
  isAck,
  isParticipant,
  journal,
  noteAbort,
  telling,
} from "./coordinator_parts.ts";
import type {
  AbortReason,
  CoordinatorContext,
  CoordinatorEffects,
  CoordinatorEvent,
  CoordinatorInput,
  CoordinatorTypes,
} from "./coordinator_types.ts";
import type { Outcome } from "./messages.ts";

export type * from "./coordinator_types.ts";

/** The coordinator's chart; input {@link CoordinatorInput}. */
export const coordinator: ProtocolMachine<CoordinatorTypes> = setup({
  types: {
    input: {} as CoordinatorInput,
    context: {} as CoordinatorContext,
    events: {} as CoordinatorEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    journal: (_, _params: CoordinatorEffects["journal"]) => {},
    send: (_, _params: CoordinatorEffects["send"]) => {},
    reply: (_, _params: CoordinatorEffects["reply"]) => {},
    forget: () => {},
    reject: () => {},
    countVote: assign(({ context, event }) =>
      event.type === "voteYes" ? { yes: union(context.yes, [event.from]) } : {}
    ),
    countPreCommitAck: assign(({ context, event }) =>
      event.type === "preCommitAck"
        ? { preCommitted: union(context.preCommitted, [event.from]) }
        : {}
    ),
    countAck: assign(({ context, event }) =>
      "from" in event ? { acked: union(context.acked, [event.from]) } : {}
    ),
    countAttempt: assign(({ context }) => ({
      attempt: Math.min(context.attempt + 1, context.maxBackoff),
    })),
    resetAttempt: assign({ attempt: 0 }),
    noteAbort: assign(({ event }, { reason }: { readonly reason: AbortReason }) => ({
      reason,
      retryable: "retryable" in event ? event.retryable === true : reason === "timeout",
    })),
  },
  guards: {
    isParticipant,
    isLastVote: (args) => args.event.type === "voteYes" && completes(args, args.context.yes),
    isLastPreCommitAck: (args) => completes(args, args.context.preCommitted),
    isAck: (args, { outcome }: { readonly outcome: Outcome }) => isAck(args, outcome),
    isLastAck: (args, { outcome }: { readonly outcome: Outcome }) =>
      isAck(args, outcome) && completes(args, args.context.acked),
    somebodyIsPreCommitted: ({ context }) => context.preCommitted.length > 0,
    isAwaitedRecord: ({ event }, { record }: { readonly record: "began" | Outcome }) =>
      event.type === "journaled" && event.record === record,
    isRecoveredAs: ({ event }, { as }: { readonly as: "undecided" | Outcome }) =>
      event.type === "recovered" && event.as === as,
  },
  delays: {
    voteTimeout: ({ context }) => context.voteTimeoutMs,
    ackTimeout: ({ context }) => context.ackTimeoutMs,
    resend: ({ context }) => backoffMs(context.resendMs, context.attempt, context.maxBackoff),
  },
}).createMachine({
  id: "threePhaseCommit.coordinator",
  context: ({ input }) => ({
    ...input,
    yes: [],
    preCommitted: [],
    acked: [],
    attempt: 0,
    reason: "timeout", // Unless a participant refuses, or the client asks for it.
    retryable: true,
  }),
  initial: "initial",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    initial: {
      on: {
        begin: "beginning",
        // No client is left to answer: it lost its connection with the old incarnation.
        recovered: [
          { guard: { type: "isRecoveredAs", params: { as: "undecided" } }, target: "recovering" },
          { guard: { type: "isRecoveredAs", params: { as: "commit" } }, target: "committed" },
          { guard: { type: "isRecoveredAs", params: { as: "abort" } }, target: "aborted" },
        ],
      },
    },

    // Who does not remember whom it asked cannot ask them what they have decided.
    beginning: {
      entry: journal("began", true),
      on: {
        journaled: { guard: awaited("began"), target: "waiting" },
        abort: { target: "aborting", actions: noteAbort("requested") },
      },
    },

    waiting: {
      exit: "resetAttempt",
      // On the outer state, so that asking again does not extend the patience.
      after: { voteTimeout: "aborting" },
      on: {
        voteYes: [
          { guard: "isLastVote", target: "preCommitted", actions: "countVote" },
          { guard: "isParticipant", actions: "countVote" }, // A repeated vote counts once.
        ],
        voteNo: {
          guard: "isParticipant",
          target: "aborting",
          actions: noteAbort("refused"),
        },
        // The participants took it for failed, and have decided.
        ack: { guard: acked("abort"), target: "aborting" },
        abort: { target: "aborting", actions: noteAbort("requested") },
        inquiry: {}, // Undecided, and the decision will be the answer.
      },
      initial: "asking",
      states: {
        asking: {
          entry: ask("prepare", "yes"),
          after: { resend: { target: "asking", reenter: true, actions: "countAttempt" } },
        },
      },
    },

    // Everybody has voted yes, and from now on the participants may commit without the coordinator.
    preCommitted: {
      exit: "resetAttempt",
      after: {
        ackTimeout: [
          { guard: "somebodyIsPreCommitted", target: "committing" },
          { target: "preCommitted", reenter: true }, // All have failed: nobody waits for it.
        ],
      },
      on: {
        preCommitAck: [
          { guard: "isLastPreCommitAck", target: "committing", actions: "countPreCommitAck" },
          { guard: "isParticipant", actions: "countPreCommitAck" },
        ],
        ack: [ // As in waiting.
          { guard: acked("commit"), target: "committing" },
          { guard: acked("abort"), target: "aborting" },
        ],
        // The same, in answer to a prepare that was late.
        voteNo: { guard: "isParticipant", target: "aborting", actions: noteAbort("refused") },
        voteYes: {}, // A vote sent twice.
        abort: {}, // Too late: the participants may have committed.
        inquiry: {}, // As in waiting.
      },
      initial: "telling",
      states: {
        telling: {
          entry: ask("preCommit", "preCommitted"),
          after: { resend: { target: "telling", reenter: true, actions: "countAttempt" } },
        },
      },
    },

    committing: {
      entry: journal("commit", true),
      on: {
        journaled: {
          guard: awaited("commit"),
          target: "committed",
          actions: { type: "reply", params: { outcome: "committed" } },
        },
        ack: { guard: acked("commit") }, // It will be told, and say so again.
        preCommitAck: {}, // Sent twice, or by one that was taken for failed.
        voteYes: {}, // A vote sent twice.
        abort: {}, // Too late.
        inquiry: {}, // The decision will be the answer.
      },
    },

    committed: telling("commit"),

    aborting: {
      entry: journal("abort", true),
      on: {
        journaled: [
          {
            guard: awaited("abort"),
            target: "aborted",
            actions: {
              type: "reply",
              params: ({ context: { reason, retryable } }) => {
                return { outcome: "aborted", retryable, reason };
              },
            },
          },
          { guard: awaited("began") }, // On its way when the client changed its mind.
        ],
        ack: { guard: acked("abort") }, // As in committing.
        voteNo: {}, // Likewise.
        voteYes: {}, // Too late.
        preCommitAck: {}, // Of one that failed since.
        abort: {}, // It is being done.
        inquiry: {}, // The decision will be the answer.
      },
    },

    aborted: {
      ...telling("abort"),
      on: {
        ...telling("abort").on,
        voteNo: {}, // It acknowledges the abort that it is told, too.
      },
    },

    // It failed undecided. The participants may have decided since, so it must not.
    recovering: {
      exit: "resetAttempt",
      on: {
        ack: [
          { guard: acked("commit"), target: "committing" },
          { guard: acked("abort"), target: "aborting" },
        ],
        voteNo: { guard: "isParticipant", target: "aborting" },
        abort: {}, // Too late, as in preCommitted.
        voteYes: {}, // Said before the crash.
        preCommitAck: {}, // Likewise.
        inquiry: {}, // It does not know either.
      },
      initial: "asking",
      states: {
        asking: {
          entry: ask("inquiry", "acked"),
          after: { resend: { target: "asking", reenter: true, actions: "countAttempt" } },
        },
      },
    },

    ended: {
      type: "final",
      entry: [journal("ended", false), "forget"],
    },
  },
});
