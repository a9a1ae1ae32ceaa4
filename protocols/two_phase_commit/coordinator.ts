/**
 * The coordinator of one transaction: two-phase commit with presumed abort.
 *
 * It promises that no participant hears `commit` before the decision is durable, that after the
 * decision nothing leads to abort, and that it remembers a commit until every participant has made
 * it durable. It forgets an abort at once: a missing record *is* the abort (Mohan, Lindsay, Obermarck
 * 1986, section 3.2), which is why only the owner of this very log may read it so (`answerUnknown`).
 * The decision rule is that of Gray and Lamport 2006, "Consensus on Transaction Commit", section 3:
 * commit only if all are prepared, abort whenever one refuses or the coordinator loses patience.
 *
 * A vote may be given on condition: the participant let the transaction build on rows of another one
 * of the same log that is not decided, and it may commit only if that one does (Larson et al. 2011,
 * "High-Performance Concurrency Control Mechanisms for Main-Memory Databases", section 2.7, on commit
 * dependencies; Graefe et al. 2013, "Controlled Lock Violation"). Its commit record follows the other
 * one's in the log, so it is never durable without it.
 *
 * Edges that keep leased copies of an entry being changed are *volatile* participants: they are asked
 * to hold, and waited for no longer than their leases run (Gray and Cheriton 1989, "Leases").
 *
 * | receives                             | from          | sends                       | to           |
 * | ------------------------------------ | ------------- | --------------------------- | ------------ |
 * | `voteYes` `voteNo` `ack` `inquiry`   | participant   | `prepare` `commit` `abort`  | participants |
 * | `held`                               | holder        | `hold` `release`            | holders      |
 * | `begin` `abort` `recovered` `dependenciesMet` | host | `reply` `forget`            | host         |
 * | `journaled`                          | journal       | `journal`                   | journal      |
 *
 * @module
 */
import { assign, setup } from "xstate";
import { backoffMs, missing, type ProtocolMachine, range, union } from "../machine_types.ts";
import {
  allHolders,
  type Args,
  completesVotes,
  isDependent,
  isLastHeld,
  isParticipant,
} from "./coordinator_guards.ts";
import type {
  CoordinatorContext,
  CoordinatorEffects,
  CoordinatorEvent,
  CoordinatorInput,
  CoordinatorTypes,
} from "./coordinator_types.ts";
import type { Outcome } from "./messages.ts";

export type * from "./coordinator_types.ts";

function replyAborted(reason: "timeout" | "requested", retryable: boolean) {
  return { type: "reply", params: { outcome: "aborted", retryable, reason } } as const;
}

const replyRequested = {
  type: "reply",
  params: ({ event }: Args): CoordinatorEffects["reply"] => ({
    outcome: "aborted",
    retryable: event.type === "abort" && event.retryable === true,
    reason: "requested",
  }),
} as const;

function releaseHolders(outcome: Outcome) {
  return {
    type: "sendHolders",
    params: ({ context }: Args): CoordinatorEffects["sendHolders"] => ({
      message: "release",
      outcome,
      to: context.holders,
    }),
  } as const;
}

const tellSender = {
  type: "send",
  params: ({ event }: Args): CoordinatorEffects["send"] => ({
    message: "commit",
    to: "from" in event ? [event.from] : [],
  }),
} as const;

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
    sendHolders: (_, _params: CoordinatorEffects["sendHolders"]) => {},
    reply: (_, _params: CoordinatorEffects["reply"]) => {},
    forget: () => {},
    reject: () => {},
    countVote: assign((args) =>
      args.event.type !== "voteYes" ? {} : {
        yes: union(args.context.yes, [args.event.from]),
        holders: allHolders(args),
        dependent: isDependent(args),
      }
    ),
    clearDependent: assign({ dependent: false }),
    countHeld: assign(({ context, event }) =>
      event.type === "held" ? { held: union(context.held, [event.from]) } : {}
    ),
    countAck: assign(({ context, event }) =>
      event.type === "ack" ? { acked: union(context.acked, [event.from]) } : {}
    ),
    countHolders: assign((args) => ({ holders: allHolders(args) })),
    countAttempt: assign(({ context }) => ({
      attempt: Math.min(context.attempt + 1, context.maxBackoff),
    })),
    resetAttempt: assign({ attempt: 0 }),
  },
  guards: {
    isParticipant,
    isLastVote: completesVotes,
    isLastVoteOfHeldEntry: (args) => completesVotes(args) && allHolders(args).length > 0,
    isLastVoteOfDependent: (args) => completesVotes(args) && isDependent(args),
    isDependent,
    isHolder: ({ context, event }) => event.type === "held" && context.holders.includes(event.from),
    isLastHeld,
    isLastHeldOfDependent: (args) => isLastHeld(args) && isDependent(args),
    isLastAck: (args) =>
      isParticipant(args) && args.event.type === "ack" &&
      union(args.context.acked, [args.event.from]).length === args.context.participants,
    isAwaitedRecord: ({ event }) => event.type === "journaled" && event.record === "commit",
  },
  delays: {
    voteTimeout: ({ context }) => context.voteTimeoutMs,
    resend: ({ context }) => backoffMs(context.resendMs, context.attempt, context.maxBackoff),
    leaseWait: ({ context }) => context.leaseMs,
  },
}).createMachine({
  id: "twoPhaseCommit.coordinator",
  context: ({ input }) => ({
    ...input,
    yes: [],
    holders: [],
    held: [],
    acked: [],
    dependent: false,
    attempt: 0,
  }),
  initial: "idle",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    idle: {
      on: {
        begin: "preparing",
        // No client is left to answer: it lost its connection with the old incarnation.
        recovered: { target: "committing", actions: "countHolders" },
      },
    },

    preparing: {
      entry: { type: "journal", params: { record: "began", forced: false } },
      exit: "resetAttempt",
      // On the outer state, so that asking again does not extend the patience.
      after: { voteTimeout: { target: "aborted", actions: replyAborted("timeout", true) } },
      on: {
        voteYes: [
          { guard: "isLastVoteOfHeldEntry", target: "holding", actions: "countVote" },
          { guard: "isLastVoteOfDependent", target: "depending" },
          { guard: "isLastVote", target: "deciding" },
          { guard: "isParticipant", actions: "countVote" }, // A repeated vote counts once.
        ],
        voteNo: {
          guard: "isParticipant",
          target: "aborted",
          actions: {
            type: "reply",
            params: ({ event }) => ({
              outcome: "aborted",
              retryable: event.retryable,
              reason: "refused",
            }),
          },
        },
        abort: { target: "aborted", actions: replyRequested },
        dependenciesMet: { actions: "clearDependent" },
        inquiry: {}, // From a voter in doubt: undecided, and the decision will be the answer.
      },
      initial: "asking",
      states: {
        asking: {
          entry: {
            type: "send",
            params: ({ context }) => ({
              message: "prepare",
              to: missing(context.participants, context.yes),
            }),
          },
          after: { resend: { target: "asking", reenter: true, actions: "countAttempt" } },
        },
      },
    },

    // Every durable vote is yes, but some edges may still serve the old entry to a reader who has
    // seen the new one elsewhere. The voters hold their locks, so no new lease is granted meanwhile.
    holding: {
      exit: "resetAttempt",
      after: {
        leaseWait: [ // Whoever has not answered may no longer trust its copy.
          { guard: "isDependent", target: "depending" },
          { target: "deciding" },
        ],
      },
      on: {
        held: [
          { guard: "isLastHeldOfDependent", target: "depending" },
          { guard: "isLastHeld", target: "deciding" },
          { guard: "isHolder", actions: "countHeld" },
        ],
        abort: { target: "aborted", actions: replyRequested }, // Nothing is decided yet.
        dependenciesMet: { actions: "clearDependent" },
        voteNo: {}, // Said before a crash, lost with the memory, and followed by a durable yes.
        voteYes: {}, // A vote sent twice; leases it might name were in the first one too.
        inquiry: {}, // Undecided: the decision will be the answer.
      },
      initial: "asking",
      states: {
        asking: {
          entry: {
            type: "sendHolders",
            params: ({ context }) => ({
              message: "hold",
              to: context.holders.filter((holder) => !context.held.includes(holder)),
            }),
          },
          after: { resend: { target: "asking", reenter: true, actions: "countAttempt" } },
        },
      },
    },

    // All is ready, and others must commit first. Those may wait for this one in a circle, by way of
    // other participants: the deadlock detector sees that, and patience has an end besides.
    depending: {
      after: { voteTimeout: { target: "aborted", actions: replyAborted("timeout", true) } },
      on: {
        dependenciesMet: "deciding",
        abort: { target: "aborted", actions: replyRequested }, // Nothing is decided yet.
        voteNo: {}, // As in holding.
        voteYes: {}, // A vote sent twice: it was counted with what it depends on.
        held: {}, // Sent twice, or by a holder whose lease was waited out.
        inquiry: {}, // The decision will be the answer.
      },
    },

    deciding: {
      entry: { type: "journal", params: { record: "commit", forced: true } },
      on: {
        journaled: {
          guard: "isAwaitedRecord",
          target: "committing",
          actions: { type: "reply", params: { outcome: "committed" } },
        },
        abort: {}, // Too late: the decision may already be durable.
        voteYes: {}, // A vote sent twice.
        voteNo: {}, // As in holding.
        held: {}, // As in depending.
        inquiry: {}, // The decision will be the answer.
      },
    },

    committing: {
      entry: releaseHolders("commit"),
      on: {
        ack: [
          { guard: "isLastAck", target: "ended" },
          { guard: "isParticipant", actions: "countAck" },
        ],
        inquiry: { guard: "isParticipant", actions: tellSender },
        voteYes: { guard: "isParticipant", actions: tellSender }, // It has not heard the decision.
        abort: {}, // After a commit decision nothing leads to abort.
        voteNo: {}, // As in holding.
        held: {}, // As in deciding; the release is on its way, and its lease bounds its wait.
      },
      initial: "telling",
      states: {
        telling: {
          entry: {
            type: "send",
            params: ({ context }) => ({
              message: "commit",
              to: missing(context.participants, context.acked),
            }),
          },
          after: { resend: { target: "telling", reenter: true, actions: "countAttempt" } },
        },
      },
    },

    ended: {
      type: "final",
      entry: [{ type: "journal", params: { record: "ended", forced: false } }, "forget"],
    },

    aborted: {
      type: "final",
      entry: [
        { type: "journal", params: { record: "aborted", forced: false } },
        {
          type: "send", // Once: whoever misses it asks, and no record means abort.
          params: ({ context }) => ({ message: "abort", to: range(context.participants) }),
        },
        releaseHolders("abort"),
        "forget",
      ],
    },
  },
});
