/**
 * The rules of two-phase commit that are not transitions: who may answer what when nothing is known,
 * which ids may begin, how long leases last. Pure functions, used by hosts, simulator and checker.
 *
 * @module
 */
export * from "./recovery.ts";

const MILLION = 1_000_000;

function checkLease(what: string, leaseMs: number, driftPpm: number): void {
  if (!(leaseMs >= 0 && Number.isFinite(leaseMs))) {
    throw new RangeError(`Cannot compute ${what}: leaseMs is ${leaseMs}, must be finite and >= 0`);
  }
  if (!(driftPpm >= 0 && driftPpm < MILLION)) {
    throw new RangeError(
      `Cannot compute ${what}: driftPpm is ${driftPpm}, must be in [0, 1000000)`,
    );
  }
}

/**
 * How long, in ms of its own clock, a coordinator waits before a lease of `leaseMs` that was granted
 * earlier is certain to have run out.
 *
 * Clocks run at a rate within `driftPpm` (parts per million) of true time; they need not agree on the
 * time. A wait of `w` on a fast clock lasts only `w / (1 + drift)`, so the margin is added here and
 * subtracted in {@link edgeLease}; together `edge / (1 - drift) <= leaseMs <= coordinator / (1 + drift)`
 * (Gray and Cheriton 1989, section 5, on clock failure). The wait may begin at any time after the
 * grant: voters hold their locks, and a locked entry is not leased.
 *
 * A restarted owner that does not remember its leases waits as long before it locks an entry for
 * writing, since edges may hold leases that its votes can no longer name.
 *
 * @throws {RangeError} If `leaseMs` is negative or `driftPpm` not in [0, 1000000).
 */
export function coordinatorLease(leaseMs: number, driftPpm: number): number {
  checkLease("coordinator lease", leaseMs, driftPpm);
  return Math.ceil(leaseMs * (1 + driftPpm / MILLION));
}

/**
 * How long, in ms of its own clock, an edge trusts a lease of `leaseMs`, counted from the moment it
 * *sent* the request: the grant happened later, and how much later it cannot know. A slow clock makes
 * the lease last longer than it says, hence the margin; see {@link coordinatorLease}.
 *
 * @throws {RangeError} If `leaseMs` is negative or `driftPpm` not in [0, 1000000).
 */
export function edgeLease(leaseMs: number, driftPpm: number): number {
  checkLease("edge lease", leaseMs, driftPpm);
  return Math.floor(leaseMs * (1 - driftPpm / MILLION));
}

/**
 * Whether an edge may take a fill into its cache.
 *
 * A fill that was asked for before a hold of its entry may carry what the hold's transaction is about
 * to change or has changed, with time left on its lease: taken during the hold or after the release,
 * it would bring the old value back. Holds are counted at the edge: `asked` is the count when the fill
 * was asked for, `lastHold` that of the entry's last hold (absent if none is remembered; one is to be
 * remembered for an {@link edgeLease}, after which the fills asked for before it have no lease left).
 */
export function admitFill(
  facts: { readonly asked: number; readonly lastHold: number | undefined; readonly held: boolean },
): boolean {
  return !facts.held && (facts.lastHold === undefined || facts.lastHold <= facts.asked);
}

/**
 * What a node answers to an inquiry about a transaction of which its coordinator log has no record.
 *
 * Presumed abort reads "no record" as "aborted" (Mohan, Lindsay, Obermarck 1986, section 3.2). That
 * is sound only if a commit *would* have left a record here: the node owns that very log, has read
 * all of it, and no newer epoch has given it to someone else, who may have decided since. A sequence
 * that this log never reserved cannot have been issued by it as it is now on disk: the log has lost
 * its tail, and whatever commit record the tail held. Everyone in doubt about that must say so.
 */
export function answerUnknown(facts: {
  readonly ownsLog: boolean;
  readonly logComplete: boolean;
  readonly epochCurrent: boolean;
  readonly sequence: number;
  readonly reservedUpTo: number;
}): "abort" | "unknown" {
  const wouldKnow = facts.ownsLog && facts.logComplete && facts.epochCurrent &&
    facts.sequence < facts.reservedUpTo;
  return wouldKnow ? "abort" : "unknown";
}

/**
 * What a participant does with a peer's inquiry about a transaction of which it has no record:
 * `"refuse"` (step the machine: the refusal becomes durable, then the answer is `abort`) or answer
 * `"uncertain"`.
 *
 * It may refuse only what it cannot have voted for. Below the watermark (`lowest`) it may have voted,
 * committed and forgotten. A store that is not complete, or that took the address over only after the
 * transaction began (`storeSince`, the roster epoch since which it has recorded everything for this
 * address; `epoch`, the one in which the transaction began), may stand in for one that voted yes: its
 * refusal could reach a peer in doubt after the coordinator has decided to commit.
 */
export function answerUnknownInquiry(facts: {
  readonly sequence: number;
  readonly lowest: number;
  readonly storeComplete: boolean;
  readonly storeSince: number;
  readonly epoch: number;
}): "refuse" | "uncertain" {
  const cannotHaveVoted = facts.storeComplete && facts.sequence >= facts.lowest &&
    facts.storeSince <= facts.epoch;
  return cannotHaveVoted ? "refuse" : "uncertain";
}

/**
 * What a participant does with a `prepare`: `"begin"` a new instance, step the `"known"` one, or drop
 * it as `"stale"`.
 *
 * A finished id is never begun again. Below the watermark (`lowest`) everything has ended and its
 * outcome may be forgotten; a late duplicate `prepare` begun there would vote, and a late duplicate
 * `commit` would then apply the operations a second time, or a presumed abort undo the first. Above
 * the watermark the outcome is still known, on disk if it was a commit or a durable refusal.
 */
export function admitPrepare(
  facts: { readonly sequence: number; readonly lowest: number; readonly known: boolean },
): "begin" | "known" | "stale" {
  if (facts.known) return "known";
  return facts.sequence < facts.lowest ? "stale" : "begin";
}

/**
 * The watermark of a log after `announced` was heard. It never falls: messages overtake one another,
 * and a coordinator that lost its lazy `ended` records announces less than before, but what has ended
 * has ended.
 */
export function raiseLowest(current: number, announced: number): number {
  return Math.max(current, announced);
}

/**
 * Whether a participant acknowledges a `commit` of which it has no record.
 *
 * Only one innocent thing leads there: it committed, its watermark passed the id, it forgot, and the
 * coordinator lost its `ended` in a crash and asks again. So the store that voted (`store`, absent
 * when a peer passes the decision on) must be this one (`ours`), and the id must be below `lowest`. A
 * replaced store never applied the commit; this store without a record *above* the watermark has lost
 * its tail. An ack from either would let the coordinator forget, and the money would be gone.
 * A *peer's* commit below the watermark is a late duplicate: the host drops it without stepping.
 */
export function mayAckUnknownCommit(facts: {
  readonly store: string | undefined;
  readonly ours: string;
  readonly sequence: number;
  readonly lowest: number;
}): boolean {
  return facts.store === facts.ours && facts.sequence < facts.lowest;
}

/**
 * The `upTo` that a coordinator must force as `reserved` before it hands out sequence `next`, or
 * `undefined` if `next` is below `reservedUpTo` already.
 *
 * `began` is lazy, so after a crash the log does not show which sequences were used. Reserving them
 * in blocks, at one forced record for `block` transactions, keeps an id from ever being used twice:
 * a late vote for the first use would count for the second. A restart skips what is left of a block.
 *
 * @throws {RangeError} If `block` is not a positive integer.
 */
export function nextReservation(
  reservedUpTo: number,
  next: number,
  block: number,
): number | undefined {
  if (!Number.isSafeInteger(block) || block < 1) {
    throw new RangeError(`Cannot reserve sequences: block is ${block}, must be an integer >= 1`);
  }
  return next < reservedUpTo ? undefined : next + block;
}
