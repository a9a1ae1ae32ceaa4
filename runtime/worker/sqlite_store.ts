/**
 * A role's store in one SQLite file: journal and rows, committed together. WAL mode with
 * `synchronous=FULL`, so that a commit returns only when it is on the disk.
 *
 * A journal row holds the records of one batch in a chain (`journal_chain.ts`): a missing, cut or
 * changed row is found when the store is opened. (SQLite alone drops everything after a flipped byte
 * in its WAL in silence.) Every other row has a sum of its own, checked when it is read; see
 * `sqlite_rows.ts` for when it is written.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { decode, encodeView } from "../codec.ts";
import {
  type ChainStart,
  type Damage,
  describeDamage,
  inspectChain,
  NO_HASH,
  salvageChain,
  type Salvaged,
  seal,
  type SealedBatch,
} from "../journal_chain.ts";
import type { Store, Value } from "../ports.ts";
import { StoreError } from "../store_error.ts";
import { type BatchBody, type Redo, ROWS_SCHEMA, SqliteRows, unwritten } from "./sqlite_rows.ts";

export { StoreError };

const FORMAT = "3";

/** What salvaging a store came to. */
export interface StoreSalvage {
  /** What was not sound, and is not there any more. */
  readonly dropped: readonly Damage[];
  /** Records that were kept. */
  readonly kept: number;
  /** How many of them follow the last that was dropped; all, if none was. */
  readonly after: number;
  /** The store's new identity: nobody takes it for the one that remembered all. */
  readonly id: string;
}

/** What is sound of a damaged store. */
interface Sound extends Salvaged {
  /** Bodies of the kept batches whose rows are not in the table yet. */
  readonly unwritten: readonly Uint8Array[];
  /** Number of the last record. */
  readonly end: number;
}

/** A {@link Store} in a file. */
export class SqliteStore implements Store {
  readonly id: string;
  /** What salvaging came to; undefined if nothing was damaged, or it was not asked for. */
  readonly salvaged: StoreSalvage | undefined;
  readonly #db: DatabaseSync;
  readonly #owner: string = crypto.randomUUID();
  readonly #table: SqliteRows;
  readonly #insert: StatementSync;
  readonly #ownerNow: StatementSync;
  #batch: unknown[] = [];
  #checkpoint: readonly unknown[] | undefined;
  /** A commit failed: what is in memory is not what is in the file. */
  #failed = false;
  #durable = 0;
  #hash: number = NO_HASH;
  #bytes = 0;

  /**
   * Opens or creates the file, takes ownership of it and verifies the journal.
   *
   * @param synchronous `OFF` exists for the test that proves that `FULL` matters
   * @param damaged what to do about a damaged journal: refuse to open, or keep what is sound;
   * `renew` makes it another log even if nothing is wrong with what is there
   * @param mostChanged so many rows may have changed before their table follows
   * @throws {StoreError} if it cannot be opened or the journal is damaged
   */
  constructor(
    readonly path: string,
    synchronous: "FULL" | "OFF" = "FULL",
    damaged: "refuse" | "salvage" | "renew" = "refuse",
    mostChanged?: number,
  ) {
    try {
      this.#db = new DatabaseSync(path);
      this.#db.exec(`
        PRAGMA busy_timeout=2000; PRAGMA journal_mode=WAL; PRAGMA synchronous=${synchronous};
        PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY;
        CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value ANY) STRICT;
        CREATE TABLE IF NOT EXISTS journal(
          first INTEGER PRIMARY KEY, last INTEGER NOT NULL, crc INTEGER NOT NULL,
          hash INTEGER NOT NULL, body BLOB NOT NULL
        ) STRICT;
        INSERT OR IGNORE INTO meta VALUES ('format', '${FORMAT}'),
          ('id', '${crypto.randomUUID()}'), ('last', 0), ('base', ${NO_HASH});
        INSERT OR REPLACE INTO meta VALUES ('owner', '${this.#owner}');
        ${ROWS_SCHEMA}
      `);
    } catch (error) {
      throw new StoreError(`Cannot open the store ${path}: ${(error as Error).message}`);
    }
    if (this.#meta("format") !== FORMAT) {
      const found = this.#meta("format");
      throw this.#refuse(`its format is ${found}, this program reads ${FORMAT}`);
    }
    this.#table = new SqliteRows(this.#db, path, mostChanged);
    this.#insert = this.#db.prepare("INSERT INTO journal VALUES (?, ?, ?, ?, ?)");
    this.#ownerNow = this.#db.prepare("SELECT value FROM meta WHERE name = 'owner'");
    this.salvaged = damaged === "refuse" ? undefined : this.#salvage(damaged === "renew");
    this.id = String(this.#meta("id"));
    this.#verify();
  }

  #meta(name: string): unknown {
    return this.#db.prepare("SELECT value FROM meta WHERE name = ?").get(name)?.["value"];
  }

  #refuse(why: string): StoreError {
    return new StoreError(`Cannot open the store ${this.path}: ${why}`);
  }

  *#rows(): Iterable<SealedBatch> {
    const statement = this.#db.prepare(
      "SELECT first, last, crc, hash, body FROM journal ORDER BY first",
    );
    for (const row of statement.iterate()) yield row as unknown as SealedBatch;
  }

  *#counted(): Iterable<SealedBatch> {
    for (const batch of this.#rows()) {
      this.#bytes += batch.body.length;
      yield batch;
    }
  }

  get #start(): ChainStart {
    return { hash: this.#meta("base") as number, last: this.#meta("last") as number };
  }

  #verify(): void {
    let end: IteratorResult<Damage, ChainStart>;
    try {
      end = inspectChain(this.#start, this.#counted()).next();
    } catch (error) {
      throw this.#refuse(`its file is damaged: ${(error as Error).message}. Restore a copy`);
    }
    if (end.done !== true) {
      throw this.#refuse(
        `${describeDamage(end.value)}. Restore a copy, or open it with --salvage, which drops ` +
          "what is damaged and says what that was",
      );
    }
    this.#hash = end.value.hash;
    this.#durable = end.value.last;
    // Where a tail was cut off, what comes in its place has numbers that the table is not up to.
    this.#db.prepare("UPDATE meta SET value = min(value, ?) WHERE name = 'written'")
      .run(this.#durable);
    this.#table.repeat(unwritten(this.#db));
  }

  /** Keeps what is sound, under a new identity if that is not all. */
  #salvage(renew: boolean): StoreSalvage | undefined {
    const found = this.#findSound(renew);
    if (found === undefined) return undefined;
    const id = crypto.randomUUID();
    this.#db.exec("BEGIN IMMEDIATE");
    this.#db.exec("DELETE FROM journal");
    for (const batch of found.batches) this.#store(batch);
    // The numbers change, and with them what is meant by those up to which the table was written.
    this.#table.repeat(found.unwritten);
    this.#table.writeBack(found.end);
    const set = this.#db.prepare("UPDATE meta SET value = ? WHERE name = ?");
    set.run(found.start.hash, "base");
    set.run(found.start.last, "last");
    set.run(id, "id");
    this.#db.exec("COMMIT");
    const { dropped, kept, after } = found;
    return { dropped, kept, after, id };
  }

  #findSound(renew: boolean): Sound | undefined {
    try {
      const batches = [...this.#rows()];
      const sound = inspectChain(this.#start, batches).next().done === true;
      if (!sound || renew) {
        const salvaged = salvageChain(this.#start, batches);
        const kept = new Set(salvaged.batches.map(({ body }) => body));
        const written = this.#meta("written") as number;
        const late = batches.filter(({ last, body }) => last > written && kept.has(body));
        const end = salvaged.batches.at(-1)?.last ?? salvaged.start.last;
        return { ...salvaged, unwritten: late.map(({ body }) => body), end };
      }
      const [check] = this.#db.prepare("PRAGMA integrity_check(1)").all();
      if (check?.["integrity_check"] === "ok") return undefined;
      throw new Error(String(check?.["integrity_check"]));
    } catch (error) {
      throw this.#refuse(`it cannot be salvaged: ${(error as Error).message}. Restore a copy`);
    }
  }

  #store({ first, last, crc, hash, body }: SealedBatch): void {
    this.#insert.run(first, last, crc, hash, body);
  }

  *records(): Iterable<unknown> {
    for (const row of this.#rows()) yield* (decode(row.body) as BatchBody)[0];
  }

  append(record: unknown): number {
    this.#batch.push(record);
    return this.#durable + this.#batch.length;
  }

  get(key: string): Value | undefined {
    return this.#table.get(key);
  }

  put(key: string, value: Value | null): void {
    this.#table.put(key, value);
  }

  scan(prefix: string): Iterable<readonly [string, Value]> {
    return this.#table.scan(prefix);
  }

  get durable(): number {
    return this.#durable;
  }

  get dirty(): boolean {
    return this.#batch.length > 0 || this.#table.pending || this.#checkpoint !== undefined;
  }

  get journalBytes(): number {
    return this.#bytes;
  }

  checkpoint(records: readonly unknown[]): void {
    this.#checkpoint = records;
  }

  commit(): void {
    if (!this.dirty) return;
    // Nothing of the role runs between BEGIN and COMMIT, so a role that hangs holds no lock.
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      if (this.#ownerNow.get()?.["value"] !== this.#owner) {
        throw new StoreError(`${this.path} was taken over by a later incarnation of its role`);
      }
      this.#table.follow();
      if (this.#checkpoint !== undefined) this.#rebase(this.#checkpoint);
      else if (this.#batch.length > 0) this.#write(this.#batch, this.#table.redo());
      // A batch that has no record has no place in the journal: its rows go into the table at once,
      // and so must what was changed before them.
      else this.#table.writeBack(this.#durable);
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#failed = true;
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
    this.#table.settle();
    this.#batch = [];
    this.#checkpoint = undefined;
  }

  /** What the checkpoint keeps, and what the table lacks, stand in for all before this batch. */
  #rebase(checkpoint: readonly unknown[]): void {
    this.#db.exec("DELETE FROM journal");
    this.#db.prepare("UPDATE meta SET value = ? WHERE name = 'base'").run(this.#hash);
    this.#bytes = 0;
    // Numbers already promised to records of this batch stay as they are.
    const batch = [...checkpoint, ...this.#batch];
    const first = this.#durable + this.#batch.length - batch.length + 1;
    this.#db.prepare("UPDATE meta SET value = ? WHERE name = 'last'").run(first - 1);
    if (batch.length === 0) return this.#table.writeBack(this.#durable);
    this.#table.setWritten(first - 1);
    this.#write(batch, this.#table.redoAll(), first);
  }

  #write(records: readonly unknown[], redo: Redo, first: number = this.#durable + 1): void {
    const parts: BatchBody = redo.length > 0 ? [records, redo] : [records];
    const body = encodeView(parts);
    const last = first + records.length - 1;
    const batch = seal(this.#hash, first, last, body);
    this.#store(batch);
    this.#hash = batch.hash;
    this.#durable = last;
    this.#bytes += body.length;
  }

  close(): void {
    try {
      if (this.#table.behind && !this.#failed) this.#writeBack();
    } finally {
      this.#db.close();
    }
  }

  /** Leaves a table that other programs can read. */
  #writeBack(): void {
    this.#db.exec("BEGIN IMMEDIATE");
    this.#table.drop();
    if (this.#ownerNow.get()?.["value"] === this.#owner) this.#table.writeBack(this.#durable);
    this.#db.exec("COMMIT");
  }
}
