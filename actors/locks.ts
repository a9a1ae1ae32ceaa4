/**
 * Record locks of one participant, shared or exclusive, granted first come, first served.
 *
 * Nobody overtakes: a reader that would fit beside the present holders waits all the same behind a
 * writer that came before it, or writers would starve.
 *
 * An owner asks for all its keys at once, each in the strongest mode it will need, and takes them in
 * key order. So locks are never upgraded, and owners of one table never deadlock with each other.
 * Across participants they can: {@link Locks.waits} says who waits for whom.
 *
 * @module
 */
import { ChurnMap } from "../runtime/churn_map.ts";

interface Waiter {
  readonly owner: string;
  readonly keys: readonly string[];
  /** Keys that others may hold at the same time; all of them: `"all"`. */
  readonly shared: ReadonlySet<string> | "all";
  /** How many of `keys` it holds: it waits for the next. */
  held: number;
  /** It stands in the queue of that next key. */
  queued: boolean;
  /** It has given back what it held; queues may still name it. */
  gone: boolean;
  readonly granted: () => void;
  /** Gives the keys back as soon as `granted` has run. */
  readonly passing: boolean;
}

/** Who holds a key, and who waits for it: in order, from `head` on. */
interface Queue {
  readonly holders: Set<Waiter>;
  /** Whether the holders let others hold it as well. */
  shared: boolean;
  waiters: Waiter[];
  head: number;
  /** How many of those behind the head have gone. */
  gone: number;
}

/** One owner waits for another. */
export interface LockWait {
  /** Who waits. */
  readonly waiter: string;
  /** Who holds the key, or stands before it in the queue. */
  readonly holder: string;
  /** For what. */
  readonly key: string;
}

const NONE: ReadonlySet<string> = new Set();

/** A table of locks. */
export class Locks {
  readonly #queues = new ChurnMap<string, Queue>();
  readonly #owners = new ChurnMap<string, Waiter>();
  /** Those whose turn has come. Served in a loop: they may be more than a stack holds. */
  readonly #turns: Waiter[] = [];
  #serving = false;
  #readers = 0;

  /** @param contended called when somebody has to wait */
  constructor(private readonly contended: () => void = () => {}) {}

  /** Keys that are locked. */
  get size(): number {
    return this.#queues.size;
  }

  /** Owners that wait for a key. */
  get waiting(): number {
    let waiting = 0;
    for (const waiter of this.#owners.values()) {
      if (waiter.held < waiter.keys.length) waiting++;
    }
    return waiting;
  }

  /**
   * Locks all keys for an owner and calls `granted` then, at once if nothing is in the way.
   *
   * @param keys sorted, each once
   * @param shared those of the keys that are only read: owners that only read may hold them together
   * @throws {Error} if the owner holds or waits for locks already
   */
  acquire(
    owner: string,
    keys: readonly string[],
    granted: () => void,
    shared: readonly string[] = [],
  ): void {
    const only = shared.length === 0 ? NONE : new Set(shared);
    this.#enter(owner, keys, only, granted, false);
  }

  /**
   * Calls `read` when nobody holds any of the keys exclusively, behind those who wait already.
   *
   * @returns gives up the wait; does nothing after it
   */
  whenFree(keys: readonly string[], read: () => void): () => void {
    const owner = `reader ${this.#readers++}`;
    this.#enter(owner, [...keys].sort(), "all", read, true);
    return () => this.release(owner);
  }

  #enter(
    owner: string,
    keys: readonly string[],
    shared: Waiter["shared"],
    granted: () => void,
    passing: boolean,
  ): void {
    if (this.#owners.has(owner)) throw new Error(`${owner} has locks already`);
    const waiter = { owner, keys, shared, held: 0, queued: false, gone: false, granted, passing };
    this.#owners.set(owner, waiter);
    this.#advance(waiter);
  }

  #advance(waiter: Waiter): void {
    for (; waiter.held < waiter.keys.length; waiter.held++) {
      const key = waiter.keys[waiter.held]!;
      let queue = this.#queues.get(key);
      if (queue === undefined) {
        this.#queues.set(key, queue = emptyQueue());
      }
      if (queue.holders.has(waiter)) {
        waiter.queued = false; // Its turn came while it waited.
      } else if (queue.head === queue.waiters.length && fits(queue, waiter, key)) {
        hold(queue, waiter, key);
      } else {
        queue.waiters.push(waiter);
        waiter.queued = true;
        return this.contended();
      }
    }
    waiter.granted();
    if (waiter.passing) this.release(waiter.owner);
  }

  /** Gives back what an owner holds and takes back what it waits for; nothing if it has none. */
  release(owner: string): void {
    const waiter = this.#owners.get(owner);
    if (waiter === undefined) return;
    this.#owners.delete(owner);
    waiter.gone = true;
    const { keys, held, queued } = waiter;
    for (const key of keys.slice(0, queued ? held + 1 : held)) {
      const queue = this.#queues.get(key)!;
      if (!queue.holders.delete(waiter)) queue.gone++;
      this.#moveOn(key, queue);
    }
    this.#serve();
  }

  /** Lets those at the head of a queue hold its key whose turn it is: one writer, or readers. */
  #moveOn(key: string, queue: Queue): void {
    for (; queue.head < queue.waiters.length; queue.head++) {
      const next = queue.waiters[queue.head]!;
      if (next.gone) queue.gone--;
      else if (!fits(queue, next, key)) break;
      else {
        hold(queue, next, key);
        this.#turns.push(next);
      }
    }
    // Behind a holder that stays for long others come and give up: they must not pile up.
    if (2 * (queue.head + queue.gone) > queue.waiters.length) {
      queue.waiters = queue.waiters.slice(queue.head).filter(({ gone }) => !gone);
      queue.head = queue.gone = 0;
    }
    if (queue.holders.size === 0) this.#queues.delete(key);
  }

  #serve(): void {
    if (this.#serving) return; // Called from within: the loop below goes on.
    this.#serving = true;
    try {
      for (let turn = 0; turn < this.#turns.length; turn++) {
        const waiter = this.#turns[turn]!;
        if (!waiter.gone) this.#advance(waiter);
      }
    } finally {
      this.#turns.length = 0;
      this.#serving = false;
    }
  }

  /** Whether anybody holds or awaits this key. */
  isLocked(key: string): boolean {
    return this.#queues.has(key);
  }

  /** Who holds a key, the first of them if it is shared; for operators. */
  holder(key: string): string | undefined {
    for (const { owner } of this.#queues.get(key)?.holders ?? []) return owner;
    return undefined;
  }

  /** How many keys an owner holds. */
  held(owner: string): number {
    return this.#owners.get(owner)?.held ?? 0;
  }

  /**
   * Who waits for whom, among owners that `acquire`d: a reader that stands between two of them is
   * left out, and the one waits for the other. Of those that stand in line before a waiter only the
   * nearest are named, for they wait for the others.
   */
  waits(): LockWait[] {
    const ahead = this.#ahead();
    const waits: LockWait[] = [];
    for (const [waiter, { key }] of ahead) {
      if (waiter.passing) continue;
      for (const holder of owners(waiter, ahead)) {
        waits.push({ waiter: waiter.owner, holder: holder.owner, key });
      }
    }
    return waits;
  }

  /** For each waiter: the nearest before it in its queue that do not fit beside it. */
  #ahead(): Map<Waiter, Ahead> {
    const found = new Map<Waiter, Ahead>();
    for (const [key, queue] of this.#queues) {
      let group: Waiter[] = [...queue.holders];
      let sharing = queue.shared;
      let before: readonly Waiter[] = [];
      for (const waiter of queue.waiters.slice(queue.head)) {
        if (waiter.gone) continue;
        const shared = isShared(waiter, key);
        // Who reads beside other waiting readers waits for what they wait for, not for them.
        const joins = shared && sharing && before.length > 0;
        if (joins) group.push(waiter);
        else [before, group, sharing] = [group, [waiter], shared];
        found.set(waiter, { key, before });
      }
    }
    return found;
  }
}

function emptyQueue(): Queue {
  return { holders: new Set(), shared: false, waiters: [], head: 0, gone: 0 };
}

interface Ahead {
  readonly key: string;
  readonly before: readonly Waiter[];
}

function isShared({ shared }: Waiter, key: string): boolean {
  return shared === "all" || shared.has(key);
}

/** Whether a waiter can hold the key beside those who do. */
function fits(queue: Queue, waiter: Waiter, key: string): boolean {
  return queue.holders.size === 0 || (queue.shared && isShared(waiter, key));
}

function hold(queue: Queue, waiter: Waiter, key: string): void {
  queue.holders.add(waiter);
  queue.shared = isShared(waiter, key);
}

/** The owners that someone waits for, readers followed to those they wait for themselves. */
function owners(waiter: Waiter, ahead: ReadonlyMap<Waiter, Ahead>): ReadonlySet<Waiter> {
  const found = new Set<Waiter>();
  const seen = new Set<Waiter>();
  const open = [...ahead.get(waiter)?.before ?? []];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (next.passing) open.push(...ahead.get(next)?.before ?? []);
    else found.add(next);
  }
  found.delete(waiter);
  return found;
}
