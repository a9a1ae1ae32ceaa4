/**
 * What `cluster --data DIR --salvage` does before the cluster starts: keeps what is sound of damaged
 * journals, and tells what is not there any more.
 *
 * A log that has lost records cannot go on under its name: whoever asks it about a transaction would
 * take its silence for an answer. So it becomes another log, and what its records cannot tell of a
 * participant's promises becomes a heuristic hazard, for a person to look at: an outcome among the
 * lost records may have been applied, and applying it again would double it.
 *
 * @module
 */
import type {
  HeuristicRecord as ThreePhaseHeuristicRecord,
  ParticipantRecord as ThreePhaseRecord,
} from "../../protocols/three_phase_commit/messages.ts";
import {
  isThreePhaseRecord,
  recoverParticipant as recoverThreePhase,
} from "../../protocols/three_phase_commit/rules.ts";
import type {
  HeuristicRecord,
  ParticipantRecord,
  TransactionId,
} from "../../protocols/two_phase_commit/messages.ts";
import { formatTransactionId } from "../../protocols/two_phase_commit/messages.ts";
import { recoverParticipant } from "../../protocols/two_phase_commit/rules.ts";
import { describeDamage } from "../../runtime/journal_chain.ts";
import { SqliteStore, type StoreSalvage } from "../../runtime/worker/sqlite_store.ts";

type AnyRecord = ParticipantRecord | ThreePhaseRecord;

/**
 * Salvages the stores of a folder that are damaged, or shorter than another of them remembers.
 *
 * @param names files in `folder`, named `NODE.ROLE.sqlite`
 * @param nowMs milliseconds since 1970
 * @returns lines that say what was done; none where all is sound
 * @throws {StoreError} for a file that nothing can be made of
 */
export function salvageStores(folder: string, names: readonly string[], nowMs: number): string[] {
  const lines: string[] = [];
  for (const name of names) {
    const store = new SqliteStore(`${folder}/${name}`, "FULL", "salvage");
    lines.push(...finish(store, name, store.salvaged, [], nowMs));
  }
  const heard = lengths(folder, names);
  for (const name of names) {
    const { id, durable } = read(`${folder}/${name}`, (store) => store);
    const longest = heard.get(id) ?? 0;
    if (longest <= durable) continue;
    const store = new SqliteStore(`${folder}/${name}`, "FULL", "renew");
    const tail = { first: durable + 1, last: longest, kind: "missing" } as const;
    lines.push(
      ...finish(store, name, store.salvaged && { ...store.salvaged, after: 0 }, [tail], nowMs),
    );
  }
  return lines;
}

function read<T>(path: string, of: (store: SqliteStore) => T): T {
  const store = new SqliteStore(path);
  try {
    return of(store);
  } finally {
    store.close();
  }
}

/** How long each log was, as far as the others remember. */
function lengths(folder: string, names: readonly string[]): Map<string, number> {
  const heard = new Map<string, number>();
  for (const name of names) {
    for (const [key, value] of read(`${folder}/${name}`, (store) => [...store.scan("meta/log/")])) {
      const id = key.slice(key.lastIndexOf("/") + 1);
      const { durable } = value as { readonly durable: number };
      heard.set(id, Math.max(heard.get(id) ?? 0, durable));
    }
  }
  return heard;
}

function finish(
  store: SqliteStore,
  name: string,
  salvaged: StoreSalvage | undefined,
  tail: StoreSalvage["dropped"],
  nowMs: number,
): string[] {
  try {
    if (salvaged === undefined) return [];
    const { kept, id } = salvaged;
    const dropped = [...salvaged.dropped, ...tail].map(describeDamage);
    const what = dropped.length === 0
      ? "the chain was broken, no record is lost"
      : dropped.join("; ");
    const lines = [`${name}: ${what}. ${kept} records were kept; it is log ${id} now`];
    if (!name.includes(".participant.") || dropped.length === 0) return lines;
    const hazards = findHazards([...store.records()] as AnyRecord[], salvaged.after, nowMs);
    for (const hazard of hazards) {
      store.append(hazard);
      lines.push(
        `${name}: heuristic hazard: ${formatTransactionId(hazard.id)} may have been applied or not`,
      );
    }
    store.commit();
    return lines;
  } finally {
    store.close();
  }
}

/** Promises that were made before the last hole in the journal and have no outcome outside of it. */
function findHazards(
  records: readonly AnyRecord[],
  after: number,
  at: number,
): (HeuristicRecord | ThreePhaseHeuristicRecord)[] {
  const older = new Set(
    records.slice(0, records.length - after)
      .flatMap((record) => record.kind === "prepared" ? [formatTransactionId(record.id)] : []),
  );
  const hazard = (id: TransactionId) => ({
    kind: "heuristic" as const,
    id,
    decision: "hazard" as const,
    operator: "salvage",
    reason: "its outcome may be among the records that were lost",
    at,
  });
  const [threePhase, twoPhase] = [records.filter(isThreePhase), records.filter(isTwoPhase)];
  const isOlder = ({ id }: { readonly id: TransactionId }) => older.has(formatTransactionId(id));
  return [
    ...recoverParticipant(twoPhase).inDoubt.filter(isOlder).map(({ id }) => hazard(id)),
    // What it was in when it failed may be lost besides: it is not asked about that any more.
    ...recoverThreePhase(threePhase)
      .filter((it) => "prepared" in it && it.heuristic === undefined && isOlder(it))
      .map(({ id }) => ({ protocol: "3pc" as const, ...hazard(id) })),
  ];
}

function isThreePhase(record: AnyRecord): record is ThreePhaseRecord {
  return isThreePhaseRecord(record);
}

function isTwoPhase(record: AnyRecord): record is ParticipantRecord {
  return !isThreePhaseRecord(record);
}
