/**
 * A participant of one transaction: three-phase commit with its termination protocol.
 *
 * It promises to vote yes only when it can commit whatever happens to it, to commit only when everyone
 * that has not failed is pre-committed, and to decide, as long as it does not fail itself, whoever
 * else does (Skeen 1981, "Nonblocking Commit Protocols", section 5; Bernstein, Hadzilacos, Goodman
 * 1987, section 7.5). When whoever leads is silent for too long the next one leads: the coordinator
 * first, then participant 0, 1, ... (`nextLeader`). It asks what the others are in, and goes by the
 * `terminationRule`. A leader that fails is followed by the next, which begins anew. A participant
 * takes no `preCommit` from a leader that it has given up: the new one may have been told otherwise.
 *
 * One that fails undecided has no say when it is back (`recovering`): the others may have decided
 * without it. It asks until it hears the outcome; only if all are back undecided they decide by what
 * they have on disk (`outcomeAfterTotalFailure`).
 *
 * All of this is right as long as silence means failure. In a network that delays or loses messages
 * for longer than `decisionTimeoutMs` it is not, and those on both sides of a partition decide:
 * differently, if only one side has heard the `preCommit`.
 *
 * | receives                                       | from        | sends                                          | to          |
 * | ---------------------------------------------- | ----------- | ---------------------------------------------- | ----------- |
 * | `prepare` `preCommit` `commit` `abort` `inquiry` | coordinator | `voteYes` `voteNo` `preCommitAck` `ack` `inquiry` | coordinator |
 * | `stateRequest` `stateReport` `preCommit` `commit` `abort` `inquiry` | peer | the same                       | peers       |
 * | `granted` `refused` `recovered` `forget`       | host        | `acquire` `withdraw` `release` `apply`         | host        |
 * | `journaled`                                    | journal     | `journal`                                      | journal     |
 *
 * Index -1 is the coordinator.
 *
 * @module
 */
import { assign, setup } from "xstate";
import { backoffMs, type ProtocolMachine } from "../machine_types.ts";
import {
  awaited,
  facts,
  guards,
  journal,
  recoveredAs,
  report,
  tellCoordinator,
  tellLeaderOfAbort,
  tellOthers,
  voteNo,
} from "./participant_parts.ts";
import { decided, DECIDING, leading, recovering, waiting } from "./participant_states.ts";
import type {
  ParticipantContext,
  ParticipantEffects,
  ParticipantEvent,
  ParticipantInput,
  ParticipantTypes,
} from "./participant_types.ts";

export type * from "./participant_types.ts";

/** The participant's chart; input {@link ParticipantInput}. */
export const participant: ProtocolMachine<ParticipantTypes> = setup({
  types: {
    input: {} as ParticipantInput,
    context: {} as ParticipantContext,
    events: {} as ParticipantEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    acquire: () => {},
    withdraw: () => {},
    release: () => {},
    apply: () => {},
    journal: (_, _params: ParticipantEffects["journal"]) => {},
    send: (_, _params: ParticipantEffects["send"]) => {},
    reject: () => {},
    followNext: assign(facts.followNext),
    follow: assign(facts.follow),
    lead: assign(facts.lead),
    joinPreCommitted: assign(facts.joinPreCommitted),
    noteOwn: assign(facts.noteOwn),
    countState: assign(facts.countState),
    countQuestion: assign(({ context }) => ({
      attempt: Math.min(context.attempt + 1, context.maxBackoff),
    })),
    noteRetryable: assign((_, { retryable }: { readonly retryable: boolean }) => ({ retryable })),
  },
  guards,
  delays: {
    lockTimeout: ({ context }) => context.lockTimeoutMs,
    decisionTimeout: ({ context }) => context.decisionTimeoutMs,
    answerTimeout: ({ context }) => context.answerTimeoutMs,
    resend: ({ context }) => context.resendMs,
    inquire: ({ context }) => backoffMs(context.resendMs, context.attempt, context.maxBackoff),
  },
}).createMachine({
  id: "threePhaseCommit.participant",
  context: ({ input }) => ({
    ...input,
    leader: -1,
    uncertain: [],
    preCommitted: [],
    attempt: 0,
    retryable: true,
  }),
  initial: "initial",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    initial: { // Nothing is known of this id: never seen, or settled and forgotten.
      on: {
        prepare: "acquiring", // Only after `admitPrepare` said "begin".
        // Settled and forgotten: the coordinator lost its `ended`. Otherwise this store never saw the
        // transaction: a commit is rejected, and an abort is remembered, or a late `prepare` begins it.
        commit: { guard: "isSameStore", actions: tellCoordinator("ackCommit") },
        abort: [
          { guard: "isSameStore", actions: tellCoordinator("ackAbort") },
          { target: "aborting" },
        ],
        // Only after `answerUnknownInquiry` said "refuse".
        stateRequest: { target: "refusing", actions: "follow" },
        inquiry: "refusing",
        preCommit: {}, // A late duplicate.
        stateReport: {}, // Likewise.
        recovered: [
          {
            guard: recoveredAs("uncertain"),
            target: "recovering",
            actions: ["acquire", { type: "noteOwn", params: { state: "uncertain" } }],
          },
          {
            guard: recoveredAs("preCommitted"),
            target: "recovering",
            actions: ["acquire", { type: "noteOwn", params: { state: "preCommitted" } }],
          },
          { guard: recoveredAs("committed"), target: "committed" }, // Whoever lacks the ack asks.
          { guard: recoveredAs("aborted"), target: "aborted" },
        ],
      },
    },

    acquiring: {
      entry: "acquire",
      after: {
        lockTimeout: {
          target: "refusing",
          actions: "withdraw", // Retryable, as it is unless something else was noted.
        },
      },
      on: {
        granted: "preparing",
        refused: {
          target: "refusing",
          actions: {
            type: "noteRetryable",
            params: ({ event }) => ({ retryable: event.retryable }),
          },
        },
        abort: { target: "aborting", actions: "withdraw" },
        stateRequest: { target: "refusing", actions: ["withdraw", "follow"] }, // Not voted: it may.
        inquiry: { target: "refusing", actions: "withdraw" }, // Likewise.
        prepare: {}, // A duplicate: the vote is on its way.
      },
    },

    preparing: {
      entry: journal("prepared"),
      on: {
        journaled: {
          guard: awaited("prepared"),
          target: "uncertain",
          actions: [tellCoordinator("voteYes"), report("uncertain")],
        },
        abort: "aborting",
        stateRequest: { actions: "follow" }, // Answered once it is durable.
        inquiry: {}, // It can no longer refuse, and asks itself if it hears nothing.
        prepare: {}, // A duplicate: the vote is on its way.
      },
    },

    uncertain: { // Skeen's w: all may have voted yes, nobody has committed.
      ...waiting("uncertain"),
      on: {
        ...waiting("uncertain").on,
        preCommit: [
          { guard: "isFromLeader", target: "preCommitting" },
          {}, // From one that was given up.
        ],
      },
    },

    preCommitting: {
      entry: journal("preCommitted"),
      on: {
        journaled: {
          guard: awaited("preCommitted"),
          target: "preCommitted",
          actions: report("preCommitted"),
        },
        commit: "committing",
        abort: "aborting",
        stateRequest: { actions: "follow" }, // As in preparing.
        preCommit: {}, // A duplicate: the answer is on its way.
        prepare: {}, // A late duplicate.
        inquiry: {}, // As in uncertain.
      },
    },

    preCommitted: { // Skeen's p: all have voted yes, nobody has aborted.
      ...waiting("preCommitted"),
      on: {
        ...waiting("preCommitted").on,
        prepare: {}, // A late duplicate: all votes were counted.
        preCommit: [
          // The answer was lost; who asks again has not failed.
          {
            guard: "isFromLeader",
            target: "preCommitted",
            reenter: true,
            actions: report("preCommitted"),
          },
          {}, // From one that was given up.
        ],
      },
    },

    ...leading,
    recovering,

    committing: {
      // The locks stay until the record is durable: who leads may be the first to have decided, and
      // a reader must not see what is on no disk.
      entry: ["apply", journal("committed")],
      on: {
        journaled: [
          {
            guard: awaited("committed"),
            target: "committed",
            actions: ["release", tellCoordinator("ackCommit"), tellOthers("commit")],
          },
          { guard: awaited("preCommitted") }, // On its way when the commit came.
        ],
        commit: {}, // A duplicate: the ack is on its way.
        ...DECIDING,
        // No `abort`: a leader that aborts has not heard of the commit, and this one was not asked.
      },
    },

    committed: decided("commit"),

    refusing: { // It has not voted, and makes sure that it never will.
      entry: ["release", journal("aborted")],
      on: {
        journaled: {
          guard: awaited("aborted"),
          target: "aborted",
          actions: [voteNo, tellLeaderOfAbort],
        },
        abort: {}, // Decided elsewhere meanwhile.
        granted: { actions: "release" }, // It crossed the withdrawal: give it back.
        refused: {}, // It crossed the withdrawal.
        stateRequest: { actions: "follow" }, // Answered once it is durable.
        inquiry: {}, // Who asks asks again.
        prepare: {}, // The answer is on its way.
        // No `preCommit`, since not all have voted yes, and no `stateReport`: it never led.
      },
    },

    aborting: {
      entry: ["release", journal("aborted")],
      on: {
        journaled: [
          {
            guard: awaited("aborted"),
            target: "aborted",
            actions: [tellCoordinator("ackAbort"), tellOthers("abort")],
          },
          { guard: awaited("prepared") }, // On its way when the abort came.
          { guard: awaited("preCommitted") }, // Likewise.
        ],
        abort: {}, // Told by several, or told again.
        granted: { actions: "release" }, // As in refusing.
        refused: {}, // As in refusing.
        ...DECIDING,
      },
    },

    aborted: {
      ...decided("abort"),
      on: {
        ...decided("abort").on,
        prepare: { actions: voteNo }, // A prepare after an abort gets a no.
        granted: { actions: "release" }, // As in refusing.
        refused: {}, // As in refusing.
      },
    },

    forgotten: { type: "final" },
  },
});
