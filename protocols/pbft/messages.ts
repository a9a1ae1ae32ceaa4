/**
 * The messages and journal records of practical Byzantine fault tolerance (Castro and Liskov 1999,
 * "Practical Byzantine Fault Tolerance", OSDI; sections are those of that paper).
 *
 * | message      | from            | to       | authenticated by | section | depends on the durable record |
 * | ------------ | --------------- | -------- | ---------------- | ------- | ----------------------------- |
 * | `request`    | client          | primary, then all | signature | 4.1    | -                             |
 * | `prePrepare` | primary         | backups  | signature        | 4.2     | `accepted`                    |
 * | `prepare`    | backup          | replicas | signature        | 4.2     | `accepted`                    |
 * | `commit`     | replica         | replicas | pairwise HMAC    | 4.2     | `prepared`                    |
 * | `reply`      | replica         | client   | pairwise HMAC    | 4.1     | -                             |
 * | `checkpoint` | replica         | replicas | signature        | 4.3     | `checkpoint`                  |
 * | `viewChange` | replica         | replicas | signature        | 4.4     | `viewChange`                  |
 * | `newView`    | new primary     | backups  | signature        | 4.4     | `newView`                     |
 * | `status`     | replica         | replicas | pairwise HMAC    | -       | -                             |
 *
 * What is shown to others as proof is signed: prepares too, since a view change proves with them what
 * was prepared. `status` says how far a replica has come, and is answered with what it lacks: links
 * lose messages. Operations and states travel beside these messages and are the host's: a machine
 * knows their digests.
 *
 * Replicas are numbered from 0; the primary of view v is v mod n. Sequence numbers begin with 1.
 *
 * @module
 */

/** Number of a replica, from 0. */
export type Replica = number;

/** A collision-resistant hash as text; whoever has the digest can check what it is told to be. */
export type Digest = string;

/** Digest of the null request (section 4.4): its execution changes nothing. */
export const NULL_DIGEST: Digest = "null";

/** Digest of the state that all replicas begin with; it needs no proof. */
export const INITIAL_DIGEST: Digest = "initial";

/** A request by its name. A client numbers its requests upwards by `timestamp`. */
export type RequestId = {
  readonly client: string;
  readonly timestamp: number;
  readonly digest: Digest;
};

/** What a sequence number is given to: the digest of a batch of requests. */
export type Assigned = { readonly sequence: number; readonly digest: Digest };

/** Requests of clients, with the operations left out. `direct`: not relayed by a replica. */
export type Request = {
  readonly type: "request";
  readonly requests: readonly RequestId[];
  readonly direct: boolean;
};

/** The primary gives a batch a sequence number. */
export type PrePrepare = Assigned & { readonly type: "prePrepare"; readonly view: number };

/** A backup has accepted that pre-prepare, durably. */
export type Prepare = Assigned & { readonly type: "prepare"; readonly view: number };

/** A replica has seen a quorum agree on the pre-prepare, and keeps the proof, durably. */
export type Commit = Assigned & { readonly type: "commit"; readonly view: number };

/** The digest of a replica's state after `sequence`. */
export type Checkpoint = Assigned & { readonly type: "checkpoint" };

/** A batch that was prepared at `sequence`, in `view` for the last time. */
export type Prepared = Assigned & { readonly view: number };

/**
 * A replica leaves its view for `view`. `stable`: its last stable checkpoint (the paper's n and C);
 * `prepared`: what is prepared above it (P), in order. The host attaches the proofs.
 */
export type ViewChange = {
  readonly type: "viewChange";
  readonly view: number;
  readonly stable: Assigned;
  readonly prepared: readonly Prepared[];
};

/** A view change and who signed it. */
export type SentViewChange = ViewChange & { readonly from: Replica };

/**
 * The primary of `view` begins it, on the word of a quorum (V, sorted by sender), with what that word
 * makes of every number (O): backups compute it again.
 */
export type NewView = {
  readonly type: "newView";
  readonly view: number;
  readonly viewChanges: readonly SentViewChange[];
  readonly assigned: readonly Assigned[];
};

/** How far a replica has come. `active`: it has entered its view. */
export type Status = {
  readonly type: "status";
  readonly view: number;
  readonly active: boolean;
  readonly stable: number;
  readonly executed: number;
};

/**
 * A replica's answer; `digest` is that of the result, which the host keeps. `view` tells the client
 * who is the primary.
 */
export type Reply = {
  readonly type: "reply";
  readonly timestamp: number;
  readonly view: number;
  readonly digest: Digest;
};

/** What replicas send to one another. */
export type ReplicaMessage =
  | PrePrepare
  | Prepare
  | Commit
  | Checkpoint
  | ViewChange
  | NewView
  | Status;

/** Every message of the protocol. */
export type PbftMessage = ReplicaMessage | Request | Reply;

/**
 * A replica's journal record. All are forced, and written in this order, so that one that is durable
 * says that those before it are.
 *
 * - `accepted`: this pre-prepare and no other was accepted in its view; the host adds it as signed.
 * - `prepared`: the proof that it is prepared; the host adds the signed prepares.
 * - `viewChange`: the replica has left all views below; what it said cannot change.
 * - `newView`: the view has begun with this; the host adds it as signed.
 * - `checkpoint`: the state with this digest is kept, for whoever will need it; the host writes it with
 *   the record. Others forget their logs because of what it says then.
 * - `stable`: the log below is forgotten; the host adds the signed checkpoints.
 */
export type ReplicaRecord =
  | (Prepared & { readonly kind: "accepted" | "prepared" })
  | { readonly kind: "viewChange"; readonly viewChange: ViewChange }
  | { readonly kind: "newView"; readonly newView: NewView }
  | (Assigned & { readonly kind: "checkpoint" | "stable" });
