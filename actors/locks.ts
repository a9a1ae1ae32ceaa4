/**
 * Record locks of one participant, shared or exclusive, granted in the order in which their owners
 * began: one that had to give way and is tried again keeps its place, so that each is the first at
 * last. Where all began at once, first come is first served.
 *
 * Nobody else overtakes: a reader that would fit beside the present holders waits all the same behind
 * a writer that began before it, or writers would starve.
 *
 * Owners of one *lane* may follow one another: once an owner has worked out what it writes, the next
 * of its lane may hold the same keys and build on that, on the condition that the first one commits
 * (Graefe et al. 2013, "Controlled Lock Violation", section 3). Whoever lets owners into a lane must
 * see to that; {@link Locks.dependencies} says on whom an owner depends. Any order between two
 * counts, that of a writer after a reader as well, so that orders at different tables cannot
 * contradict one another.
 *
 * An owner asks for all its keys at once, each in the strongest mode it will need, and takes them in
 * key order. So locks are never upgraded, and owners of one table never deadlock with each other.
 * Across participants they can: {@link Locks.waits} says who waits for whom.
 *
 * @module
 */
import { ChurnMap } from "../runtime/churn_map.ts";
import {
  emptyQueue,
  enqueue,
  fits,
  hold,
  isNext,
  isShared,
  leave,
  newWaiter,
  type Queue,
  type Waiter,
} from "./lock_queue.ts";

/** One owner waits for another. */
export interface LockWait {
  /** Who waits. */
  readonly waiter: string;
  /** Who holds the key, or stands before it in the queue. */
  readonly holder: string;
  /** For what. */
  readonly key: string;
  /** It has what it wants, and waits for the holder's decision only: see {@link Locks.letFollow}. */
  readonly follows: boolean;
}

const NONE: ReadonlySet<string> = new Set();

/** How locks are asked for. */
export interface LockOptions {
  /** Keys that are only read: owners that only read may hold them together. */
  readonly shared?: readonly string[];
  /** It may follow owners of the same lane; not given: it follows nobody. */
  readonly lane?: string;
  /** When it began, in cluster ms; the earlier goes first. */
  readonly since?: number;
}

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
   * @throws {Error} if the owner holds or waits for locks already
   */
  acquire(
    owner: string,
    keys: readonly string[],
    granted: () => void,
    { shared = [], lane, since = 0 }: LockOptions = {},
  ): void {
    const only = shared.length === 0 ? NONE : new Set(shared);
    this.#enter(newWaiter({ owner, keys, shared: only, granted, lane, since }));
  }

  /** Lets others of its lane follow an owner, if it holds all its keys: what it writes is known. */
  letFollow(owner: string): void {
    const waiter = this.#owners.get(owner);
    if (waiter === undefined || waiter.lane === undefined || waiter.followable) return;
    if (waiter.held < waiter.keys.length) return;
    waiter.followable = true;
    for (const key of waiter.keys) {
      const queue = this.#queues.get(key)!;
      queue.unready--;
      if (queue.head < queue.waiters.length) this.#moveOn(key, queue);
    }
    this.#serve();
  }

  /** Whom an owner follows, the nearest of each key: these must commit before it may. */
  dependencies(owner: string): string[] {
    return [...this.#owners.get(owner)?.ahead ?? []].map((each) => each.owner);
  }

  /** Calls `alone` when an owner follows nobody any more; it must follow somebody. */
  whenAlone(owner: string, alone: () => void): void {
    this.#owners.get(owner)!.alone = alone;
    this.contended();
  }

  /**
   * Calls `read` when nobody holds any of the keys exclusively, behind those who wait already.
   *
   * @param since as in {@link LockOptions}
   * @returns gives up the wait; does nothing after it
   */
  whenFree(keys: readonly string[], read: () => void, since = 0): () => void {
    const owner = `reader ${this.#readers++}`;
    const sorted = [...keys].sort();
    this.#enter(
      newWaiter({ owner, keys: sorted, shared: "all", granted: read, since, passing: true }),
    );
    return () => this.release(owner);
  }

  #enter(waiter: Waiter): void {
    const { owner } = waiter;
    if (!this.#owners.add(owner, waiter)) throw new Error(`${owner} has locks already`);
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
      } else if (isNext(queue, waiter) && fits(queue, waiter, key)) {
        hold(queue, waiter, key);
      } else {
        enqueue(queue, waiter);
        waiter.queued = true;
        return this.contended();
      }
    }
    if (waiter.ahead.size > 0) this.contended();
    waiter.granted();
    if (waiter.passing) this.release(waiter.owner);
  }

  /** Gives back what an owner holds and takes back what it waits for; nothing if it has none. */
  release(owner: string): void {
    const waiter = this.#owners.take(owner);
    if (waiter === undefined) return;
    waiter.gone = true;
    const { keys, held, queued } = waiter;
    for (const key of keys.slice(0, queued ? held + 1 : held)) {
      const queue = this.#queues.get(key)!;
      if (queue.holders.delete(waiter)) leave(queue, waiter, key);
      else queue.gone++;
      this.#moveOn(key, queue);
    }
    for (const each of waiter.ahead) each.behind.delete(waiter);
    for (const each of waiter.behind) this.#goneAhead(each, waiter);
    // Once old, it would keep its followers from being collected, and they theirs.
    waiter.ahead.clear();
    waiter.behind.clear();
    this.#serve();
  }

  /** Whom it follows has gone: it follows those that one followed, if they are still there. */
  #goneAhead(waiter: Waiter, gone: Waiter): void {
    waiter.ahead.delete(gone);
    for (const each of gone.ahead) {
      waiter.ahead.add(each);
      each.behind.add(waiter);
    }
    if (waiter.ahead.size === 0 && waiter.alone !== undefined) this.#turns.push(waiter);
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
        if (waiter.gone) continue;
        const { alone } = waiter;
        waiter.alone = undefined;
        if (alone === undefined) this.#advance(waiter);
        else alone();
      }
    } finally {
      this.#turns.length = 0;
      this.#serving = false;
    }
  }

  /** How many wait for that one of these keys for which most do. */
  line(keys: readonly string[]): number {
    return keys.reduce((longest, key) => {
      const { waiters, head, gone } = this.#queues.get(key) ?? { waiters: [], head: 0, gone: 0 };
      return Math.max(longest, waiters.length - head - gone);
    }, 0);
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
   * nearest are named, for they wait for the others. Who follows another waits for it too.
   */
  waits(): LockWait[] {
    const ahead = this.#ahead();
    const waits: LockWait[] = [];
    for (const { owner: waiter, keys, ahead } of this.#owners.values()) {
      for (const { owner: holder } of ahead) {
        waits.push({ waiter, holder, key: keys[0]!, follows: true });
      }
    }
    for (const [waiter, { key }] of ahead) {
      if (waiter.passing) continue;
      for (const holder of owners(waiter, ahead)) {
        waits.push({ waiter: waiter.owner, holder: holder.owner, key, follows: false });
      }
    }
    return waits;
  }

  /** For each waiter: the nearest before it in its queue that do not fit beside it. */
  #ahead(): Map<Waiter, Ahead> {
    const found = new Map<Waiter, Ahead>();
    for (const [key, queue] of this.#queues) {
      let group: Waiter[] = [...queue.holders];
      let sharing = queue.writers === 0;
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

interface Ahead {
  readonly key: string;
  readonly before: readonly Waiter[];
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
