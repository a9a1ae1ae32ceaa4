/**
 * The input, context, events, effects and states of a durable two-phase commit participant.
 *
 * @module
 */

/** What a participant is started with. All times in ms. */
export type ParticipantInput = {
  /** How long a lock conflict is waited out before the vote is a retryable no. */
  readonly lockTimeoutMs: number;
  /** How long a decision is waited for before it is asked for. */
  readonly inquireMs: number;
  /** The delay between questions doubles this many times and then stays; 0 keeps it constant. */
  readonly maxBackoff: number;
};

/** The finite facts of one transaction at one participant. */
export type ParticipantContext = ParticipantInput & {
  /** How often it has asked for the decision, up to `max(1, maxBackoff)`. */
  readonly attempt: number;
  /** The peers that wait for `refused` to become durable; sorted. */
  readonly asked: readonly number[];
  /** Whether a refusal invites the client to try again under a new id. */
  readonly retryable: boolean;
};

/** What happens to a participant. `from` is the index of a peer. */
export type ParticipantEvent =
  | { readonly type: "prepare" }
  /** `sameStore` is the verdict of `mayAckUnknownCommit`; it is read only where nothing is known of the transaction. */
  | { readonly type: "commit"; readonly sameStore: boolean }
  | { readonly type: "abort" }
  | { readonly type: "inquiry"; readonly from: number }
  | { readonly type: "uncertain" }
  /** The locks are held and the operations are possible. */
  | { readonly type: "granted" }
  /** The operations are not possible: `retryable` after a conflict, not after a broken rule. */
  | { readonly type: "refused"; readonly retryable: boolean }
  /** A *forced* record is durable. */
  | { readonly type: "journaled"; readonly record: "prepared" | "committed" | "refused" }
  /** What `recoverParticipant` found. */
  | { readonly type: "recovered"; readonly as: "inDoubt" | "committed" | "aborted" }
  /** The coordinator's watermark has passed this id: no one will ask for the outcome. */
  | { readonly type: "forget" };

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
  journal: {
    readonly record: "prepared" | "committed" | "aborted" | "refused";
    readonly forced: boolean;
  };
  /** `retryable` is given with `voteNo`. */
  sendCoordinator: {
    readonly message: "voteYes" | "voteNo" | "ack" | "inquiry";
    readonly retryable?: boolean;
  };
  /** `"all"`: every peer but itself. */
  sendPeers: {
    readonly message: "inquiry" | "commit" | "abort" | "uncertain";
    readonly to: readonly number[] | "all";
  };
  reject: unknown;
};

/** The states of a participant. */
export type ParticipantState =
  | "idle"
  | "acquiring"
  | "preparing"
  | "inDoubt"
  | "committing"
  | "committed"
  | "votedNo"
  | "refusing"
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
    countQuestion: unknown;
    noteAsker: unknown;
    noteRetryable: { readonly retryable: boolean };
    clearAskers: unknown;
  };
  guards: {
    isSameStore: unknown;
    isAwaitedRecord: { readonly record: "prepared" | "committed" | "refused" };
    isRecoveredAs: { readonly as: "inDoubt" | "committed" | "aborted" };
    hasAskedBefore: unknown;
  };
  delays: "lockTimeout" | "inquire";
  state: ParticipantState;
};
