/**
 * What a participant does to its rows: locks them, executes operations on them, applies the writes.
 *
 * @module
 */
import { ChurnMap } from "../runtime/churn_map.ts";
import type { Services } from "../runtime/role.ts";
import type { Execution, Ledger, Refusal, Value, Writes } from "./ledger.ts";
import type { LockOptions, Locks } from "./locks.ts";
import type { LockedRows, Work } from "./participant_facts.ts";

const SEED_BATCH = 20_000;
const SEEDED = "meta/seeded";

interface Draft {
  readonly owner: string;
  readonly value: Value | null;
}

/** Executes a ledger's operations. */
export class Executor<Op> {
  /** What undecided transactions will write, by key, the earliest first. */
  readonly #drafts = new ChurnMap<string, Draft[]>();

  constructor(
    private readonly services: Services,
    private readonly ledger: Ledger<Op>,
    private readonly locks: Locks,
    private readonly shards: readonly number[],
  ) {}

  /**
   * Locks what the operations touch, in time, and executes them then. A refusal is certain: where it
   * may be due to what an undecided transaction wrote, that one's end is waited for.
   *
   * @param locked called when the locks are held, with the rows and what came of it
   * @param options whose undecided writes it may build on, when it began, and how many may wait
   */
  begin(
    owner: string,
    work: Work,
    locked: (rows: LockedRows, execution: Execution) => void,
    options: Pick<LockOptions, "lane" | "since"> & { readonly longestLine?: number },
  ): Refusal | undefined {
    const operations = this.#parse(work);
    if (typeof operations === "string") return { code: "invalid_operations", message: operations };
    const { store, clock } = this.services;
    // As a reader, it does not look under the locks of a transaction that is not over.
    const read = (key: string): Value | undefined =>
      this.locks.isLocked(key) ? undefined : store.get(key);
    const settled = this.ledger.settled?.(operations, read, clock.wall());
    if (settled !== undefined) return settled;
    const keys = this.ledger.keys(operations);
    const shared = this.ledger.sharedKeys?.(operations) ?? [];
    const { longestLine } = options;
    if (longestLine !== undefined && this.locks.line(keys) >= longestLine) {
      return { code: "conflict", message: "Too many wait for the same rows", retryable: true };
    }
    const granted = () => {
      const execution = this.#execute(owner, operations);
      const certain = execution.ok || this.locks.dependencies(owner).length === 0;
      if (certain) locked({ keys, shared }, execution);
      else this.locks.whenAlone(owner, granted);
    };
    this.locks.acquire(owner, keys, granted, { ...options, shared });
    return undefined;
  }

  /** Lets the next of its lane build on what an owner of locks will write, if it commits. */
  draft(owner: string, { puts }: Writes): void {
    for (const [key, value] of puts) {
      const drafts = this.#drafts.get(key);
      if (drafts === undefined) this.#drafts.set(key, [{ owner, value }]);
      else drafts.push({ owner, value });
    }
    this.locks.letFollow(owner);
  }

  /** Gives back the locks of an owner: its drafts are rows now, or nothing. */
  release(owner: string, writes: Writes | undefined): void {
    for (const [key] of writes?.puts ?? []) {
      const left = this.#drafts.get(key)?.filter((draft) => draft.owner !== owner) ?? [];
      if (left.length > 0) this.#drafts.set(key, left);
      else this.#drafts.delete(key);
    }
    this.locks.release(owner);
  }

  /** Why operations may not be run by a protocol that a partition makes decide twice, if so. */
  unfit(work: Work, synchronous: boolean): Refusal | undefined {
    const operations = this.#parse(work);
    const isFit = synchronous || typeof operations === "string" ||
      this.ledger.needsSynchrony?.(operations) !== true;
    if (isFit) return undefined;
    const message = "Cannot run a transaction over balances by three-phase commit: a partition " +
      "would split its decision; use 2pc, or declare synchronous links";
    return { code: "protocol_refused", message };
  }

  #parse(work: Work): readonly Op[] | string {
    const all: Op[] = [];
    for (const { shard, operations } of work) {
      if (!this.shards.includes(shard)) return `Shard ${shard} is not kept here`;
      const parsed = this.ledger.parse(operations, shard);
      if (typeof parsed === "string") return parsed;
      all.push(...parsed);
    }
    return all.length === 0 ? "There are no operations" : all;
  }

  #execute(owner: string, operations: readonly Op[]): Execution {
    const { store, clock } = this.services;
    const read = (key: string): Value | undefined => {
      const draft = this.#drafts.get(key)?.at(-1);
      return draft === undefined ? store.get(key) : draft.value ?? undefined;
    };
    const result = this.ledger.execute(operations, read, clock.wall());
    if (!result.ok) return result;
    const violated = this.ledger.verify?.(result.writes, read, operations);
    if (violated === undefined) return result;
    this.services.log("failure", `${owner}: ${violated}`);
    return { ok: false, reason: { code: "violated", message: violated } };
  }

  /** Writes what was voted for, in the same batch as the record that says so. */
  apply(writes: Writes): void {
    const { store } = this.services;
    for (const [key, value] of writes.puts) store.put(key, value);
    for (const [key, delta] of writes.adds) {
      store.put(key, ((store.get(key) ?? 0) as number) + delta);
    }
  }

  /** Fills a new store; false if it has been filled before. Begun again after a crash, it repeats. */
  seed(options: unknown): boolean {
    const { store } = this.services;
    if (store.get(SEEDED) !== undefined) return false;
    let count = 0;
    for (const [key, value] of this.ledger.seed?.(this.shards, options) ?? []) {
      store.put(key, value);
      if (++count % SEED_BATCH === 0) store.commit();
    }
    store.put(SEEDED, true);
    store.commit();
    return true;
  }

  /** Deletes the rows of one shard that have outlived their purpose. */
  sweep(shard: number): void {
    const { store, clock } = this.services;
    const now = clock.wall();
    for (const prefix of this.ledger.expiring(shard)) {
      for (const [key, value] of store.scan(prefix)) {
        if (!this.locks.isLocked(key) && this.ledger.isExpired(key, value, now)) {
          store.put(key, null);
        }
      }
    }
  }
}
