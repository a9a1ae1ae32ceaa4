/**
 * A durable participant of one transaction: two-phase commit with presumed abort.
 *
 * It promises to vote yes only when it can commit whatever happens to it, to keep that promise (and
 * its locks) until it hears the decision, never to decide alone, and never to reverse a decision.
 * Mohan, Lindsay, Obermarck 1986, section 3; `abort` needs neither a forced record nor an ack.
 *
 * In doubt it asks the coordinator, then also its peers. A peer that has not voted makes its refusal
 * durable before it answers `abort`: without the record, a late `prepare` after a restart could be
 * given a yes. If every peer is in doubt too, all of them wait: that is the price of 2PC (Gray and
 * Lamport 2006, section 3, for the way out).
 *
 * | receives                                  | from              | sends                                  | to          |
 * | ----------------------------------------- | ----------------- | -------------------------------------- | ----------- |
 * | `prepare` `commit` `abort`                | coordinator       | `voteYes` `voteNo` `ack` `inquiry`     | coordinator |
 * | `inquiry` `commit` `abort` `uncertain`    | peer              | `inquiry` `commit` `abort` `uncertain` | peers       |
 * | `granted` `refused` `recovered` `forget`  | host              | `acquire` `withdraw` `release` `apply` | host        |
 * | `journaled`                               | journal           | `journal`                              | journal     |
 *
 * @module
 */
import { assign, setup } from "xstate";
import { backoffMs, type ProtocolMachine, union } from "../machine_types.ts";
import type {
  ParticipantContext,
  ParticipantEffects,
  ParticipantEvent,
  ParticipantInput,
  ParticipantTypes,
} from "./participant_types.ts";

export type * from "./participant_types.ts";

type Args = { readonly context: ParticipantContext; readonly event: ParticipantEvent };

function journal(record: ParticipantEffects["journal"]["record"], forced: boolean) {
  return { type: "journal", params: { record, forced } } as const;
}

function answer(message: "commit" | "abort" | "uncertain") {
  return {
    type: "sendPeers",
    params: ({ event }: Args): ParticipantEffects["sendPeers"] => ({
      message,
      to: event.type === "inquiry" ? [event.from] : [],
    }),
  } as const;
}

function tell(message: "voteYes" | "ack" | "inquiry") {
  return { type: "sendCoordinator", params: { message } } as const;
}

const voteNo = {
  type: "sendCoordinator",
  params: ({ context }: Args): ParticipantEffects["sendCoordinator"] => ({
    message: "voteNo",
    retryable: context.retryable,
  }),
} as const;

function isAwaited(record: "prepared" | "committed" | "refused") {
  return { type: "isAwaitedRecord", params: { record } } as const;
}

function isRecovered(as: "inDoubt" | "committed" | "aborted") {
  return { type: "isRecoveredAs", params: { as } } as const;
}

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
    sendCoordinator: (_, _params: ParticipantEffects["sendCoordinator"]) => {},
    sendPeers: (_, _params: ParticipantEffects["sendPeers"]) => {},
    reject: () => {},
    countQuestion: assign(({ context }) => ({
      // At least 1, or a constant delay would never come to ask the peers.
      attempt: Math.min(context.attempt + 1, Math.max(1, context.maxBackoff)),
    })),
    noteAsker: assign(({ context, event }) =>
      event.type === "inquiry" ? { asked: union(context.asked, [event.from]) } : {}
    ),
    noteRetryable: assign((_, { retryable }: { readonly retryable: boolean }) => ({ retryable })),
    clearAskers: assign({ asked: [] }),
  },
  guards: {
    isSameStore: ({ event }) => event.type === "commit" && event.sameStore,
    isAwaitedRecord: ({ event }, { record }: { record: "prepared" | "committed" | "refused" }) =>
      event.type === "journaled" && event.record === record,
    isRecoveredAs: ({ event }, { as }: { as: "inDoubt" | "committed" | "aborted" }) =>
      event.type === "recovered" && event.as === as,
    hasAskedBefore: ({ context }) => context.attempt > 0,
  },
  delays: {
    lockTimeout: ({ context }) => context.lockTimeoutMs,
    inquire: ({ context }) => backoffMs(context.inquireMs, context.attempt, context.maxBackoff),
  },
}).createMachine({
  id: "twoPhaseCommit.participant",
  context: ({ input }) => ({ ...input, attempt: 0, asked: [], retryable: true }),
  initial: "idle",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    idle: { // Nothing is known of this id: never seen, forgotten, or lost with an unforced record.
      on: {
        prepare: "acquiring", // Only after `admitPrepare` said "begin".
        // Applied and forgotten: the coordinator lost its `ended`. Otherwise this store never saw
        // the transaction, an ack would lose the money, and the commit is rejected.
        commit: { guard: "isSameStore", actions: tell("ack") },
        abort: {}, // There is nothing to undo, and nobody waits for an ack.
        inquiry: { target: "refusing", actions: "noteAsker" }, // Only after `answerUnknownInquiry`.
        uncertain: {}, // A peer's late answer to a question settled and forgotten since.
        recovered: [
          {
            guard: isRecovered("inDoubt"),
            target: "inDoubt",
            // The vote may have been counted; the locks were lost with the memory that held them.
            actions: ["acquire", tell("inquiry"), "countQuestion"],
          },
          { guard: isRecovered("committed"), target: "committed" }, // Whoever lacks the ack asks.
          { guard: isRecovered("aborted"), target: "aborted" },
        ],
      },
    },

    acquiring: {
      entry: "acquire",
      after: {
        lockTimeout: {
          target: "votedNo",
          actions: "withdraw",
        },
      },
      on: {
        granted: "preparing",
        refused: {
          target: "votedNo",
          actions: {
            type: "noteRetryable",
            params: ({ event }) => ({ retryable: event.retryable }),
          },
        },
        abort: { target: "aborted", actions: "withdraw" },
        inquiry: { target: "refusing", actions: ["withdraw", "noteAsker"] }, // Not voted: it may.
        prepare: {}, // A duplicate: the vote is on its way.
        forget: {}, // Aborted elsewhere; the watermark ends memories, not open questions.
      },
    },

    preparing: {
      entry: journal("prepared", true),
      on: {
        journaled: { guard: isAwaited("prepared"), target: "inDoubt", actions: tell("voteYes") },
        abort: { target: "aborted", actions: journal("aborted", false) },
        inquiry: { actions: answer("uncertain") }, // It can no longer refuse: the record may be out.
        prepare: {}, // A duplicate: the vote is on its way.
        forget: {}, // As in acquiring.
      },
    },

    // Having voted yes it may ask again, never decide alone.
    inDoubt: {
      after: {
        inquire: [
          {
            guard: "hasAskedBefore", // The coordinator is silent: a peer may have heard it.
            target: "inDoubt",
            reenter: true,
            actions: [
              tell("inquiry"),
              { type: "sendPeers", params: { message: "inquiry", to: "all" } },
              "countQuestion",
            ],
          },
          { target: "inDoubt", reenter: true, actions: [tell("inquiry"), "countQuestion"] },
        ],
      },
      on: {
        commit: "committing",
        abort: { target: "aborted", actions: journal("aborted", false) },
        prepare: { actions: tell("voteYes") }, // The vote was lost: say it again.
        inquiry: { actions: answer("uncertain") },
        uncertain: {}, // That peer does not know either.
        granted: {}, // The locks of a recovered transaction, taken again.
        forget: {}, // As in acquiring: it was aborted, and the coordinator will say so.
      },
    },

    committing: {
      // The locks go before the record is durable, and that is safe: whoever reads the new rows and
      // writes, writes later into the same journal, so its record is never durable without this one;
      // and the decision itself is durable at the coordinator, so a reader has not seen a maybe.
      entry: ["apply", journal("committed", true), "release"],
      on: {
        journaled: { guard: isAwaited("committed"), target: "committed", actions: tell("ack") },
        commit: {}, // A duplicate: the ack is on its way.
        prepare: {}, // A late duplicate.
        inquiry: { actions: answer("commit") }, // Durable at the coordinator, so it may be told.
        uncertain: {}, // A peer's answer, overtaken by the decision.
        // No `abort` here: the coordinator remembers until this very participant has acked, so no
        // one can have taken its silence for an abort yet. It would be a contradiction: reject.
      },
    },

    committed: {
      on: {
        commit: { actions: tell("ack") }, // The ack was lost.
        inquiry: { actions: answer("commit") },
        prepare: {}, // A late duplicate.
        abort: {}, // An inquiry sent while in doubt, answered after the coordinator had forgotten.
        uncertain: {}, // A peer's answer, overtaken by the decision.
        forget: "forgotten",
      },
    },

    votedNo: {
      entry: ["release", voteNo],
      on: {
        prepare: { actions: voteNo }, // The vote was lost: say it again.
        abort: "aborted",
        inquiry: { target: "refusing", actions: "noteAsker" }, // A peer will rely on it: durable.
        granted: { actions: "release" }, // It crossed the withdrawal: give it back.
        refused: {}, // It crossed the withdrawal.
        forget: "forgotten",
      },
    },

    refusing: {
      entry: journal("refused", true),
      on: {
        journaled: {
          guard: isAwaited("refused"),
          target: "aborted",
          actions: [
            {
              type: "sendPeers",
              params: ({ context }) => ({ message: "abort", to: context.asked }),
            },
            voteNo, // The coordinator need not wait for its timeout.
            "clearAskers",
          ],
        },
        inquiry: { actions: "noteAsker" },
        prepare: {}, // The vote follows the record.
        abort: {}, // Decided elsewhere meanwhile; the askers are answered when the record is durable.
        granted: { actions: "release" }, // As in votedNo.
        refused: {}, // As in votedNo.
        forget: {}, // As in acquiring.
      },
    },

    aborted: { // Decided by the coordinator, or made certain by a durable refusal.
      entry: "release",
      on: {
        prepare: { actions: voteNo }, // A prepare after an abort gets a no.
        inquiry: { actions: answer("abort") },
        abort: {}, // Told by several, or told again.
        uncertain: {}, // A peer's answer, overtaken by the decision.
        journaled: { guard: isAwaited("prepared") }, // On its way when the abort came.
        granted: { actions: "release" }, // As in votedNo.
        refused: {}, // As in votedNo.
        forget: "forgotten",
      },
    },

    forgotten: { type: "final" },
  },
});
