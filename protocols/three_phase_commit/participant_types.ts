/**
 * The input, context, events, effects and states of a three-phase commit participant.
 *
 * @module
 */
import type { Outcome, Undecided } from "./messages.ts";

/** What a participant is started with. All times in ms. */
export type ParticipantInput = {
  /** The number of participants, at least 1. */
  readonly participants: number;
  /** Its own place among them: the lowest that has not failed leads, so the order is the election. */
  readonly index: number;
  /** How long a lock conflict is waited out before the vote is a retryable no. */
  readonly lockTimeoutMs: number;
  /** How long whoever leads may be silent: silent longer, it has failed. Longer than all a leader does. */
  readonly decisionTimeoutMs: number;
  /** How long an answer to a leader is waited for: who is silent longer has failed. */
  readonly answerTimeoutMs: number;
  /** How long an answer is waited for before a message is sent again. */
  readonly resendMs: number;
  /** The delay between questions after a restart doubles this many times and then stays. */
  readonly maxBackoff: number;
};

/** The finite facts of one transaction at one participant. Index sets are sorted. */
export type ParticipantContext = ParticipantInput & {
  /** Who leads, as far as it knows: -1 the coordinator, else a participant, perhaps itself. */
  readonly leader: number;
  /** Those known to be uncertain; itself among them while it collects. */
  readonly uncertain: readonly number[];
  /** Those known to be pre-committed, likewise. */
  readonly preCommitted: readonly number[];
  /** How often it has asked since its restart, up to `maxBackoff`. */
  readonly attempt: number;
  /** Whether a refusal invites the client to try again under a new id. */
  readonly retryable: boolean;
};

/** What happens to a participant. `from` is the index of a peer, -1 for the coordinator. */
export type ParticipantEvent =
  | { readonly type: "prepare" }
  | { readonly type: "preCommit"; readonly from: number }
  /** `sameStore` is the verdict of `mayAckUnknownCommit`; it is read only where nothing is known of the transaction. */
  | { readonly type: "commit"; readonly sameStore: boolean }
  | { readonly type: "abort"; readonly sameStore: boolean }
  | { readonly type: "stateRequest"; readonly from: number }
  | { readonly type: "stateReport"; readonly from: number; readonly state: Undecided }
  /** `state` is given by a participant: it has failed in it. */
  | { readonly type: "inquiry"; readonly from: number; readonly state?: Undecided }
  /** The locks are held and the operations are possible. */
  | { readonly type: "granted" }
  /** The operations are not possible: `retryable` after a conflict, not after a broken rule. */
  | { readonly type: "refused"; readonly retryable: boolean }
  /** A record is durable. */
  | { readonly type: "journaled"; readonly record: ParticipantJournal }
  /** What `recoverParticipant` found. */
  | { readonly type: "recovered"; readonly as: Undecided | "committed" | "aborted" }
  /** The coordinator's watermark has passed this id: no one will ask for the outcome. */
  | { readonly type: "forget" };

/** What a participant journals; every record is forced. */
export type ParticipantJournal = "prepared" | "preCommitted" | "committed" | "aborted";

/** What a participant asks of its host, with the parameters of each effect. */
export type ParticipantEffects = {
  /** Locks what the operations touch and checks that they are possible; answered by `granted` or `refused`. */
  acquire: unknown;
  /** Gives up the wait that `acquire` began. */
  withdraw: unknown;
  /** Gives back the locks, if any are held. */
  release: unknown;
  /** Makes the operations visible, in one write with the `committed` record that follows it. */
  apply: unknown;
  journal: { readonly record: ParticipantJournal; readonly forced: true };
  /**
   * Sends to peers by index, -1 standing for the coordinator; an empty `to` sends nothing.
   * `retryable` is given with `voteNo`, `outcome` with `ack`, `state` with `stateReport` and `inquiry`.
   */
  send: {
    readonly message:
      | "voteYes"
      | "voteNo"
      | "preCommitAck"
      | "ack"
      | "stateRequest"
      | "stateReport"
      | "preCommit"
      | "commit"
      | "abort"
      | "inquiry";
    readonly to: readonly number[];
    readonly retryable?: boolean;
    readonly outcome?: Outcome;
    readonly state?: Undecided;
  };
  reject: unknown;
};

/** The states of a participant. */
export type ParticipantState =
  | "initial"
  | "acquiring"
  | "preparing"
  | "uncertain"
  | "preCommitting"
  | "preCommitted"
  | { collecting: "asking" }
  | "joining"
  | { spreading: "telling" }
  | "recovering"
  | "committing"
  | "committed"
  | "refusing"
  | "aborting"
  | "aborted"
  | "forgotten";

/**
 * The types of the participant machine.
 *
 * @internal
 */
export type ParticipantTypes = {
  context: ParticipantContext;
  event: ParticipantEvent;
  input: ParticipantInput;
  actions: ParticipantEffects & {
    followNext: unknown;
    follow: unknown;
    lead: { readonly state: Undecided };
    joinPreCommitted: unknown;
    noteOwn: { readonly state: Undecided };
    countState: unknown;
    countQuestion: unknown;
    noteRetryable: { readonly retryable: boolean };
  };
  guards: {
    isSameStore: unknown;
    isFromLeader: unknown;
    isFromNewLeader: unknown;
    isNextLeader: unknown;
    finds: { readonly rule: "abort" | "join" | "spread" | "commit" };
    nobodyIsUncertain: unknown;
    allAreBack: { readonly outcome: Outcome };
    isAwaitedRecord: { readonly record: ParticipantJournal };
    isRecoveredAs: { readonly as: Undecided | "committed" | "aborted" };
  };
  delays: "lockTimeout" | "decisionTimeout" | "answerTimeout" | "resend" | "inquire";
  state: ParticipantState;
};
