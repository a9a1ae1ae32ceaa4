/**
 * What the chart of a participant is put together from: its effects, guards and facts by name.
 *
 * @module
 */
import { missing, range, union } from "../machine_types.ts";
import type { Outcome, Undecided } from "./messages.ts";
import type {
  ParticipantContext,
  ParticipantEffects,
  ParticipantEvent,
  ParticipantJournal,
} from "./participant_types.ts";
import {
  nextLeader,
  outcomeAfterTotalFailure,
  type States,
  terminationRule,
} from "./termination.ts";

/** What guards and effects are computed from. */
export type Args = { readonly context: ParticipantContext; readonly event: ParticipantEvent };

type Send = ParticipantEffects["send"];

/** The coordinator's index. */
export const COORDINATOR = -1;

/** Forces a record. */
export function journal(record: ParticipantJournal) {
  return { type: "journal", params: { record, forced: true } } as const;
}

/** Says something to the coordinator. */
export function tellCoordinator(message: "voteYes" | "ackCommit" | "ackAbort") {
  const [said, outcome] = message === "voteYes"
    ? [message, undefined] as const
    : ["ack", message === "ackCommit" ? "commit" : "abort"] as const;
  const params: Send = { message: said, to: [COORDINATOR], ...(outcome ? { outcome } : {}) };
  return { type: "send", params } as const;
}

/** Refuses, for the reason that was noted. */
export const voteNo = {
  type: "send",
  params: ({ context: { retryable } }: Args): Send => ({
    message: "voteNo",
    to: [COORDINATOR],
    retryable,
  }),
} as const;

/** Answers the sender of this event with the outcome. */
export function answer(outcome: Outcome) {
  return {
    type: "send",
    params: ({ event }: Args): Send => {
      const from = "from" in event ? event.from : COORDINATOR;
      return from === COORDINATOR
        ? { message: "ack", to: [from], outcome }
        : { message: outcome, to: [from] };
    },
  } as const;
}

/** Tells whoever leads what it is in; pre-committed, that is what the coordinator waits for. */
export function report(state: Undecided) {
  return {
    type: "send",
    params: ({ context: { leader } }: Args): Send =>
      leader === COORDINATOR
        ? { message: "preCommitAck", to: state === "preCommitted" ? [leader] : [] }
        : { message: "stateReport", to: [leader], state },
  } as const;
}

function others({ participants, index }: ParticipantContext): readonly number[] {
  return range(participants).filter((peer) => peer !== index);
}

/** One that leads tells everybody what it has decided. */
export function tellOthers(outcome: Outcome) {
  return {
    type: "send",
    params: ({ context }: Args): Send => ({
      message: outcome,
      to: context.leader === context.index ? others(context) : [],
    }),
  } as const;
}

/** One that was asked before it had voted, or while it refused, tells the leader that asked. */
export const tellLeaderOfAbort = {
  type: "send",
  params: ({ context: { leader } }: Args): Send => ({
    message: "abort",
    to: leader === COORDINATOR ? [] : [leader],
  }),
} as const;

/** Asks those that have not reported. */
export const askStates = {
  type: "send",
  params: ({ context }: Args): Send => ({
    message: "stateRequest",
    to: missing(context.participants, union(context.uncertain, context.preCommitted)),
  }),
} as const;

/** Tells those that have reported to be uncertain that all voted yes. */
export const spread = {
  type: "send",
  params: ({ context }: Args): Send => ({ message: "preCommit", to: context.uncertain }),
} as const;

/** One that is back asks everybody, and says what it failed in. */
export const askOutcome = {
  type: "send",
  params: ({ context }: Args): Send => ({
    message: "inquiry",
    to: [COORDINATOR, ...others(context)],
    state: context.preCommitted.includes(context.index) ? "preCommitted" : "uncertain",
  }),
} as const;

/** Whether a record is the one waited for. */
export function awaited(record: ParticipantJournal) {
  return { type: "isAwaitedRecord", params: { record } } as const;
}

/** Whether recovery found this. */
export function recoveredAs(as: Undecided | "committed" | "aborted") {
  return { type: "isRecoveredAs", params: { as } } as const;
}

/** What a leader finds once all have reported, or those that have not have failed. */
export function finds(rule: ReturnType<typeof terminationRule>) {
  return { type: "finds", params: { rule } } as const;
}

/** Whether all are back, undecided, and what follows from it. */
export function allAreBack(outcome: Outcome) {
  return { type: "allAreBack", params: { outcome } } as const;
}

function isPeer({ context, event }: Args): boolean {
  return "from" in event && Number.isInteger(event.from) && event.from >= 0 &&
    event.from < context.participants && event.from !== context.index;
}

/** The states known, that of this event's sender among them. */
function statesWith(args: Args): States {
  const { context, event } = args;
  const { uncertain, preCommitted } = context;
  if (!isPeer(args) || !("from" in event)) return context;
  const state = "state" in event ? event.state : undefined;
  if (state === "preCommitted") {
    return {
      uncertain: uncertain.filter((peer) => peer !== event.from),
      preCommitted: union(preCommitted, [event.from]),
    };
  }
  // What was said before the sender was pre-committed may arrive late.
  return state === undefined || preCommitted.includes(event.from)
    ? context
    : { uncertain: union(uncertain, [event.from]), preCommitted };
}

/** What the chart's guards stand for. */
export const guards = {
  isSameStore: ({ event }: Args): boolean => "sameStore" in event && event.sameStore,
  isFromLeader: ({ context, event }: Args): boolean =>
    "from" in event && event.from === context.leader,
  isFromNewLeader: ({ context, event }: Args): boolean =>
    "from" in event && event.from >= context.leader,
  isNextLeader: ({ context: { leader, index } }: Args): boolean =>
    nextLeader(leader, index) === index,
  /** With a report all must have made one; when patience ends those that have not have failed. */
  finds: (args: Args, { rule }: { readonly rule: ReturnType<typeof terminationRule> }): boolean => {
    const { context, event } = args;
    const states = statesWith(args);
    const known = union(states.uncertain, states.preCommitted).length;
    const isComplete = event.type !== "stateReport" ||
      isPeer(args) && known === context.participants;
    return isComplete && terminationRule(states, context.index) === rule;
  },
  nobodyIsUncertain: ({ context: { uncertain } }: Args): boolean => uncertain.length === 0,
  allAreBack: (args: Args, { outcome }: { readonly outcome: Outcome }): boolean =>
    outcomeAfterTotalFailure(statesWith(args), args.context.participants) === outcome,
  isAwaitedRecord: ({ event }: Args, { record }: { readonly record: ParticipantJournal }) =>
    event.type === "journaled" && event.record === record,
  isRecoveredAs: (
    { event }: Args,
    { as }: { readonly as: Undecided | "committed" | "aborted" },
  ): boolean => event.type === "recovered" && event.as === as,
};

/** The changes of its facts. */
export const facts = {
  followNext: ({ context: { leader, index } }: Args) => ({ leader: nextLeader(leader, index) }),
  follow: (
    { context, event }: Args,
  ) => ("from" in event ? { leader: Math.max(context.leader, event.from) } : {}),
  lead: ({ context: { index } }: Args, { state }: { readonly state: Undecided }) => ({
    leader: index,
    uncertain: state === "uncertain" ? [index] : [],
    preCommitted: state === "preCommitted" ? [index] : [],
  }),
  joinPreCommitted: ({ context: { index, uncertain, preCommitted } }: Args) => ({
    uncertain: uncertain.filter((peer) => peer !== index),
    preCommitted: union(preCommitted, [index]),
  }),
  noteOwn: ({ context: { index } }: Args, { state }: { readonly state: Undecided }) => ({
    uncertain: state === "uncertain" ? [index] : [],
    preCommitted: state === "preCommitted" ? [index] : [],
  }),
  countState: (args: Args) => {
    const { uncertain, preCommitted } = statesWith(args);
    return { uncertain, preCommitted };
  },
};
