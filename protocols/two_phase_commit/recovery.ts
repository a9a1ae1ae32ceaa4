/**
 * What a coordinator and a participant know again after a crash, and what a checkpoint must keep.
 *
 * Total functions: any prefix of a journal, any order of its records, lazy records present or not.
 * Wherever records contradict each other, the forced one wins.
 *
 * @module
 */
import {
  type CommitRecord,
  type CoordinatorRecord,
  formatTransactionId,
  type HeuristicRecord,
  type Outcome,
  type ParticipantRecord,
  type PreparedRecord,
  type TransactionId,
} from "./messages.ts";

/** What a restarted coordinator knows. */
export type CoordinatorRecovery = {
  /** Decided and not known to have ended, by log and sequence: step a new instance of each with `recovered`. All other ids are aborted, presumed so. */
  readonly committing: readonly CommitRecord[];
  /** Sequences below it may have been handed out. */
  readonly reservedUpTo: number;
  /** The first sequence certain to be unused; reserve before handing it out. */
  readonly next: number;
  /** Every id below it has ended; announced with each `prepare`. */
  readonly lowest: number;
};

/** What a restarted participant knows. */
export type ParticipantRecovery = {
  /** Voted yes (or about to), outcome unknown, by log and sequence, but none before one that it was built on: `recovered` as `inDoubt`, in this order. Their locks are taken again before anything else is served. */
  readonly inDoubt: readonly PreparedRecord[];
  /** Decided by an operator, the real outcome unknown still: they hold no locks, and go on asking. */
  readonly heuristics: readonly HeuristicRecovery[];
  /** Outcomes to be kept until the watermark passes: `recovered` as `committed` or `aborted`. */
  readonly finished: readonly { readonly id: TransactionId; readonly outcome: Outcome }[];
  /** The watermark of each coordinator log. */
  readonly watermarks: Readonly<Record<string, number>>;
};

/** A heuristic decision that is not settled, and the promise it is about. */
export type HeuristicRecovery = {
  readonly heuristic: HeuristicRecord;
  readonly prepared: PreparedRecord;
};

/**
 * Recovers a coordinator from its journal.
 *
 * A `commit` without `ended` is told again, to all; those that have committed ack again. An id with
 * any record counts as reserved even if the `reserved` record is not among `records`.
 */
export function recoverCoordinator(records: readonly CoordinatorRecord[]): CoordinatorRecovery {
  const commits = new Map<string, CommitRecord>();
  const ended = new Set<string>();
  let reservedUpTo = 0;
  for (const record of records) {
    if (record.kind === "reserved") {
      reservedUpTo = Math.max(reservedUpTo, record.upTo);
      continue;
    }
    reservedUpTo = Math.max(reservedUpTo, record.id.sequence + 1);
    const key = formatTransactionId(record.id);
    if (record.kind === "ended") ended.add(key);
    if (record.kind === "commit" && !commits.has(key)) commits.set(key, record);
  }
  const committing = [...commits].filter(([key]) => !ended.has(key)).map(([, record]) => record)
    .sort(byId);
  const lowest = committing.reduce(
    (least, { id }) => Math.min(least, id.sequence),
    reservedUpTo,
  );
  return { committing, reservedUpTo, next: reservedUpTo, lowest };
}

/**
 * The records that a checkpoint of a coordinator's journal keeps: the reservation, and every commit
 * that has not ended. What is dropped is either over or presumed aborted.
 */
export function retainedByCoordinator(
  records: readonly CoordinatorRecord[],
): readonly CoordinatorRecord[] {
  const { committing, reservedUpTo } = recoverCoordinator(records);
  return reservedUpTo === 0 ? [] : [{ kind: "reserved", upTo: reservedUpTo }, ...committing];
}

/** Promises by log and sequence, but each behind those it was built on, as the locks were granted. */
function inOrder(promises: readonly PreparedRecord[]): PreparedRecord[] {
  const unplaced = new Map(promises.toSorted(byId).map((it) => [formatTransactionId(it.id), it]));
  const placed: PreparedRecord[] = [];
  const place = (promise: PreparedRecord | undefined): void => {
    if (promise === undefined || !unplaced.delete(formatTransactionId(promise.id))) return;
    const { id: { log }, after = [] } = promise;
    for (const sequence of after) place(unplaced.get(formatTransactionId({ log, sequence })));
    placed.push(promise);
  };
  for (const promise of unplaced.values()) place(promise);
  return placed;
}

/**
 * Recovers a participant from its journal.
 *
 * A prepared transaction without an outcome is in doubt, whatever the watermark says: the watermark
 * ends the duty to remember an outcome, it is not one. A lost lazy `aborted` leads back to doubt, and
 * the coordinator presumes the abort once more.
 */
export function recoverParticipant(records: readonly ParticipantRecord[]): ParticipantRecovery {
  const { prepared, outcomes, lowest, decided } = readParticipant(records);
  const open = [...prepared].filter(([key]) => !outcomes.has(key));
  const inDoubt = inOrder(open.filter(([key]) => !decided.has(key)).map(([, record]) => record));
  const heuristics = open.filter(([key]) => decided.has(key))
    .map(([key, prepared]) => ({ heuristic: decided.get(key)!, prepared }))
    .sort((a, b) => byId(a.prepared, b.prepared));
  const finished = [...outcomes.values()]
    .filter(({ id }) => id.sequence >= (lowest.get(id.log) ?? 0))
    .map(({ kind, id }) => ({ id, outcome: kind === "committed" ? "commit" : "abort" } as const))
    .sort(byId);
  const watermarks = Object.fromEntries([...lowest].sort(([a], [b]) => compare(a, b)));
  return { inDoubt, heuristics, finished, watermarks };
}

/**
 * The records that a checkpoint of a participant's journal keeps: doubts, outcomes at or above the
 * watermark, and the watermarks. An outcome below the watermark is dropped in the same write that
 * keeps the watermark, or a late `prepare` could begin a finished transaction again.
 */
export function retainedByParticipant(
  records: readonly ParticipantRecord[],
): readonly ParticipantRecord[] {
  const { inDoubt, heuristics } = recoverParticipant(records);
  const { outcomes, lowest } = readParticipant(records);
  const watermarks = [...lowest].sort(([a], [b]) => compare(a, b))
    .map(([log, lowest]) => ({ kind: "watermark", log, lowest } as const));
  const kept = [...outcomes.values()]
    .filter(({ id }) => id.sequence >= (lowest.get(id.log) ?? 0)).sort(byId);
  const open = heuristics.flatMap(({ heuristic, prepared }) => [prepared, heuristic]);
  return [...watermarks, ...kept, ...inDoubt, ...open];
}

type OutcomeRecord = Extract<ParticipantRecord, { kind: "committed" | "aborted" | "refused" }>;

function readParticipant(records: readonly ParticipantRecord[]): {
  readonly prepared: ReadonlyMap<string, PreparedRecord>;
  readonly outcomes: ReadonlyMap<string, OutcomeRecord>;
  readonly lowest: ReadonlyMap<string, number>;
  readonly decided: ReadonlyMap<string, HeuristicRecord>;
} {
  const prepared = new Map<string, PreparedRecord>();
  const outcomes = new Map<string, OutcomeRecord>();
  const lowest = new Map<string, number>();
  const decided = new Map<string, HeuristicRecord>();
  for (const record of records) {
    if (record.kind === "watermark") {
      lowest.set(record.log, Math.max(lowest.get(record.log) ?? 0, record.lowest));
      continue;
    }
    const key = formatTransactionId(record.id);
    if (record.kind === "heuristic") {
      if (!decided.has(key)) decided.set(key, record);
    } else if (record.kind === "prepared") {
      if (!prepared.has(key)) prepared.set(key, record);
    } else if (record.kind === "committed" || !outcomes.has(key)) {
      outcomes.set(key, record);
    }
  }
  return { prepared, outcomes, lowest, decided };
}

function byId(a: { readonly id: TransactionId }, b: { readonly id: TransactionId }): number {
  return compare(a.id.log, b.id.log) || a.id.sequence - b.id.sequence;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
