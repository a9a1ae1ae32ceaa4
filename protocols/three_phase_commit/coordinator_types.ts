/**
 * The input, context, events, effects and states of the three-phase commit coordinator.
 *
 * @module
 */
import type { Outcome } from "./messages.ts";

/** What a coordinator is started with. All times in ms. */
export type CoordinatorInput = {
  /** The number of participants, at least 1. */
  readonly participants: number;
  /** How long votes are waited for before the transaction aborts. */
  readonly voteTimeoutMs: number;
  /** How long an acknowledgement of `preCommit` is waited for: who is silent longer has failed. */
  readonly ackTimeoutMs: number;
  /** How long an answer is waited for before a message is sent again. */
  readonly resendMs: number;
  /** The resend delay doubles this many times and then stays; 0 keeps it constant. */
  readonly maxBackoff: number;
};

/** Why a transaction aborts. */
export type AbortReason = "refused" | "timeout" | "requested";

/** The finite facts of one transaction. Index sets are sorted. */
export type CoordinatorContext = CoordinatorInput & {
  /** The participants whose yes has arrived. */
  readonly yes: readonly number[];
  /** The participants that have acknowledged `preCommit`. */
  readonly preCommitted: readonly number[];
  /** The participants that have acknowledged the outcome. */
  readonly acked: readonly number[];
  /** How often the present state's message was sent again, up to `maxBackoff`. */
  readonly attempt: number;
  /** What the client is told with an abort. */
  readonly reason: AbortReason;
  readonly retryable: boolean;
};

/** What happens to a coordinator. `from` is an index. */
export type CoordinatorEvent =
  | { readonly type: "begin" }
  /** What `recoverCoordinator` found: the decision, or that there was none. */
  | { readonly type: "recovered"; readonly as: "undecided" | Outcome }
  | { readonly type: "voteYes"; readonly from: number }
  | { readonly type: "voteNo"; readonly from: number; readonly retryable: boolean }
  | { readonly type: "preCommitAck"; readonly from: number }
  | { readonly type: "ack"; readonly from: number; readonly outcome: Outcome }
  | { readonly type: "inquiry"; readonly from: number }
  /** The client or the deadlock detector asks for an abort; `retryable` is passed on, default false. */
  | { readonly type: "abort"; readonly retryable?: boolean }
  /** A *forced* record is durable. */
  | { readonly type: "journaled"; readonly record: "began" | "commit" | "abort" };

/** What a coordinator asks of its host, with the parameters of each effect. */
export type CoordinatorEffects = {
  journal: {
    readonly record: "began" | "commit" | "abort" | "ended";
    readonly forced: boolean;
  };
  send: {
    readonly message: "prepare" | "preCommit" | "commit" | "abort" | "inquiry";
    readonly to: readonly number[];
  };
  /** Answers the client. `retryable` and `reason` are given with an abort. */
  reply: {
    readonly outcome: "committed" | "aborted";
    readonly retryable?: boolean;
    readonly reason?: AbortReason;
  };
  /** The instance record may go. */
  forget: unknown;
  reject: unknown;
};

/** The states of a coordinator. */
export type CoordinatorState =
  | "initial"
  | "beginning"
  | { waiting: "asking" }
  | { preCommitted: "telling" }
  | "committing"
  | { committed: "telling" }
  | "aborting"
  | { aborted: "telling" }
  | { recovering: "asking" }
  | "ended";

/**
 * The types of {@link coordinator}.
 *
 * @internal
 */
export type CoordinatorTypes = {
  context: CoordinatorContext;
  event: CoordinatorEvent;
  input: CoordinatorInput;
  actions: CoordinatorEffects & {
    countVote: unknown;
    countPreCommitAck: unknown;
    countAck: unknown;
    countAttempt: unknown;
    resetAttempt: unknown;
    noteAbort: { readonly reason: AbortReason };
  };
  guards: {
    isLastVote: unknown;
    isLastPreCommitAck: unknown;
    isLastAck: { readonly outcome: Outcome };
    isAck: { readonly outcome: Outcome };
    isParticipant: unknown;
    somebodyIsPreCommitted: unknown;
    isAwaitedRecord: { readonly record: "began" | "commit" | "abort" };
    isRecoveredAs: { readonly as: "undecided" | Outcome };
  };
  delays: "voteTimeout" | "ackTimeout" | "resend";
  state: CoordinatorState;
};
