/**
 * A role's store in one SQLite file: journal and rows, committed together. WAL mode with
 * `synchronous=FULL`, so that a commit returns only when it is on the disk.
 *
 * A journal row holds the records of one batch, and each row carries the hash of its predecessor
 * and itself: a missing, cut or changed row is found when the store is opened. (SQLite alone
 * drops everything after a flipped byte in its WAL in silence.)
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { decode, encode } from "../codec.ts";
import type { Store, Value } from "../ports.ts";
import { StoreError } from "../store_error.ts";

export { StoreError };

const FORMAT = "1";
const NO_HASH = new Uint8Array(32);

interface JournalRow {
  readonly first: number;
  readonly last: number;
  readonly hash: Uint8Array;
  readonly body: Uint8Array;
}

/** A {@link Store} in a file. */
export class SqliteStore implements Store {
  readonly id: string;
  readonly #db: DatabaseSync;
  readonly #owner: string = crypto.randomUUID();
  readonly #select: StatementSync;
  readonly #upsert: StatementSync;
  readonly #delete: StatementSync;
  readonly #insert: StatementSync;
  readonly #ownerNow: StatementSync;
  readonly #pending = new Map<string, Value | null>();
  #batch: unknown[] = [];
  #checkpoint: readonly unknown[] | undefined;
  #durable = 0;
  #hash: Uint8Array = NO_HASH;
  #bytes = 0;

  /**
   * Opens or creates the file, takes ownership of it and verifies the journal.
   *
   * @param synchronous `OFF` exists for the test that proves that `FULL` matters
   * @throws {StoreError} if it cannot be opened or the journal is damaged
   */
  constructor(readonly path: string, synchronous: "FULL" | "OFF" = "FULL") {
    try {
      this.#db = new DatabaseSync(path);
      this.#db.exec(`
        PRAGMA busy_timeout=2000; PRAGMA journal_mode=WAL; PRAGMA synchronous=${synchronous};
        PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY;
        CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value ANY) STRICT;
        CREATE TABLE IF NOT EXISTS journal(
          first INTEGER PRIMARY KEY, last INTEGER NOT NULL, hash BLOB NOT NULL, body BLOB NOT NULL
        ) STRICT;
        CREATE TABLE IF NOT EXISTS rows(key TEXT PRIMARY KEY, value TEXT NOT NULL)
          STRICT, WITHOUT ROWID;
        INSERT OR IGNORE INTO meta VALUES ('format', '${FORMAT}'),
          ('id', '${crypto.randomUUID()}'), ('last', 0), ('base', x'${
        Buffer.from(NO_HASH).toString("hex")
      }');
        INSERT OR REPLACE INTO meta VALUES ('owner', '${this.#owner}');
      `);
    } catch (error) {
      throw new StoreError(`Cannot open the store ${path}: ${(error as Error).message}`);
    }
    if (this.#meta("format") !== FORMAT) {
      throw new StoreError(`Cannot open the store ${path}: format ${this.#meta("format")}`);
    }
    this.id = String(this.#meta("id"));
    this.#select = this.#db.prepare("SELECT value FROM rows WHERE key = ?");
    this.#upsert = this.#db.prepare("INSERT OR REPLACE INTO rows VALUES (?, ?)");
    this.#delete = this.#db.prepare("DELETE FROM rows WHERE key = ?");
    this.#insert = this.#db.prepare("INSERT INTO journal VALUES (?, ?, ?, ?)");
    this.#ownerNow = this.#db.prepare("SELECT value FROM meta WHERE name = 'owner'");
    this.#verify();
  }

  #meta(name: string): unknown {
    return this.#db.prepare("SELECT value FROM meta WHERE name = ?").get(name)?.["value"];
  }

  *#rows(): Iterable<JournalRow> {
    const statement = this.#db.prepare(
      "SELECT first, last, hash, body FROM journal ORDER BY first",
    );
    for (const row of statement.iterate()) yield row as unknown as JournalRow;
  }

  #verify(): void {
    let hash = this.#meta("base") as Uint8Array;
    this.#durable = this.#meta("last") as number;
    for (const row of this.#rows()) {
      const found = chain(hash, row.first, row.last, row.body);
      if (!equal(found, row.hash) || row.first !== this.#durable + 1) {
        throw new StoreError(
          `Cannot open the store ${this.path}: journal records ${row.first} to ${row.last} do ` +
            `not follow from what precedes them. Restore the file from a copy.`,
        );
      }
      hash = row.hash;
      this.#durable = row.last;
      this.#bytes += row.body.length;
    }
    this.#hash = hash;
  }

  *records(): Iterable<unknown> {
    for (const row of this.#rows()) yield* decode(row.body) as unknown[];
  }

  append(record: unknown): number {
    this.#batch.push(record);
    return this.#durable + this.#batch.length;
  }

  get(key: string): Value | undefined {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending ?? undefined;
    const row = this.#select.get(key);
    return row === undefined ? undefined : JSON.parse(row["value"] as string) as Value;
  }

  put(key: string, value: Value | null): void {
    this.#pending.set(key, value);
  }

  *scan(prefix: string): Iterable<readonly [string, Value]> {
    const seen = [...this.#pending].filter(([key]) => key.startsWith(prefix));
    const pending = new Map(seen);
    const rows = this.#db.prepare(
      "SELECT key, value FROM rows WHERE key >= ? AND key < ? ORDER BY key",
    ).all(prefix, prefix + "\u{10ffff}");
    const merged = new Map(rows.map((row) => [row["key"] as string, row["value"] as string]));
    const keys = [...new Set([...merged.keys(), ...pending.keys()])].sort();
    for (const key of keys) {
      const value = pending.get(key);
      if (value === null) continue;
      yield [key, value ?? JSON.parse(merged.get(key)!) as Value];
    }
  }

  get durable(): number {
    return this.#durable;
  }

  get dirty(): boolean {
    return this.#batch.length > 0 || this.#pending.size > 0 || this.#checkpoint !== undefined;
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
      if (this.#checkpoint !== undefined) this.#rebase();
      if (this.#batch.length > 0) this.#write(this.#batch);
      for (const [key, value] of this.#pending) {
        if (value === null) this.#delete.run(key);
        else this.#upsert.run(key, JSON.stringify(value));
      }
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
    this.#batch = [];
    this.#checkpoint = undefined;
    this.#pending.clear();
  }

  /** What the checkpoint keeps stands in for all rows before this batch. */
  #rebase(): void {
    this.#db.exec("DELETE FROM journal");
    this.#db.prepare("UPDATE meta SET value = ? WHERE name = 'base'").run(this.#hash);
    this.#bytes = 0;
    // Numbers already promised to records of this batch stay as they are.
    const batch = [...this.#checkpoint!, ...this.#batch];
    const first = this.#durable + this.#batch.length - batch.length + 1;
    this.#db.prepare("UPDATE meta SET value = ? WHERE name = 'last'").run(first - 1);
    if (batch.length > 0) this.#write(batch, first);
    this.#batch = [];
  }

  #write(records: readonly unknown[], first: number = this.#durable + 1): void {
    const body = encode(records);
    const last = first + records.length - 1;
    this.#hash = chain(this.#hash, first, last, body);
    this.#insert.run(first, last, this.#hash, body);
    this.#durable = last;
    this.#bytes += body.length;
  }

  close(): void {
    this.#db.close();
  }
}

function chain(previous: Uint8Array, first: number, last: number, body: Uint8Array): Uint8Array {
  return createHash("sha256").update(previous).update(`${first} ${last} `).update(body).digest();
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
