/**
 * Virtual time: a queue of events, taken one by one in the order (due, set first). Time stands
 * still while an event runs and jumps to the next one after it.
 *
 * @module
 */
import type { Clock } from "../ports.ts";
import { type Timer, Timers } from "../timers.ts";

/** Wall clock at virtual instant 0: 2026-01-01T00:00:00Z. */
export const EPOCH_MS = 1_767_225_600_000;

/** The clock of a simulated system, and what will happen in it. */
export class Scheduler implements Clock {
  readonly #events = new Timers();
  #now = 0;
  /** How many events have happened. */
  taken = 0;

  now(): number {
    return this.#now;
  }

  wall(): number {
    return EPOCH_MS + Math.floor(this.#now);
  }

  /** How many events are to come. */
  get size(): number {
    return this.#events.size;
  }

  /** Lets something happen at the instant `due`, or now if that has passed. */
  at(due: number, event: () => void): Timer {
    return this.#events.set(Math.max(due, this.#now), event);
  }

  /** Takes an event back; one that has happened is left alone. */
  cancel(timer: Timer): void {
    this.#events.cancel(timer);
  }

  /** When the next event is due; undefined if nothing is to come. */
  next(): number | undefined {
    return this.#events.next();
  }

  /** Lets the next event happen if it is due by `limit`; false if there is none. */
  step(limit: number = Infinity): boolean {
    const next = this.#events.next();
    if (next === undefined || next > limit) return false;
    this.#now = next;
    this.taken++;
    this.#events.take()!();
    return true;
  }

  /** Moves time on to `instant`; what is due before must have happened. */
  skipTo(instant: number): void {
    const next = this.#events.next();
    if (next !== undefined && next < instant) {
      throw new RangeError(`Cannot skip to ${instant} ms: an event is due at ${next} ms`);
    }
    this.#now = Math.max(this.#now, instant);
  }
}
