/**
 * Deadlines in a binary heap. A cancelled timer stays in the heap and is skipped when it comes
 * up, which is cheaper than taking it out.
 *
 * @module
 */

/** A handle to cancel with. */
export interface Timer {
  /** When it fires, in ms. */
  readonly due: number;
  /** Order of creation: timers due at one instant fire in the order they were set. */
  readonly order: number;
  /** What it does; undefined once it has fired or was cancelled. */
  action: (() => void) | undefined;
}

/** A set of deadlines; does not look at any clock itself. */
export class Timers {
  readonly #heap: Timer[] = [];
  #order = 0;
  #live = 0;

  /** How many are set and not cancelled. */
  get size(): number {
    return this.#live;
  }

  /** Sets a timer for the instant `due`, in ms. */
  set(due: number, action: () => void): Timer {
    const timer: Timer = { due, order: this.#order++, action };
    this.#live++;
    this.#up(timer);
    return timer;
  }

  /** Cancels; a timer that fired or was cancelled before is left alone. */
  cancel(timer: Timer): void {
    if (timer.action === undefined) return;
    timer.action = undefined;
    this.#live--;
    // Do not let a pile of cancelled long timers outgrow what is live.
    if (this.#heap.length > 1024 && this.#heap.length > 4 * this.#live) this.#rebuild();
  }

  /** The earliest instant at which something is due; undefined if nothing is set. */
  next(): number | undefined {
    this.#skipCancelled();
    return this.#heap[0]?.due;
  }

  /** Fires all that is due at `now`; returns how many. What they set fires in a later call. */
  fire(now: number): number {
    const bound = this.#order;
    let fired = 0;
    for (;;) {
      this.#skipCancelled();
      const top = this.#heap[0];
      if (top === undefined || top.due > now || top.order >= bound) return fired;
      this.#pop();
      const action = top.action!;
      top.action = undefined;
      this.#live--;
      fired++;
      action();
    }
  }

  /** Takes the earliest one out, due or not, and returns what it would have done. */
  take(): (() => void) | undefined {
    this.#skipCancelled();
    const top = this.#heap[0];
    if (top === undefined) return undefined;
    this.#pop();
    const action = top.action;
    top.action = undefined;
    this.#live--;
    return action;
  }

  #skipCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]!.action === undefined) this.#pop();
  }

  #rebuild(): void {
    const live = this.#heap.filter((t) => t.action !== undefined);
    live.sort((a, b) => a.due - b.due || a.order - b.order);
    // One by one: spread into a call, some hundred thousand overflow the stack.
    live.forEach((timer, i) => this.#heap[i] = timer);
    this.#heap.length = live.length;
  }

  /** Moves those that come after it down from the end, and puts it where they made room. */
  #up(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(timer, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let index = 0;
    for (;;) {
      let least = 2 * index + 1;
      if (least >= size) break;
      if (least + 1 < size && isBefore(heap[least + 1]!, heap[least]!)) least++;
      if (!isBefore(heap[least]!, last)) break;
      heap[index] = heap[least]!;
      index = least;
    }
    heap[index] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
