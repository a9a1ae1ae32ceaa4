/**
 * What a coordinator and a participant know again after a crash, and what a checkpoint must keep.
 *
 * Total functions: any prefix of a journal, any order of its records. In one journal with the records
 * of two-phase commit these are the ones that carry `protocol`, see {@link isThreePhaseRecord}.
 *
 * @module
 */
import {
  type BeganRecord,
  type CoordinatorRecord,
  formatTransactionId,
  type HeuristicRecord,
  type Outcome,
  type ParticipantRecord,
  type PreparedRecord,
  type TransactionId,
  type Undecided,
} from "./messages.ts";

/** A transaction that a restarted coordinator has to go on with. */
export type OpenTransaction = {
  readonly began: BeganRecord;
  /** Step a new instance with `recovered` as this. */
  readonly as: "undecided" | Outcome;
  /** The stores that voted, by index; empty unless committed. */
  readonly stores: readonly string[];
};

/** What a restarted participant knows of one transaction. */
export type KnownTransaction =
  | { readonly id: TransactionId; readonly as: "committed" | "aborted" }
  | {
    readonly id: TransactionId;
    readonly as: Undecided;
    readonly prepared: PreparedRecord;
    /** An operator has decided: its rows are written or not, and are not locked any more. */
    readonly heuristic?: HeuristicRecord;
  };

/** Whether a record of a journal that several protocols share is one of this protocol. */
export function isThreePhaseRecord(record: unknown): boolean {
  return typeof record === "object" && record !== null && "protocol" in record &&
    record.protocol === "3pc";
}

/**
 * Recovers a coordinator from its journal: what began and has not ended, by log and sequence. None of
 * it is presumed aborted; what is undecided may have been decided by the participants.
 */
export function recoverCoordinator(
  records: readonly CoordinatorRecord[],
): readonly OpenTransaction[] {
  const began = new Map<string, BeganRecord>();
  const decided = new Map<string, { readonly as: Outcome; readonly stores: readonly string[] }>();
  const ended = new Set<string>();
  for (const record of records) {
    const key = formatTransactionId(record.id);
    if (record.kind === "began") began.set(key, record);
    else if (record.kind === "ended") ended.add(key);
    else {
      const stores = record.kind === "commit" ? record.stores : [];
      decided.set(key, { as: record.kind, stores });
    }
  }
  return [...began].filter(([key]) => !ended.has(key)).map(([key, record]) => ({
    began: record,
    ...decided.get(key) ?? { as: "undecided" as const, stores: [] },
  })).sort((a, b) => compare(a.began.id, b.began.id));
}

/** The records that a checkpoint of a coordinator's journal keeps: those of what has not ended. */
export function retainedByCoordinator(
  records: readonly CoordinatorRecord[],
): readonly CoordinatorRecord[] {
  return recoverCoordinator(records).flatMap(({ began, as, stores }): CoordinatorRecord[] => {
    const { id, protocol } = began;
    if (as === "undecided") return [began];
    return [
      began,
      as === "commit" ? { protocol, kind: as, id, stores } : { protocol, kind: as, id },
    ];
  });
}

/**
 * Recovers a participant from its journal: everything it has voted on or refused, by log and sequence,
 * whose outcome is unknown or is not below the watermark of its log (`lowest`).
 */
export function recoverParticipant(
  records: readonly ParticipantRecord[],
  lowest: Readonly<Record<string, number>> = {},
): readonly KnownTransaction[] {
  const prepared = new Map<string, PreparedRecord>();
  const preCommitted = new Set<string>();
  const heuristics = new Map<string, HeuristicRecord>();
  const known = new Map<string, KnownTransaction>();
  for (const record of records) {
    const key = formatTransactionId(record.id);
    if (record.kind === "prepared") prepared.set(key, record);
    else if (record.kind === "preCommitted") preCommitted.add(key);
    else if (record.kind === "heuristic") heuristics.set(key, record);
    else known.set(key, { id: record.id, as: record.kind });
  }
  for (const [key, record] of prepared) {
    if (known.has(key)) continue;
    const as = preCommitted.has(key) ? "preCommitted" : "uncertain";
    const heuristic = heuristics.get(key);
    const own = { id: record.id, as, prepared: record } as const;
    known.set(key, heuristic === undefined ? own : { ...own, heuristic });
  }
  return [...known.values()]
    .filter(({ id, as }) => isUndecided(as) || id.sequence >= (lowest[id.log] ?? 0))
    .sort((a, b) => compare(a.id, b.id));
}

/** The records that a checkpoint of a participant's journal keeps, which recover to the same. */
export function retainedByParticipant(
  records: readonly ParticipantRecord[],
  lowest: Readonly<Record<string, number>> = {},
): readonly ParticipantRecord[] {
  return recoverParticipant(records, lowest).flatMap((known): ParticipantRecord[] => {
    const { id, as } = known;
    if (!("prepared" in known)) {
      return [{ protocol: "3pc", kind: as as "committed" | "aborted", id }];
    }
    const { prepared, heuristic = [] } = known;
    const heard = { protocol: "3pc", kind: "preCommitted", id } as const;
    const records: ParticipantRecord[] = [prepared];
    return records.concat(as === "uncertain" ? [] : heard, heuristic);
  });
}

function isUndecided(as: KnownTransaction["as"]): as is Undecided {
  return as === "uncertain" || as === "preCommitted";
}

function compare(a: TransactionId, b: TransactionId): number {
  if (a.log !== b.log) return a.log < b.log ? -1 : 1;
  return a.sequence - b.sequence;
}
