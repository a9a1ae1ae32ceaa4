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
    this.#heap.push(timer);
    this.#live++;
    this.#up(this.#heap.length - 1);
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

  #before(a: number, b: number): boolean {
    const x = this.#heap[a]!, y = this.#heap[b]!;
    return x.due < y.due || (x.due === y.due && x.order < y.order);
  }

  #swap(a: number, b: number): void {
    const x = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = x;
  }

  #up(index: number): void {
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #pop(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1, right = left + 1;
      let least = index;
      if (left < this.#heap.length && this.#before(left, least)) least = left;
      if (right < this.#heap.length && this.#before(right, least)) least = right;
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }
}
