/**
 * Stores in memory that fail like disks. A commit only starts to make a batch durable; that is
 * done a drawn delay later, batches in order, several of them possibly on their way. A crash
 * keeps what is durable and a drawn number of the batches on their way, never with a hole.
 *
 * @module
 */
import { decode, encode } from "../codec.ts";
import { salvageChain, type Salvaged, seal, type SealedBatch } from "../journal_chain.ts";
import type { Store, Value } from "../ports.ts";
import { StoreError } from "../store_error.ts";
import { type Batch, Disk, type DiskHooks } from "./disk.ts";
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

export type { DiskHooks, WrittenBatch } from "./disk.ts";

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

  /** Changes what lies on the medium of a disk, behind the back of whoever uses it. */
  damage(key: string, spoil: (batches: readonly SealedBatch[]) => readonly SealedBatch[]): void {
    const disk = this.#disks.get(key);
    if (disk === undefined) throw new RangeError(`Cannot damage: no disk ${key}`);
    disk.batches = [...spoil(disk.batches)];
    disk.durable = disk.batches.at(-1)?.last ?? disk.start.last;
  }

  /** Keeps what is sound of a damaged disk, under a new identity. */
  salvage(key: string): Salvaged {
    const disk = this.#disks.get(key);
    if (disk === undefined) throw new RangeError(`Cannot salvage: no disk ${key}`);
    const salvaged = salvageChain(disk.start, disk.batches);
    disk.batches = [...salvaged.batches];
    disk.start = salvaged.start;
    disk.id = uuid(this.random.bytes(16));
    return salvaged;
  }

  /** Takes a disk away; the next store of that key has another id. */
  replace(key: string): void {
    this.#disks.delete(key);
  }
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
  /** Of the last batch, durable or not. */
  #hash: number;

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
    const end = disk.verify();
    this.#hash = end.hash;
    this.#rows = new Map(disk.rows);
    this.#last = this.#durable = disk.durable = end.last;
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
    const first = last - records.length + 1;
    const checkpoint = this.#checkpoint && { hash: this.#hash, last: first - 1 };
    const sealed = records.length === 0
      ? undefined
      : seal(this.#hash, first, last, encode(records));
    this.#hash = sealed?.hash ?? this.#hash;
    this.#bytes = (checkpoint ? 0 : this.#bytes) + (sealed?.body.length ?? 0);
    this.#batch = [];
    this.#checkpoint = undefined;
    this.#pending.clear();
    this.#last = last;
    return { sealed, last, checkpoint, rows };
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
    for (const { sealed, rows } of batches.slice(survivors)) {
      this.disk.lost += (sealed === undefined ? 0 : sealed.last - sealed.first + 1) + rows.size;
    }
    const lost = batches[survivors];
    if (lost !== undefined && tornShare > 0) this.disk.tear(lost, tornShare);
    if (this.disk.owner === this) this.disk.owner = undefined;
  }
}
