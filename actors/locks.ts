/**
 * Exclusive record locks of one participant, granted first come, first served.
 *
 * An owner asks for all its keys at once and takes them in key order, so owners of one table never
 * deadlock with each other; across participants they can, which is what the lock timeout is for.
 *
 * @module
 */

interface Waiter {
  readonly owner: string;
  readonly keys: readonly string[];
  /** How many of `keys` it holds: it waits for the next. */
  held: number;
  /** In how many queues it stands: one more than it holds while it waits. */
  queued: number;
  /** It has given back what it held; queues may still name it behind their head. */
  gone: boolean;
  readonly granted: () => void;
  /** Gives the keys back as soon as `granted` has run. */
  readonly passing: boolean;
}

/** Who holds a key, at `head`, and who waits for it, in order. The head has never gone. */
interface Queue {
  waiters: Waiter[];
  head: number;
}

/** A table of locks. */
export class Locks {
  readonly #queues = new Map<string, Queue>();
  readonly #owners = new Map<string, Waiter>();
  /** Heads of queues whose turn has come. Served in a loop: they may be more than a stack holds. */
  readonly #turns: Waiter[] = [];
  #serving = false;
  #readers = 0;

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
  acquire(owner: string, keys: readonly string[], granted: () => void): void {
    this.#enter(owner, keys, granted, false);
  }

  /**
   * Calls `read` when none of the keys is locked, behind those who wait already.
   *
   * @returns gives up the wait; does nothing after it
   */
  whenFree(keys: readonly string[], read: () => void): () => void {
    const owner = `reader ${this.#readers++}`;
    this.#enter(owner, [...keys].sort(), read, true);
    return () => this.release(owner);
  }

  #enter(owner: string, keys: readonly string[], granted: () => void, passing: boolean): void {
    if (this.#owners.has(owner)) throw new Error(`${owner} has locks already`);
    const waiter = { owner, keys, held: 0, queued: 0, gone: false, granted, passing };
    this.#owners.set(owner, waiter);
    this.#advance(waiter);
  }

  #advance(waiter: Waiter): void {
    for (; waiter.held < waiter.keys.length; waiter.held++) {
      const key = waiter.keys[waiter.held]!;
      let queue = this.#queues.get(key);
      if (queue === undefined) this.#queues.set(key, queue = { waiters: [], head: 0 });
      if (waiter.queued === waiter.held) {
        queue.waiters.push(waiter);
        waiter.queued++;
      }
      if (queue.waiters[queue.head] !== waiter) return;
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
    for (const key of waiter.keys.slice(0, waiter.queued)) {
      const queue = this.#queues.get(key)!;
      if (queue.waiters[queue.head] === waiter) this.#moveOn(key, queue);
    }
    this.#serve();
  }

  /** The head of a queue has gone: it is the turn of the next who has not. */
  #moveOn(key: string, queue: Queue): void {
    while (queue.waiters[queue.head]?.gone === true) queue.head++;
    const next = queue.waiters[queue.head];
    if (next === undefined) return void this.#queues.delete(key);
    if (2 * queue.head > queue.waiters.length) {
      queue.waiters = queue.waiters.slice(queue.head);
      queue.head = 0;
    }
    this.#turns.push(next);
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

  /** Who holds a key, for operators. */
  holder(key: string): string | undefined {
    const queue = this.#queues.get(key);
    return queue?.waiters[queue.head]?.owner;
  }
}
