/**
 * Stores in memory that fail like disks. A commit only starts to make a batch durable; that is
 * done a drawn delay later, batches in order, several of them possibly on their way. A crash
 * keeps what is durable and a drawn number of the batches on their way, never with a hole.
 *
 * @module
 */
import { decode, encode } from "../codec.ts";
import type { Store, Value } from "../ports.ts";
import { StoreError } from "../store_error.ts";
import type { SimulatedRandom } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** How long a commit takes: uniform between the two, in ms. */
export interface CommitDelay {
  /** The shortest. */
  readonly minMs: number;
  /** The longest. */
  readonly maxMs: number;
}

const COMMIT_DELAY: CommitDelay = { minMs: 0.2, maxMs: 3 };

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

interface Batch {
  readonly first: number;
  readonly last: number;
  readonly body: Uint8Array;
  /** Of `body`, as it was meant to be. */
  readonly sum: number;
  /** It stands in for all earlier ones. */
  readonly checkpoint: boolean;
  /** Rows as JSON; null deletes. */
  readonly rows: ReadonlyMap<string, string | null>;
}

/** What is on the platter. */
class Disk {
  readonly rows: Map<string, string> = new Map();
  batches: Batch[] = [];
  durable = 0;
  /** The store that has it open; an earlier one is refused. */
  owner: SimulatedStore | undefined;
  failure: string | undefined;
  /** Torn writes found and dropped. */
  torn = 0;
  /** Records and rows that crashes took before they were durable. */
  lost = 0;

  constructor(readonly id: string, readonly key: string, readonly hooks: DiskHooks) {}

  /** A crash came in the middle of a write: the last part of it is missing. */
  tear(batch: Batch, share: number): void {
    const length = Math.floor(share * batch.body.length);
    if (length > 0) this.batches.push({ ...batch, body: batch.body.slice(0, length) });
  }

  /** Drops a torn last write as a whole, records and rows: its sum does not match. */
  mend(): void {
    const last = this.batches.at(-1);
    if (last === undefined || checksum(last.body) === last.sum) return;
    this.batches.pop();
    this.torn++;
  }

  write(batch: Batch): void {
    this.hooks.written?.(this.key, {
      records: batch.body.length === 0 ? [] : decode(batch.body) as unknown[],
      checkpoint: batch.checkpoint,
      rows: batch.rows,
    });
    if (batch.checkpoint) this.batches = [];
    if (batch.body.length > 0) this.batches.push(batch);
    this.durable = batch.last;
    for (const [key, value] of batch.rows) {
      if (value === null) this.rows.delete(key);
      else this.rows.set(key, value);
    }
  }
}

/** All disks of a system, by the key a role's spec names; they survive their roles. */
export class SimulatedDisks {
  readonly #disks = new Map<string, Disk>();

  /** No disks at first. */
  constructor(
    private readonly scheduler: Scheduler,
    private readonly random: SimulatedRandom,
    private readonly delay: CommitDelay = COMMIT_DELAY,
    private readonly hooks: DiskHooks = {},
  ) {}

  /** Opens or creates a store and takes it over. `changed` is called when more is durable. */
  open(key: string, changed: () => void): SimulatedStore {
    let disk = this.#disks.get(key);
    if (disk === undefined) {
      disk = new Disk(uuid(this.random.bytes(16)), key, this.hooks);
      this.#disks.set(key, disk);
    }
    return new SimulatedStore(key, disk, this.scheduler, this.random, this.delay, changed);
  }

  /** The rows that are durable now, as JSON. */
  rows(key: string): ReadonlyMap<string, string> {
    return this.#disks.get(key)?.rows ?? new Map();
  }

  /** Identity of the store of a key, once it has been opened. */
  id(key: string): string | undefined {
    return this.#disks.get(key)?.id;
  }

  /** Torn writes found and dropped so far. */
  get torn(): number {
    return [...this.#disks.values()].reduce((sum, disk) => sum + disk.torn, 0);
  }

  /** Records and rows that crashes took so far, of what had been written and was not durable. */
  get lost(): number {
    return [...this.#disks.values()].reduce((sum, disk) => sum + disk.lost, 0);
  }

  /** Makes all commits to a disk fail from now on; undefined: lets them succeed again. */
  setFailure(key: string, failure: string | undefined): void {
    const disk = this.#disks.get(key);
    if (disk === undefined) throw new RangeError(`Cannot set a failure: no disk ${key}`);
    disk.failure = failure;
  }

  /** Takes a disk away; the next store of that key has another id. */
  replace(key: string): void {
    this.#disks.delete(key);
  }
}

/** FNV-1a. */
function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum;
}

function uuid(bytes: Uint8Array): string {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]].map(([a, b]) => hex.slice(a, b)).join("-");
}

/** A {@link Store} on a simulated disk. */
export class SimulatedStore implements Store {
  readonly id: string;
  /** Rows with all commits, durable or not. */
  readonly #rows: Map<string, string>;
  readonly #pending = new Map<string, Value | null>();
  readonly #onTheirWay: Batch[] = [];
  #batch: unknown[] = [];
  #checkpoint: readonly unknown[] | undefined;
  #last: number;
  #durable: number;
  #bytes: number;
  #lastDue = 0;
  #closed = false;

  /** Takes the disk over; made by {@link SimulatedDisks.open}. */
  constructor(
    readonly key: string,
    private readonly disk: Disk,
    private readonly scheduler: Scheduler,
    private readonly random: SimulatedRandom,
    private readonly delay: CommitDelay,
    private readonly changed: () => void,
  ) {
    this.id = disk.id;
    // What an earlier owner has on its way is lost: it was thrown out before it could finish.
    disk.owner?.crash();
    disk.owner = this;
    disk.mend();
    this.#rows = new Map(disk.rows);
    this.#last = this.#durable = disk.durable;
    this.#bytes = disk.batches.reduce((sum, batch) => sum + batch.body.length, 0);
  }

  *records(): Iterable<unknown> {
    for (const batch of [...this.disk.batches]) yield* decode(batch.body) as unknown[];
  }

  append(record: unknown): number {
    this.#batch.push(record);
    return this.#last + this.#batch.length;
  }

  get(key: string): Value | undefined {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending ?? undefined;
    const row = this.#rows.get(key);
    return row === undefined ? undefined : JSON.parse(row) as Value;
  }

  put(key: string, value: Value | null): void {
    this.#pending.set(key, value);
  }

  *scan(prefix: string): Iterable<readonly [string, Value]> {
    const keys = new Set<string>();
    for (const key of this.#rows.keys()) if (key.startsWith(prefix)) keys.add(key);
    for (const key of this.#pending.keys()) if (key.startsWith(prefix)) keys.add(key);
    for (const key of [...keys].sort()) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
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

  /** Batches on their way to the disk. */
  get unsynced(): number {
    return this.#onTheirWay.length;
  }

  checkpoint(records: readonly unknown[]): void {
    this.#checkpoint = records;
  }

  commit(): void {
    if (!this.dirty) return;
    if (this.#closed || this.disk.owner !== this) {
      throw new StoreError(`${this.key} was taken over by a later incarnation of its role`);
    }
    if (this.disk.failure !== undefined) {
      throw new StoreError(`Cannot write to ${this.key}: ${this.disk.failure}`);
    }
    const batch = this.#seal();
    this.#onTheirWay.push(batch);
    const due = this.scheduler.now() + this.random.between(this.delay.minMs, this.delay.maxMs);
    this.#lastDue = Math.max(this.#lastDue, due);
    this.scheduler.at(this.#lastDue, () => this.#arrived(batch));
  }

  /** What the batch comes to, by value: nobody can change it any more. */
  #seal(): Batch {
    const records = [...this.#checkpoint ?? [], ...this.#batch];
    const last = this.#last + this.#batch.length;
    const rows = new Map<string, string | null>();
    for (const [key, value] of this.#pending) {
      const text = value === null ? null : JSON.stringify(value);
      rows.set(key, text);
      if (text === null) this.#rows.delete(key);
      else this.#rows.set(key, text);
    }
    const body = records.length === 0 ? new Uint8Array() : encode(records);
    const checkpoint = this.#checkpoint !== undefined;
    this.#bytes = (checkpoint ? 0 : this.#bytes) + body.length;
    this.#batch = [];
    this.#checkpoint = undefined;
    this.#pending.clear();
    this.#last = last;
    const first = last - records.length + 1;
    return { first, last, body, sum: checksum(body), checkpoint, rows };
  }

  #arrived(batch: Batch): void {
    if (this.#onTheirWay[0] !== batch) return; // It was lost in a crash, or closed in haste.
    this.#onTheirWay.shift();
    this.disk.write(batch);
    this.#durable = batch.last;
    this.changed();
  }

  /** An orderly end: what was committed becomes durable, what was not is lost. */
  close(): void {
    this.#end(this.#onTheirWay.length);
  }

  /** The role is gone: of what was on its way, a drawn number of batches made it. */
  crash(): void {
    const torn = this.disk.hooks.torn?.() ?? 0;
    const survivors = Math.floor(this.random.next() * (this.#onTheirWay.length + 1));
    this.#end(survivors, torn > 0 && this.random.next() < torn ? this.random.next() : 0);
  }

  #end(survivors: number, tornShare = 0): void {
    if (this.#closed) return;
    this.#closed = true;
    const batches = this.#onTheirWay.splice(0);
    for (const batch of batches.slice(0, survivors)) this.disk.write(batch);
    this.disk.lost += this.#batch.length + this.#pending.size;
    for (const { first, last, rows } of batches.slice(survivors)) {
      this.disk.lost += last - first + 1 + rows.size;
    }
    const lost = batches[survivors];
    if (lost !== undefined && tornShare > 0) this.disk.tear(lost, tornShare);
    if (this.disk.owner === this) this.disk.owner = undefined;
  }
}
