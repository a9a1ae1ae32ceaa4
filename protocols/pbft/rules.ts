/**
 * The numbers of the protocol: how many are enough, who leads, which sequence numbers are in use.
 *
 * @module
 */
import type { Assigned, Digest, Prepared, Replica, RequestId } from "./messages.ts";

/** Size of a group. */
export type Group = {
  /** n, the number of replicas. */
  readonly replicas: number;
  /** f, how many of them may be faulty. */
  readonly faulty: number;
};

/** The most replicas of `replicas` that may be faulty: n >= 3f + 1 (section 3). */
export function mostFaulty(replicas: number): number {
  return Math.floor((replicas - 1) / 3);
}

/**
 * Why a group cannot keep its promise; undefined: it can.
 *
 * With n < 3f + 1 no quorum is both reachable without the f and sure to meet another in a correct one.
 */
export function groupFault({ replicas, faulty }: Group): string | undefined {
  if (!Number.isInteger(replicas) || replicas < 1) return `${replicas} is no number of replicas`;
  // To bear none takes no agreement of this kind.
  if (!Number.isInteger(faulty) || faulty < 1) return `${faulty} is no number of faulty replicas`;
  const least = 3 * faulty + 1;
  if (replicas >= least) return undefined;
  return `${replicas} replicas cannot bear ${faulty} faulty ones: that takes ${least}`;
}

/**
 * Q, how many make a quorum: ceil((n + f + 1) / 2), so that two of them share a correct replica. That
 * is the paper's 2f + 1 when n = 3f + 1; with n = 5 and f = 1 two sets of 3 may share the liar alone.
 */
export function quorum({ replicas, faulty }: Group): number {
  return Math.ceil((replicas + faulty + 1) / 2);
}

/** f + 1: at least one of them is correct. */
export function weakQuorum({ faulty }: Group): number {
  return faulty + 1;
}

/** The primary of a view (section 4). */
export function primaryOf(view: number, { replicas }: Group): Replica {
  return view % replicas;
}

/** Whether a number is one of a replica of the group. */
export function isReplica(replica: number, { replicas }: Group): boolean {
  return Number.isInteger(replica) && replica >= 0 && replica < replicas;
}

/** Whether a sequence number is above the low watermark h and not above the high one, h + L (4.3). */
export function isInWindow(sequence: number, stable: number, window: number): boolean {
  return Number.isInteger(sequence) && sequence > stable && sequence <= stable + window;
}

/** How many of these votes are for a digest. */
export function votesFor(votes: Readonly<Record<Replica, Digest>>, digest: Digest): number {
  return Object.values(votes).filter((vote) => vote === digest).length;
}

/** The replicas that voted for a digest, ascending. */
export function votersFor(
  votes: Readonly<Record<Replica, Digest>>,
  digest: Digest,
): readonly Replica[] {
  return Object.keys(votes).map(Number).filter((from) => votes[from] === digest);
}

/**
 * Whether these have signed enough prepares to prove, beside the primary's pre-prepare, that a batch
 * was prepared in a view (4.2): Q - 1 different backups.
 */
export function isPreparedProof(view: number, signers: readonly Replica[], group: Group): boolean {
  const primary = primaryOf(view, group);
  const backups = signers.filter((signer) => isReplica(signer, group) && signer !== primary);
  return new Set(backups).size >= quorum(group) - 1;
}

/** Whether these have signed enough checkpoints to prove one stable (4.3). */
export function isStableProof(signers: readonly Replica[], group: Group): boolean {
  return new Set(signers.filter((signer) => isReplica(signer, group))).size >= quorum(group);
}

/** Whether the state of a replica is worth a checkpoint after a sequence number (4.3). */
export function isCheckpoint(sequence: number, interval: number): boolean {
  return sequence > 0 && sequence % interval === 0;
}

/** Whether two assignments are the same. */
export function isSameAssignment(a: Assigned, b: Assigned): boolean {
  return a.sequence === b.sequence && a.digest === b.digest;
}

/** Whether two proofs say the same. */
export function isSamePrepared(a: Prepared, b: Prepared): boolean {
  return a.view === b.view && isSameAssignment(a, b);
}

/** What is to be done with a request (4.1), given the timestamp of its client's last executed one. */
export type Admission = "execute" | "resendReply" | "outdated";

/**
 * Exactly once: the last executed request is answered again from the cache, older ones not at all.
 *
 * @param last undefined: nothing of this client was executed
 */
export function admitRequest(timestamp: number, last: number | undefined): Admission {
  if (last === undefined || timestamp > last) return "execute";
  return timestamp === last ? "resendReply" : "outdated";
}

/** A request that waits for its execution. */
export type Pending = RequestId & {
  /** Whether the primary has put it into a batch in this view. */
  readonly ordered: boolean;
};

/**
 * Pending requests with more of them, first come, first served. One a client: a later timestamp takes
 * the place of an earlier one at the end of the queue, so nobody can fill it.
 */
export function withPending(
  pending: readonly Pending[],
  requests: readonly RequestId[],
): readonly Pending[] {
  return requests.reduce((queue, { client, timestamp, digest }) => {
    const present = queue.find((it) => it.client === client);
    if (present !== undefined && present.timestamp >= timestamp) return queue;
    const others = present === undefined ? queue : queue.filter((it) => it !== present);
    return [...others, { client, timestamp, digest, ordered: false }];
  }, pending);
}

/** Pending requests without those that are executed, by client and timestamp. */
export function withoutExecuted(
  pending: readonly Pending[],
  executed: readonly Pick<RequestId, "client" | "timestamp">[],
): readonly Pending[] {
  const last = new Map<string, number>();
  for (const { client, timestamp } of executed) {
    last.set(client, Math.max(timestamp, last.get(client) ?? -Infinity));
  }
  return pending.filter(({ client, timestamp }) => timestamp > (last.get(client) ?? -Infinity));
}
