/**
 * The input, context, events, effects and states of the two-phase commit coordinator.
 *
 * @module
 */
import type { Outcome } from "./messages.ts";

/** What a coordinator is started with. All times in ms. */
export type CoordinatorInput = {
  /** The number of durable participants, at least 1. */
  readonly participants: number;
  /** How long votes are waited for before the transaction aborts. */
  readonly voteTimeoutMs: number;
  /** How long an answer is waited for before a message is sent again. */
  readonly resendMs: number;
  /** The resend delay doubles this many times and then stays; 0 keeps it constant. */
  readonly maxBackoff: number;
  /** How long a holder that does not answer may go on reading: the result of `coordinatorLease`. */
  readonly leaseMs: number;
};

/** The finite facts of one transaction. Index sets are sorted. */
export type CoordinatorContext = CoordinatorInput & {
  /** The participants whose yes has arrived. */
  readonly yes: readonly number[];
  /** The volatile participants that the votes named. */
  readonly holders: readonly number[];
  /** Those of them that have answered `hold`. */
  readonly held: readonly number[];
  /** The participants that have acknowledged the commit. */
  readonly acked: readonly number[];
  /** Whether a vote was given on the condition that transactions commit which are not decided yet. */
  readonly dependent: boolean;
  /** How often the present state's message was sent again, up to `maxBackoff`. */
  readonly attempt: number;
};

/** What happens to a coordinator. `from` and `holders` are indices. */
export type CoordinatorEvent =
  | { readonly type: "begin" }
  /** A commit record without `ended` was found; `holders` are those it names. */
  | { readonly type: "recovered"; readonly holders: readonly number[] }
  /** `dependent`: as in the context, of all votes so far; default false. */
  | {
    readonly type: "voteYes";
    readonly from: number;
    readonly holders: readonly number[];
    readonly dependent?: boolean;
  }
  /** The commits of all transactions it depends on are in the log, durable before its own can be. */
  | { readonly type: "dependenciesMet" }
  | { readonly type: "voteNo"; readonly from: number; readonly retryable: boolean }
  /**
   * The client or the deadlock detector asks for an abort, or a transaction it depends on has aborted;
   * `retryable` is passed on, default false.
   */
  | { readonly type: "abort"; readonly retryable?: boolean }
  | { readonly type: "held"; readonly from: number }
  | { readonly type: "ack"; readonly from: number }
  | { readonly type: "inquiry"; readonly from: number }
  /** A *forced* record is durable. Nobody waits for a lazy one, so none is reported. */
  | { readonly type: "journaled"; readonly record: "commit" };

/** What a coordinator asks of its host, with the parameters of each effect. */
export type CoordinatorEffects = {
  journal: {
    readonly record: "began" | "commit" | "ended" | "aborted";
    readonly forced: boolean;
  };
  send: { readonly message: "prepare" | "commit" | "abort"; readonly to: readonly number[] };
  /** `outcome` is given with `release`. An empty `to` sends nothing: most transactions have no holders. */
  sendHolders: {
    readonly message: "hold" | "release";
    readonly outcome?: Outcome;
    readonly to: readonly number[];
  };
  /** Answers the client. `retryable` and `reason` are given with an abort. */
  reply: {
    readonly outcome: "committed" | "aborted";
    readonly retryable?: boolean;
    readonly reason?: "refused" | "timeout" | "requested";
  };
  /** The instance record may go. */
  forget: unknown;
  reject: unknown;
};

/** The states of a coordinator. */
export type CoordinatorState =
  | "idle"
  | { preparing: "asking" }
  | { holding: "asking" }
  | "depending"
  | "deciding"
  | { committing: "telling" }
  | "ended"
  | "aborted";

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
    countHeld: unknown;
    countAck: unknown;
    countHolders: unknown;
    clearDependent: unknown;
    countAttempt: unknown;
    resetAttempt: unknown;
  };
  guards: {
    isParticipant: unknown;
    isLastVote: unknown;
    isLastVoteOfHeldEntry: unknown;
    isLastVoteOfDependent: unknown;
    isDependent: unknown;
    isHolder: unknown;
    isLastHeld: unknown;
    isLastHeldOfDependent: unknown;
    isLastAck: unknown;
    isAwaitedRecord: unknown;
  };
  delays: "voteTimeout" | "resend" | "leaseWait";
  state: CoordinatorState;
};
