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
  readonly granted: () => void;
  /** Gives the keys back as soon as `granted` has run. */
  readonly passing: boolean;
}

/** A table of locks. */
export class Locks {
  /** Per key, who holds it (first) and who waits, in order. */
  readonly #queues = new Map<string, Waiter[]>();
  readonly #owners = new Map<string, Waiter>();
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
    this.#enter({ owner, keys, held: 0, granted, passing: false });
  }

  /** Calls `read` when none of the keys is locked, behind those who wait already. */
  whenFree(keys: readonly string[], read: () => void): void {
    const owner = `reader ${this.#readers++}`;
    this.#enter({ owner, keys: [...keys].sort(), held: 0, granted: read, passing: true });
  }

  #enter(waiter: Waiter): void {
    if (this.#owners.has(waiter.owner)) throw new Error(`${waiter.owner} has locks already`);
    this.#owners.set(waiter.owner, waiter);
    this.#advance(waiter);
  }

  #advance(waiter: Waiter): void {
    for (; waiter.held < waiter.keys.length; waiter.held++) {
      const key = waiter.keys[waiter.held]!;
      let queue = this.#queues.get(key);
      if (queue === undefined) this.#queues.set(key, queue = []);
      if (!queue.includes(waiter)) queue.push(waiter);
      if (queue[0] !== waiter) return;
    }
    waiter.granted();
    if (waiter.passing) this.release(waiter.owner);
  }

  /** Gives back what an owner holds and takes back what it waits for; nothing if it has none. */
  release(owner: string): void {
    const waiter = this.#owners.get(owner);
    if (waiter === undefined) return;
    this.#owners.delete(owner);
    const next: Waiter[] = [];
    for (const key of waiter.keys) {
      const queue = this.#queues.get(key);
      const position = queue?.indexOf(waiter) ?? -1;
      if (queue === undefined || position < 0) continue;
      queue.splice(position, 1);
      if (queue.length === 0) this.#queues.delete(key);
      else if (position === 0) next.push(queue[0]!);
    }
    for (const waiting of next) {
      // It may have been granted, and even have gone, by the time its turn comes.
      if (this.#owners.get(waiting.owner) === waiting) this.#advance(waiting);
    }
  }

  /** Whether anybody holds or awaits this key. */
  isLocked(key: string): boolean {
    return this.#queues.has(key);
  }

  /** Who holds a key, for operators. */
  holder(key: string): string | undefined {
    return this.#queues.get(key)?.[0]?.owner;
  }
}
