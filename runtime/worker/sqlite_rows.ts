/**
 * The rows of a SQLite store: written to their table late, all that changed at once.
 *
 * A row that a commit changes is logged with the journal's batch (redo, Gray and Reuter 1993,
 * section 10.3) and kept in memory. When many have changed the table follows, in key order and a
 * slice with each commit: a page of the table then takes all changes of its rows in one write, in
 * place of one write for each, and no commit waits for thousands of them. A checkpoint logs what the
 * table still lacks once more. Opening a store that was not closed repeats what it may lack.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { ChurnMap } from "../churn_map.ts";
import { decode } from "../codec.ts";
import type { Value } from "../ports.ts";
import { StoreError } from "../store_error.ts";
import { RowCache } from "./row_cache.ts";

/** From this many changed rows on, the table follows. */
const MOST_CHANGED = 16_384;
/** So many rows are written with a commit then, or twice as many as it changes. */
const SLICE = 256;

/** What a batch of the journal holds: its records, and the rows changed with them. */
export type BatchBody = readonly [records: readonly unknown[], redo?: Redo];

/** Keys and values by turns; a null deletes. */
export type Redo = readonly (string | Value)[];

type Changes = ChurnMap<string, Value | null>;

/** SQL of the tables that rows need. */
export const ROWS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS rows(
    key TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT OR IGNORE INTO meta VALUES ('written', 0);`;

/** The rows of one store. Its batches are those of the store. */
export class SqliteRows {
  readonly #select: StatementSync;
  readonly #range: StatementSync;
  readonly #upsert: StatementSync;
  readonly #delete: StatementSync;
  readonly #setWritten: StatementSync;
  /** Changed by the batch that is not committed yet. */
  readonly #pending = new ChurnMap<string, Value | null>();
  /** Committed, but not in the table yet. */
  readonly #changed = new ChurnMap<string, Value | null>();
  /** As they stand in the table, unless they have changed since. */
  readonly #cache = new RowCache();
  /** Keys of rows that the table is to have next, in order, from `#swept` on. */
  #sweep: readonly string[] = [];
  #swept = 0;

  /** @param most so many rows may have changed before the table follows */
  constructor(
    db: DatabaseSync,
    private readonly path: string,
    private readonly most: number = MOST_CHANGED,
  ) {
    this.#select = db.prepare("SELECT value, crc FROM rows WHERE key = ?");
    this.#range = db.prepare("SELECT key, value, crc FROM rows WHERE key >= ? AND key < ?");
    this.#upsert = db.prepare("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)");
    this.#delete = db.prepare("DELETE FROM rows WHERE key = ?");
    this.#setWritten = db.prepare("UPDATE meta SET value = ? WHERE name = 'written'");
  }

  /** Whether the batch changes rows. */
  get pending(): boolean {
    return this.#pending.size > 0;
  }

  /** A row as the batch would leave it. */
  get(key: string): Value | undefined {
    let value = this.#pending.get(key);
    if (value === undefined) value = this.#changed.get(key);
    if (value !== undefined) return value ?? undefined;
    return this.#cache.get(key) ?? this.#read(key);
  }

  #read(key: string): Value | undefined {
    const row = this.#select.get(key);
    if (row === undefined) return undefined;
    const value = readRow(this.path, key, row);
    this.#cache.keep(key, value, (row["value"] as string).length);
    return value;
  }

  /** Writes (or, with null, deletes) a row in the batch. */
  put(key: string, value: Value | null): void {
    this.#pending.set(key, value);
  }

  /** Rows whose key starts with `prefix`, in key order, as the batch would leave them. */
  *scan(prefix: string): Iterable<readonly [string, Value]> {
    const news: Changes = new ChurnMap();
    for (const changes of [this.#changed, this.#pending]) {
      for (const [key, value] of changes) if (key.startsWith(prefix)) news.set(key, value);
    }
    const rows = this.#range.all(prefix, prefix + "\u{10ffff}");
    yield* overlaid(this.path, rows, news);
  }

  /** What the batch has to log. */
  redo(): Redo {
    return this.#pending.entries().flat();
  }

  /** What a batch has to log that stands in for all before it: whatever the table lacks. */
  redoAll(): Redo {
    return [...this.#changed.entries(), ...this.#pending.entries()].flat();
  }

  /** Takes over the changes of batches that the table may lack, in their order. */
  repeat(bodies: Iterable<Uint8Array>): void {
    for (const body of bodies) repeatInto(this.#changed, decode(body) as BatchBody);
  }

  /** Brings the table up to the batch, in the caller's SQLite transaction. */
  writeBack(upTo: number): void {
    this.settle();
    for (const key of this.#changed.keys().sort()) this.#write(key);
    this.setWritten(upTo);
  }

  /** Lets the table follow by a slice, if it is far behind; the batch itself stays with its redo. */
  follow(): void {
    if (this.#swept === this.#sweep.length) {
      if (this.#changed.size < this.most) return;
      this.#sweep = this.#changed.keys().sort();
      this.#swept = 0;
    }
    const end = this.#swept + Math.max(SLICE, 2 * this.#pending.size);
    const slice = this.#sweep.slice(this.#swept, end);
    for (const key of slice) this.#write(key);
    this.#swept += slice.length;
  }

  /** Brings a row of the table up to what is committed. */
  #write(key: string): void {
    const value = this.#changed.get(key);
    if (value === undefined) return;
    this.#changed.delete(key);
    if (value === null) {
      this.#delete.run(key);
      this.#cache.forget(key);
      return;
    }
    const text = JSON.stringify(value);
    this.#upsert.run(key, text, sumOf(key, text));
    this.#cache.keep(key, value, text.length);
  }

  /** Of the batches up to this number the table lacks nothing that later ones do not log. */
  setWritten(upTo: number): void {
    this.#setWritten.run(upTo);
  }

  /** The batch was committed with its redo. */
  settle(): void {
    for (const [key, value] of this.#pending) this.#changed.set(key, value);
    this.#pending.clear();
  }

  /** Whether the table lacks anything that is committed. */
  get behind(): boolean {
    return this.#changed.size > 0;
  }

  /** Forgets the batch. */
  drop(): void {
    this.#pending.clear();
  }
}

/**
 * All rows of a store that nobody has open, in key order, also those which a store that was not
 * closed has only logged.
 *
 * @throws {StoreError} if a row was changed on the disk
 */
export function* storedRows(path: string): Iterable<readonly [string, Value]> {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const changed: Changes = new ChurnMap();
    for (const body of unwritten(db)) repeatInto(changed, decode(body) as BatchBody);
    yield* overlaid(path, db.prepare("SELECT key, value, crc FROM rows").all(), changed);
  } finally {
    db.close();
  }
}

/** The bodies of the journal's batches whose rows are not in the table yet. */
export function* unwritten(db: DatabaseSync): Iterable<Uint8Array> {
  const batches = db.prepare(
    "SELECT body FROM journal WHERE last > (SELECT value FROM meta WHERE name = 'written') " +
      "ORDER BY first",
  );
  for (const { body } of batches.iterate()) yield body as Uint8Array;
}

function repeatInto(rows: Changes, [, redo = []]: BatchBody): void {
  for (let i = 0; i < redo.length; i += 2) rows.set(redo[i] as string, redo[i + 1]!);
}

function* overlaid(
  path: string,
  rows: readonly Record<string, unknown>[],
  changed: Changes,
): Iterable<readonly [string, Value]> {
  const table = new Map(rows.map((row) => [row["key"] as string, row]));
  const keys = [...new Set([...table.keys(), ...changed.keys()])].sort();
  for (const key of keys) {
    const value = changed.get(key);
    if (value === null) continue;
    yield [key, value ?? readRow(path, key, table.get(key)!)];
  }
}

function readRow(path: string, key: string, row: Record<string, unknown>): Value {
  const text = row["value"] as string;
  if (sumOf(key, text) === row["crc"]) return JSON.parse(text) as Value;
  throw new StoreError(`${path}: row ${key} was changed on the disk. Restore a copy`);
}

function sumOf(key: string, value: string): number {
  return crc32(value, crc32(key));
}
