/**
 * Rows of a table that were read or written lately, within a bound: what a database calls its
 * buffers. Replaced by second chance (Corbato 1968): the oldest goes, unless it was used since it
 * was last looked at.
 *
 * @module
 */
import { ChurnMap } from "../churn_map.ts";
import type { Value } from "../ports.ts";

/** Most that is kept, in characters of keys and values as they stand in the table. */
const MOST = 4 * 1024 * 1024;
/** What a row takes besides. */
const OVERHEAD = 64;

interface Kept {
  readonly value: Value;
  readonly size: number;
  used: boolean;
}

/** The rows kept of one table. */
export class RowCache {
  readonly #rows = new ChurnMap<string, Kept>();
  #size = 0;

  /** @param most bound of keys and values, in characters */
  constructor(private readonly most: number = MOST) {}

  /** How many rows are kept. */
  get size(): number {
    return this.#rows.size;
  }

  /** A row, if it is kept. */
  get(key: string): Value | undefined {
    const kept = this.#rows.get(key);
    if (kept === undefined) return undefined;
    kept.used = true;
    return kept.value;
  }

  /** Keeps a row as it stands in the table. @param length of its text there */
  keep(key: string, value: Value, length: number): void {
    this.forget(key);
    const size = key.length + length + OVERHEAD;
    this.#rows.set(key, { value, size, used: false });
    this.#size += size;
    while (this.#size > this.most) this.#replace();
  }

  /** The row has gone from the table. */
  forget(key: string): void {
    const kept = this.#rows.get(key);
    if (kept === undefined) return;
    this.#rows.delete(key);
    this.#size -= kept.size;
  }

  #replace(): void {
    const key = this.#rows.oldestKey!;
    const kept = this.#rows.get(key)!;
    this.#rows.delete(key);
    if (kept.used) this.#rows.set(key, { ...kept, used: false });
    else this.#size -= kept.size;
  }
}
