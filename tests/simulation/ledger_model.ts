/**
 * The rows as the decisions have them: what every store must come to once each participant has
 * heard of all of them. Built from durable records alone.
 *
 * A commit changes the model at the moment its record is durable at the coordinator; a three-phase
 * commit, which whoever lives decides, with the first record of it at anybody. Rows that two
 * transactions write are locked from the first one's vote until it is applied, so the order of the
 * decisions is the order in which each store applies them.
 *
 * @module
 */
import type { Value, Writes } from "../../actors/ledger.ts";
import type {
  CoordinatorRecord as ThreePhaseCoordinatorRecord,
  ParticipantRecord as ThreePhaseParticipantRecord,
  PreparedRecord as ThreePhasePreparedRecord,
} from "../../protocols/three_phase_commit/messages.ts";
import {
  type CoordinatorRecord,
  formatTransactionId,
  type ParticipantRecord,
  type PreparedRecord,
  type TransactionId,
} from "../../protocols/two_phase_commit/messages.ts";
import { isThreePhaseRecord } from "../../protocols/three_phase_commit/rules.ts";
import type { WrittenBatch } from "../../runtime/simulated/store.ts";

type JournalRecord =
  | CoordinatorRecord
  | ParticipantRecord
  | ThreePhaseCoordinatorRecord
  | ThreePhaseParticipantRecord;
type Promised = PreparedRecord | ThreePhasePreparedRecord;
type Decision = { readonly id: TransactionId; readonly participants?: readonly string[] };

/** A row a decision changed. */
export interface Change {
  readonly store: string;
  readonly key: string;
  readonly before: Value | undefined;
  readonly after: Value | undefined;
}

/** A commit that has become durable. */
export interface Decided {
  readonly transaction: string;
  /** Addresses of participants whose promise is not durable: there must be none. */
  readonly unprepared: readonly string[];
  readonly changes: readonly Change[];
}

/** The model of one run. */
export class LedgerModel {
  /** By store, then by key. */
  readonly rows: Map<string, Map<string, Value>> = new Map();
  /** Decided to commit. */
  readonly committed: Set<string> = new Set();
  /** By transaction and store: durable promises. */
  readonly #prepared = new Map<string, Map<string, Promised>>();
  /** Who takes part in a three-phase commit, by transaction. */
  readonly #began = new Map<string, readonly string[]>();
  readonly #listeners: ((decided: Decided) => void)[] = [];
  readonly #seeded = new Set<string>();

  /** @param storeOf the key of the store that an address keeps */
  constructor(private readonly storeOf: (address: string) => string) {}

  /** Calls `listener` after each decision. */
  onDecision(listener: (decided: Decided) => void): void {
    this.#listeners.push(listener);
  }

  /** Rows of a store. */
  of(store: string): Map<string, Value> {
    let rows = this.rows.get(store);
    if (rows === undefined) this.rows.set(store, rows = new Map());
    return rows;
  }

  /** Whether a promise of that store is durable. */
  isPrepared(transaction: string, store: string): boolean {
    return this.#prepared.get(transaction)?.has(store) ?? false;
  }

  /** A batch has become durable. */
  written(store: string, batch: WrittenBatch): void {
    if (!this.#seeded.has(store)) this.#seed(store, batch);
    for (const record of batch.records as readonly JournalRecord[]) {
      const threePhase = isThreePhaseRecord(record);
      if (record.kind === "prepared") this.#promise(store, record);
      else if (record.kind === "began" && "participants" in record) {
        this.#began.set(formatTransactionId(record.id), record.participants);
      } else if (record.kind === "commit" || record.kind === "committed" && threePhase) {
        this.#decide(record);
      }
    }
  }

  /** Before a store has been filled, rows come without transactions. */
  #seed(store: string, batch: WrittenBatch): void {
    const rows = this.of(store);
    for (const [key, text] of batch.rows) if (text !== null) rows.set(key, JSON.parse(text));
    if (batch.rows.has("meta/seeded")) this.#seeded.add(store);
  }

  #promise(store: string, record: Promised): void {
    const transaction = formatTransactionId(record.id);
    let stores = this.#prepared.get(transaction);
    if (stores === undefined) this.#prepared.set(transaction, stores = new Map());
    if (!stores.has(store)) stores.set(store, record);
  }

  #decide(record: Decision): void {
    const transaction = formatTransactionId(record.id);
    if (this.committed.has(transaction)) return; // Kept by a checkpoint, or told by another.
    this.committed.add(transaction);
    const { participants = this.#began.get(transaction) ?? [] } = record;
    const promises = this.#prepared.get(transaction);
    const unprepared: string[] = [];
    const changes = participants.flatMap((address) => {
      const store = this.storeOf(address);
      const promise = promises?.get(store);
      if (promise === undefined) unprepared.push(address);
      return promise === undefined ? [] : this.#apply(store, promise);
    });
    const decided = { transaction, unprepared, changes };
    for (const listener of this.#listeners) listener(decided);
  }

  #apply(store: string, { effect }: Promised): Change[] {
    const { writes } = effect as { readonly writes: Writes };
    const rows = this.of(store);
    const set = (key: string, after: Value | undefined): Change => {
      const before = rows.get(key);
      if (after === undefined) rows.delete(key);
      else rows.set(key, after);
      return { store, key, before, after };
    };
    return [
      ...writes.puts.map(([key, value]) => set(key, value ?? undefined)),
      ...writes.adds.map(([key, delta]) => set(key, ((rows.get(key) ?? 0) as number) + delta)),
    ];
  }
}
