/**
 * What is on the platter of a simulated disk.
 *
 * @module
 */
import { decode } from "../codec.ts";
import {
  type ChainStart,
  describeDamage,
  inspectChain,
  NO_HASH,
  type SealedBatch,
} from "../journal_chain.ts";
import { StoreError } from "../store_error.ts";
import type { SimulatedStore } from "./store.ts";

/** What became durable together. */
export interface WrittenBatch {
  /** New records; with `checkpoint`, those that stand in for all earlier ones come first. */
  readonly records: readonly unknown[];
  /** Whether it stands in for all earlier batches. */
  readonly checkpoint: boolean;
  /** Rows as JSON; null deletes. */
  readonly rows: ReadonlyMap<string, string | null>;
}

/** What disks are watched and spoilt by. */
export interface DiskHooks {
  /** Probability that a crash leaves the first lost batch on the disk in part. */
  readonly torn?: () => number;
  /** A batch has become durable. */
  readonly written?: ((key: string, batch: WrittenBatch) => void) | undefined;
}

/** What one commit writes. */
export interface Batch {
  /** Its records; undefined where there are none. */
  readonly sealed: SealedBatch | undefined;
  /** Number of the last record once it is durable. */
  readonly last: number;
  /** It stands in for all earlier ones, and the chain begins anew here. */
  readonly checkpoint: ChainStart | undefined;
  /** Rows as JSON; null deletes. */
  readonly rows: ReadonlyMap<string, string | null>;
}

/** A disk; stores come and go, it stays. */
export class Disk {
  readonly rows: Map<string, string> = new Map();
  start: ChainStart = { hash: NO_HASH, last: 0 };
  batches: SealedBatch[] = [];
  durable = 0;
  /** The store that has it open; an earlier one is refused. */
  owner: SimulatedStore | undefined;
  failure: string | undefined;
  /** Torn writes found and dropped. */
  torn = 0;
  /** Records and rows that crashes took before they were durable. */
  lost = 0;
  /** The last write is there in part. */
  #half = false;

  constructor(public id: string, readonly key: string, readonly hooks: DiskHooks) {}

  /** A crash came in the middle of a write: the last part of it is missing. */
  tear({ sealed }: Batch, share: number): void {
    if (sealed === undefined) return;
    const length = Math.floor(share * sealed.body.length);
    if (length === 0) return;
    this.batches.push({ ...sealed, body: sealed.body.slice(0, length) });
    this.#half = true;
  }

  /** Drops a torn last write as a whole, records and rows: what was never whole was never said. */
  mend(): void {
    if (!this.#half) return;
    this.#half = false;
    this.batches.pop();
    this.torn++;
  }

  write({ sealed, last, checkpoint, rows }: Batch): void {
    this.hooks.written?.(this.key, {
      records: sealed === undefined ? [] : decode(sealed.body) as unknown[],
      checkpoint: checkpoint !== undefined,
      rows,
    });
    if (checkpoint !== undefined) {
      this.batches = [];
      this.start = checkpoint;
    }
    if (sealed !== undefined) this.batches.push(sealed);
    this.durable = last;
    for (const [key, value] of rows) {
      if (value === null) this.rows.delete(key);
      else this.rows.set(key, value);
    }
  }

  /** The end of the chain. @throws {StoreError} if it is damaged */
  verify(): ChainStart {
    const end = inspectChain(this.start, this.batches).next();
    if (end.done === true) return end.value;
    throw new StoreError(`Cannot open the store ${this.key}: ${describeDamage(end.value)}`);
  }
}
