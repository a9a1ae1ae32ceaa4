/**
 * The messages and journal records of two-phase commit with presumed abort
 * (Mohan, Lindsay, Obermarck 1986, "Transaction Management in the R* Distributed DBMS", section 3).
 *
 * | message     | from                       | to                  | depends on the durable record |
 * | ----------- | -------------------------- | ------------------- | ----------------------------- |
 * | `prepare`   | coordinator                | participant         | `reserved` (covers the id)    |
 * | `voteYes`   | participant                | coordinator         | `prepared`                    |
 * | `voteNo`    | participant                | coordinator         | -                             |
 * | `commit`    | coordinator, participant   | participant         | coordinator's `commit`        |
 * | `abort`     | coordinator                | participant         | - (presumed)                  |
 * | `abort`     | participant                | participant (peer)  | `refused`, or a decision heard |
 * | `ack`       | participant                | coordinator         | `committed`                   |
 * | `inquiry`   | participant in doubt       | coordinator, peer   | `prepared`                    |
 * | `uncertain` | participant                | participant (peer)  | -                             |
 * | `hold`      | coordinator                | holder              | -                             |
 * | `held`      | holder                     | coordinator         | -                             |
 * | `release`   | coordinator                | holder              | as `commit` / `abort`         |
 *
 * Ids, addresses and payloads live in these messages and in the host's instance record. The machines
 * see indices only: participants are `0..n-1` in the order of `prepare.peers`, holders are numbered
 * by the coordinator's host in the order the votes first name them.
 *
 * @module
 */

/**
 * Names a transaction: the coordinator log that decides it (a UUID stored *in* that log, so that a
 * replaced log is another one) and its sequence number in it, 0, 1, 2, ...
 */
export type TransactionId = { readonly log: string; readonly sequence: number };

/** A transaction id as text, `"log:sequence"`. */
export function formatTransactionId(id: TransactionId): string {
  return `${id.log}:${id.sequence}`;
}

/**
 * The transaction id that {@link formatTransactionId} wrote.
 *
 * @throws {SyntaxError} If the text is not a log name, a colon and a decimal sequence number.
 */
export function parseTransactionId(text: string): TransactionId {
  const colon = text.lastIndexOf(":");
  const digits = text.slice(colon + 1);
  const sequence = Number(digits);
  if (colon < 1 || !/^(0|[1-9]\d*)$/.test(digits) || !Number.isSafeInteger(sequence)) {
    throw new SyntaxError(
      `Cannot parse transaction id: ${JSON.stringify(text)} must be "log:sequence"`,
    );
  }
  return { log: text.slice(0, colon), sequence };
}

/** An edge that keeps a leased copy of an entry the transaction changes; `leftMs` is what was left of the lease, in ms, when the vote was cast. */
export type LeaseHolder = {
  readonly address: string;
  readonly incarnation: number;
  readonly leftMs: number;
};

/** What became of a transaction. */
export type Outcome = "commit" | "abort";

/** What an operator decided, or `hazard` where the log cannot tell whether anything was applied. */
export type HeuristicOutcome = Outcome | "hazard";

/** Asks for a vote. `lowest`: every id of this log below it has ended. `peers`: the addresses of all durable participants; `you`: the receiver's index among them; `epoch`: the roster epoch in which the transaction began, the same when it is sent again; `standing`: what speaks for it when one of a deadlock must be chosen; `alone`: it builds on nothing undecided, nor does anything build on it. */
export type Prepare = {
  readonly type: "prepare";
  readonly id: TransactionId;
  readonly lowest: number;
  readonly peers: readonly string[];
  readonly you: number;
  readonly epoch: number;
  readonly operations: unknown;
  readonly standing?: TransactionStanding;
  readonly alone?: boolean;
};

/** When the first attempt began, in cluster ms; how much it matters, the more the higher; how many earlier attempts were victims of deadlocks. */
export type TransactionStanding = {
  readonly begunAt: number;
  readonly priority: number;
  readonly chosen: number;
};

/** A vote that binds: `prepared` is durable in `store` (a UUID). `answer` goes to the client if all commit; `holders` may still read the old `entries` (names of cache entries that change). `after`: transactions of the same log, undecided here, on whose rows it built: it may commit only if they do. */
export type VoteYes = {
  readonly type: "voteYes";
  readonly id: TransactionId;
  readonly index: number;
  readonly store: string;
  readonly answer?: unknown;
  readonly entries: readonly string[];
  readonly holders: readonly LeaseHolder[];
  readonly after?: readonly number[];
};

/** A refusal. `retryable`: the same request under a new id may succeed. */
export type VoteNo = {
  readonly type: "voteNo";
  readonly id: TransactionId;
  readonly index: number;
  readonly retryable: boolean;
  readonly reason: unknown;
};

/** The decision to commit. `store`: the one that voted for index `you`; a peer that passes the decision on leaves it out. */
export type Commit = {
  readonly type: "commit";
  readonly id: TransactionId;
  readonly you: number;
  readonly store?: string;
};

/** The decision to abort, made or presumed. Nobody acknowledges it. */
export type Abort = { readonly type: "abort"; readonly id: TransactionId };

/** The commit is durable at participant `index`. */
export type Ack = { readonly type: "ack"; readonly id: TransactionId; readonly index: number };

/** Participant `index`, in doubt, asks for the outcome; `you` is the index of the peer asked, absent when the coordinator is. `epoch` as in its `prepare`. */
export type Inquiry = {
  readonly type: "inquiry";
  readonly id: TransactionId;
  readonly index: number;
  readonly you?: number;
  readonly epoch: number;
};

/** A peer's answer: it does not know either, or may not say. */
export type Uncertain = { readonly type: "uncertain"; readonly id: TransactionId };

/** Asks an edge to stop serving `entry` (which names the key and the version being written). */
export type Hold = { readonly type: "hold"; readonly id: TransactionId; readonly entry: unknown };

/** The edge has stopped. `holder` is its address. */
export type Held = {
  readonly type: "held";
  readonly id: TransactionId;
  readonly holder: string;
  readonly incarnation: number;
};

/** Lets the edge go on: with the new entry, or with the old. */
export type Release = {
  readonly type: "release";
  readonly id: TransactionId;
  readonly outcome: Outcome;
  readonly entry: unknown;
};

/** What a coordinator sends. */
export type CoordinatorMessage = Prepare | Commit | Abort | Hold | Release;
/** What a durable participant sends to its coordinator. */
export type ParticipantMessage = VoteYes | VoteNo | Ack | Inquiry;
/** What durable participants send to one another. */
export type PeerMessage = Inquiry | Commit | Abort | Uncertain;
/** What a holder sends. */
export type HolderMessage = Held;
/** Every message of the protocol. */
export type TwoPhaseCommitMessage =
  | CoordinatorMessage
  | ParticipantMessage
  | PeerMessage
  | HolderMessage;

/**
 * A coordinator's journal record.
 *
 * - `reserved` (forced): sequences below `upTo` may have been handed out; none at or above has.
 * - `began` (lazy): tells an operator what was running; recovery does not need it.
 * - `commit` (forced): the decision, with whom to tell. `stores` are those that voted, by index.
 * - `ended` (lazy): all participants have acknowledged; if it is lost the commit is merely told again.
 * - `aborted` (lazy): presumed abort needs no record, it saves a reader of the log a guess.
 */
export type CoordinatorRecord =
  | { readonly kind: "reserved"; readonly upTo: number }
  | { readonly kind: "began"; readonly id: TransactionId }
  | CommitRecord
  | { readonly kind: "ended"; readonly id: TransactionId }
  | { readonly kind: "aborted"; readonly id: TransactionId };

/** The coordinator's decision to commit. */
export type CommitRecord = {
  readonly kind: "commit";
  readonly id: TransactionId;
  readonly participants: readonly string[];
  readonly stores: readonly string[];
  readonly holders: readonly { readonly address: string; readonly incarnation: number }[];
  /** Names of the cache entries it changes: what the holders are told to let go of. */
  readonly entries: readonly string[];
};

/**
 * A participant's journal record.
 *
 * - `prepared` (forced): all that is needed to vote again, ask again and commit after a restart.
 * - `committed` (forced, in one write with the changed rows): the commit is applied.
 * - `aborted` (lazy): an abort after `prepared`; if it is lost the participant asks again.
 * - `refused` (forced): it never voted, and now never will; a peer has been told so.
 * - `watermark` (lazy): ids of `log` below `lowest` have ended. Later records of this journal never
 *   become durable without it, so what it allows to be dropped is dropped only along with it.
 * - `heuristic` (forced): an operator ended the doubt; the locks are gone, the outcome is not known.
 */
export type ParticipantRecord =
  | PreparedRecord
  | HeuristicRecord
  | { readonly kind: "committed"; readonly id: TransactionId }
  | { readonly kind: "aborted"; readonly id: TransactionId }
  | { readonly kind: "refused"; readonly id: TransactionId }
  | { readonly kind: "watermark"; readonly log: string; readonly lowest: number };

/** An operator's decision about a prepared transaction, and who took it, when and why. */
export type HeuristicRecord = {
  readonly kind: "heuristic";
  readonly id: TransactionId;
  readonly decision: HeuristicOutcome;
  readonly operator: string;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly at: number;
};

/** The participant's promise to commit if told so. `holders` are in it because a restarted store has forgotten its leases, and its vote must be the same; `after` as in the vote. */
export type PreparedRecord = {
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
  readonly entries: readonly string[];
  readonly holders: readonly LeaseHolder[];
  readonly after?: readonly number[];
};
