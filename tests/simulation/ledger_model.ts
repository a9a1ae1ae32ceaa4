/**
 * The rows as the decisions have them: what every store must come to once each participant has
 * heard of all of them. Built from durable records alone.
 *
 * A commit changes the model at the moment its record is durable at the coordinator. Rows that two
 * transactions write are locked from the first one's vote until it is applied, so the order of the
 * decisions is the order in which each store applies them.
 *
 * @module
 */
import type { Value, Writes } from "../../actors/ledger.ts";
import {
  type CommitRecord,
  type CoordinatorRecord,
  formatTransactionId,
  type ParticipantRecord,
  type PreparedRecord,
} from "../../protocols/two_phase_commit/messages.ts";
import { isThreePhaseRecord } from "../../protocols/three_phase_commit/rules.ts";
import type { WrittenBatch } from "../../runtime/simulated/store.ts";

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
  readonly record: CommitRecord;
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
  readonly #prepared = new Map<string, Map<string, PreparedRecord>>();
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
    // Whoever lives decides a three-phase commit, so no one record is its decision.
    const records = batch.records.filter((record) => !isThreePhaseRecord(record));
    for (const record of records as readonly (CoordinatorRecord | ParticipantRecord)[]) {
      if (record.kind === "prepared") this.#promise(store, record);
      if (record.kind === "commit") this.#decide(record);
    }
  }

  /** Before a store has been filled, rows come without transactions. */
  #seed(store: string, batch: WrittenBatch): void {
    const rows = this.of(store);
    for (const [key, text] of batch.rows) if (text !== null) rows.set(key, JSON.parse(text));
    if (batch.rows.has("meta/seeded")) this.#seeded.add(store);
  }

  #promise(store: string, record: PreparedRecord): void {
    const transaction = formatTransactionId(record.id);
    let stores = this.#prepared.get(transaction);
    if (stores === undefined) this.#prepared.set(transaction, stores = new Map());
    if (!stores.has(store)) stores.set(store, record);
  }

  #decide(record: CommitRecord): void {
    const transaction = formatTransactionId(record.id);
    if (this.committed.has(transaction)) return; // Kept by a checkpoint.
    this.committed.add(transaction);
    const promises = this.#prepared.get(transaction);
    const unprepared: string[] = [];
    const changes = record.participants.flatMap((address) => {
      const store = this.storeOf(address);
      const promise = promises?.get(store);
      if (promise === undefined) unprepared.push(address);
      return promise === undefined ? [] : this.#apply(store, promise);
    });
    const decided = { transaction, record, unprepared, changes };
    for (const listener of this.#listeners) listener(decided);
  }

  #apply(store: string, { effect }: PreparedRecord): Change[] {
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
