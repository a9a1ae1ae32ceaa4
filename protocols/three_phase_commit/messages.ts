/**
 * The messages and journal records of three-phase commit (Skeen 1981, "Nonblocking Commit
 * Protocols"; Bernstein, Hadzilacos, Goodman 1987, sections 7.5 and 7.6).
 *
 * | message        | from                            | to                    | depends on the durable record    |
 * | -------------- | ------------------------------- | --------------------- | -------------------------------- |
 * | `prepare`      | coordinator                     | participant           | `began`                          |
 * | `voteYes`      | participant                     | coordinator           | `prepared`                       |
 * | `voteNo`       | participant                     | coordinator           | `aborted`                        |
 * | `preCommit`    | coordinator, elected participant | participant          | - ; the elected one's `preCommitted` |
 * | `preCommitAck` | participant                     | coordinator           | `preCommitted`                   |
 * | `commit`       | coordinator, participant        | participant           | `commit`, `committed`            |
 * | `abort`        | coordinator, participant        | participant           | `abort`, `aborted`               |
 * | `ack`          | participant                     | coordinator           | `committed`, `aborted`           |
 * | `stateRequest` | elected participant             | participant           | -                                |
 * | `stateReport`  | participant                     | elected participant   | `prepared`, `preCommitted`       |
 * | `inquiry`      | recovering participant          | coordinator, peer     | `prepared`                       |
 * | `inquiry`      | recovering coordinator          | participant           | `began`                          |
 *
 * Nothing is presumed: the participants may have decided without the coordinator, so a missing
 * record means nothing, both outcomes are forced, and both are acknowledged.
 *
 * @module
 */
import type {
  HeuristicRecord as AnyHeuristicRecord,
  Outcome,
  TransactionId,
  TransactionStanding,
} from "../two_phase_commit/messages.ts";

export type { Outcome, TransactionId, TransactionStanding };
export { formatTransactionId, parseTransactionId } from "../two_phase_commit/messages.ts";

/** What a participant that has voted yes and has not decided is in: Skeen's `w` and `p`. */
export type Undecided = "uncertain" | "preCommitted";

/** Asks for a vote. Fields as in two-phase commit, and the same in every prepare of a log. */
export type Prepare = {
  readonly type: "prepare";
  readonly protocol: "3pc";
  readonly id: TransactionId;
  readonly lowest: number;
  readonly peers: readonly string[];
  readonly you: number;
  readonly epoch: number;
  readonly operations: unknown;
  readonly standing?: TransactionStanding;
};

/** A vote that binds: `prepared` is durable in `store` (a UUID). `answer` goes to the client if all commit. */
export type VoteYes = {
  readonly type: "voteYes";
  readonly id: TransactionId;
  readonly index: number;
  readonly store: string;
  readonly answer?: unknown;
};

/** A refusal, durable. `retryable`: the same request under a new id may succeed. */
export type VoteNo = {
  readonly type: "voteNo";
  readonly id: TransactionId;
  readonly index: number;
  readonly retryable: boolean;
  readonly reason: unknown;
};

/** All have voted yes. `index`: the participant that leads, absent when the coordinator does. */
export type PreCommit = {
  readonly type: "preCommit";
  readonly id: TransactionId;
  readonly index?: number;
};

/** `preCommitted` is durable at participant `index`. */
export type PreCommitAck = {
  readonly type: "preCommitAck";
  readonly id: TransactionId;
  readonly index: number;
};

/** The decision to commit. `store`: the one that voted for index `you`; a peer leaves it out. */
export type Commit = {
  readonly type: "commit";
  readonly id: TransactionId;
  readonly you: number;
  readonly store?: string;
};

/** The decision to abort; `you` is the receiver's index, given by the coordinator. */
export type Abort = {
  readonly type: "abort";
  readonly id: TransactionId;
  readonly you?: number;
};

/** The outcome is durable at participant `index`. */
export type Ack = {
  readonly type: "ack";
  readonly id: TransactionId;
  readonly index: number;
  readonly outcome: Outcome;
};

/** Participant `index` leads the termination protocol and asks what `you` is in. `epoch` as in its `prepare`. */
export type StateRequest = {
  readonly type: "stateRequest";
  readonly id: TransactionId;
  readonly index: number;
  readonly you: number;
  readonly epoch: number;
};

/** What participant `index` is in. One that has decided answers `commit` or `abort` instead. */
export type StateReport = {
  readonly type: "stateReport";
  readonly id: TransactionId;
  readonly index: number;
  readonly state: Undecided;
};

/** One that has failed and is back asks for the outcome: participant `index`, which failed in `state`, or the coordinator, which leaves both out. */
export type Inquiry = {
  readonly type: "inquiry";
  readonly id: TransactionId;
  readonly index?: number;
  readonly state?: Undecided;
  readonly you?: number;
  readonly epoch: number;
};

/** What a coordinator sends. */
export type CoordinatorMessage = Prepare | PreCommit | Commit | Abort | Inquiry;
/** What a participant sends to its coordinator. */
export type ParticipantMessage = VoteYes | VoteNo | PreCommitAck | Ack | Inquiry;
/** What participants send to one another. */
export type PeerMessage = StateRequest | StateReport | PreCommit | Commit | Abort | Inquiry;
/** Every message of the protocol. */
export type ThreePhaseCommitMessage = CoordinatorMessage | ParticipantMessage | PeerMessage;

/**
 * A coordinator's journal record. `protocol` tells it from those of two-phase commit in one journal.
 *
 * - `began` (forced, before anyone is asked): whom to ask after a crash. Until `ended` the id is open.
 * - `commit`, `abort` (forced): the decision, its own or the participants'.
 * - `ended` (lazy): all participants have acknowledged; if it is lost the outcome is told again.
 */
export type CoordinatorRecord =
  | BeganRecord
  | {
    readonly protocol: "3pc";
    readonly kind: "commit";
    readonly id: TransactionId;
    /** Those that voted, by index. */
    readonly stores: readonly string[];
  }
  | { readonly protocol: "3pc"; readonly kind: "abort" | "ended"; readonly id: TransactionId };

/** The start of a transaction: BHG's `start-3PC`. */
export type BeganRecord = {
  readonly protocol: "3pc";
  readonly kind: "began";
  readonly id: TransactionId;
  readonly participants: readonly string[];
  readonly epoch: number;
};

/**
 * A participant's journal record; all are forced.
 *
 * - `prepared`: all that is needed to ask and to commit after a restart.
 * - `preCommitted`: it has heard that all voted yes, and others may decide to commit because of it.
 * - `committed` (in one write with the changed rows), `aborted`: the outcome.
 * - `heuristic` (in one write with the rows it changes): an operator's decision, until the outcome.
 */
export type ParticipantRecord =
  | PreparedRecord
  | HeuristicRecord
  | {
    readonly protocol: "3pc";
    readonly kind: "preCommitted" | "committed" | "aborted";
    readonly id: TransactionId;
  };

/** An operator's decision about what nobody could tell the outcome of; fields as in two-phase commit. */
export type HeuristicRecord = AnyHeuristicRecord & { readonly protocol: "3pc" };

/** The participant's promise to commit if told so. */
export type PreparedRecord = {
  readonly protocol: "3pc";
  readonly kind: "prepared";
  readonly id: TransactionId;
  /** Address of the coordinator: whom to ask after a restart. */
  readonly coordinator: string;
  readonly peers: readonly string[];
  readonly you: number;
  readonly epoch: number;
  /** What a commit will write and the rows it keeps locked until then; the host's own business. */
  readonly effect: unknown;
  readonly answer?: unknown;
};
