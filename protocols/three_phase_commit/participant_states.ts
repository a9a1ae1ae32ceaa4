/**
 * States of a participant's chart: waiting for whoever leads, leading the termination protocol,
 * being back after a failure, having decided.
 *
 * @module
 */
import type { Outcome, Undecided } from "./messages.ts";
import {
  allAreBack,
  answer,
  askOutcome,
  askStates,
  awaited,
  finds,
  journal,
  report,
  spread,
  tellCoordinator,
} from "./participant_parts.ts";

/** Waits for whoever leads; if that one is silent for too long the next one leads. */
export function waiting(state: Undecided) {
  return {
    after: {
      decisionTimeout: [
        {
          guard: "isNextLeader",
          target: "collecting",
          actions: { type: "lead", params: { state } },
        },
        { target: state, reenter: true, actions: "followNext" },
      ],
    },
    on: {
      commit: "committing",
      abort: "aborting",
      stateRequest: [
        {
          guard: "isFromNewLeader",
          target: state,
          reenter: true,
          actions: ["follow", report(state)],
        },
        {}, // From one that was given up.
      ],
      prepare: { actions: tellCoordinator("voteYes") }, // The vote was lost: say it again.
      inquiry: {}, // Undecided. Whoever decides tells everybody, and who asks asks again.
      // No `stateReport`: it has asked nobody, and who leads never follows again.
    },
  } as const;
}

/** A decision was made and told; both outcomes are answered for alike. */
export function decided(outcome: Outcome) {
  return {
    on: {
      [outcome]: { actions: answer(outcome) }, // The ack was lost.
      inquiry: { actions: answer(outcome) },
      stateRequest: { actions: answer(outcome) },
      preCommit: { actions: answer(outcome) }, // From one that does not know yet.
      stateReport: {}, // Overtaken by the decision.
      prepare: {}, // A late duplicate.
      forget: "forgotten",
      // The other outcome would be a contradiction: reject.
    },
  } as const;
}

/** What one that leads has no answer to. */
const LEADING = {
  stateRequest: {}, // From one that has given it up, or was given up.
  preCommit: {}, // Likewise.
  inquiry: {}, // As in uncertain.
  prepare: {}, // A late duplicate.
} as const;

/** What waits until the outcome is durable: who asks asks again. */
export const DECIDING = {
  stateRequest: {},
  stateReport: {},
  preCommit: {},
  inquiry: {},
  prepare: {},
} as const;

const allBack = [
  { guard: allAreBack("commit"), target: "committing" },
  { guard: allAreBack("abort"), target: "aborting" },
] as const;

/** It leads: the termination protocol. */
export const leading = {
  // It leads. What the others are in decides, as far as they have not failed.
  collecting: {
    after: {
      answerTimeout: [
        { guard: finds("join"), target: "joining" },
        { guard: finds("spread"), target: "spreading" },
        { guard: finds("commit"), target: "committing" },
        { target: "aborting" },
      ],
    },
    on: {
      stateReport: [
        { guard: finds("join"), target: "joining", actions: "countState" },
        { guard: finds("spread"), target: "spreading", actions: "countState" },
        { guard: finds("commit"), target: "committing", actions: "countState" },
        { guard: finds("abort"), target: "aborting", actions: "countState" },
        { actions: "countState" },
      ],
      commit: "committing",
      abort: "aborting",
      ...LEADING,
    },
    initial: "asking",
    states: {
      asking: {
        entry: askStates,
        after: { resend: { target: "asking", reenter: true } },
      },
    },
  },

  joining: { // Who makes others pre-committed is so first.
    entry: journal("preCommitted"),
    on: {
      journaled: {
        guard: awaited("preCommitted"),
        target: "spreading",
        actions: "joinPreCommitted",
      },
      commit: "committing",
      abort: "aborting",
      stateReport: {}, // Of one that answers late, or twice: it is asked again.
      ...LEADING,
    },
  },

  spreading: {
    always: { guard: "nobodyIsUncertain", target: "committing" },
    after: { answerTimeout: "committing" }, // Who has not answered has failed.
    on: {
      stateReport: { actions: "countState" },
      commit: "committing",
      abort: "aborting",
      ...LEADING,
    },
    initial: "telling",
    states: {
      telling: {
        entry: spread,
        after: { resend: { target: "telling", reenter: true } },
      },
    },
  },
} as const;

/** It failed undecided and is back: the others may have decided without it. */
export const recovering = {
  entry: askOutcome,
  after: { inquire: { target: "recovering", reenter: true, actions: "countQuestion" } },
  on: {
    commit: "committing",
    abort: "aborting",
    inquiry: [
      ...allBack,
      { actions: "countState" }, // If the coordinator asks, it failed too: nothing to count.
    ],
    granted: [...allBack, {}], // Its locks are back. It may be the only participant.
    stateRequest: {}, // It counts as failed.
    preCommit: {}, // Likewise.
    prepare: {}, // Likewise.
    stateReport: {}, // To the leader it was.
  },
} as const;
