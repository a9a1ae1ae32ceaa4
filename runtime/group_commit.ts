/**
 * A role's store as its host uses it: one commit for all records of a turn, and a callback for
 * each forced record once it is durable, possibly turns later.
 *
 * @module
 */
import type { Clock, Store } from "./ports.ts";
import type { Timer, Timers } from "./timers.ts";
import type { Witness } from "./witness.ts";

/** Lazy records wait this long for a forced one to travel with. */
const LAZY_COMMIT_MS = 50;

/** Batches the records of a role. */
export class GroupCommit {
  readonly #waits: { readonly number: number; readonly durable: () => void }[] = [];
  #store: Store | undefined;
  #forced = false;
  #lazyTimer: Timer | undefined;
  /** Commits asked for so far. */
  commits = 0;

  constructor(
    private readonly openPort: () => Store,
    private readonly timers: Timers,
    private readonly clock: Clock,
    private readonly witness: () => Witness | undefined = () => undefined,
  ) {}

  /** Opens the store, once. */
  open(): Store {
    return this.#store ??= this.openPort();
  }

  get store(): Store | undefined {
    return this.#store;
  }

  /** Whether a commit is due at the end of this turn. */
  get forced(): boolean {
    return this.#forced;
  }

  /** Adds a record; see `Services.journal`. */
  append(record: unknown, forced: boolean, durable?: () => void): void {
    if (this.#store === undefined) throw new Error("Cannot journal: no store is open");
    const number = this.#store.append(record);
    if (durable !== undefined) this.#waits.push({ number, durable });
    if (forced) this.#forced = true;
    this.witness()?.journaled?.(record, number, forced);
  }

  /** Tells those whose records have become durable. */
  deliver(): void {
    if (this.#store === undefined) return;
    this.witness()?.durable?.(this.#store.durable);
    while (this.#waits.length > 0 && this.#waits[0]!.number <= this.#store.durable) {
      this.#waits.shift()!.durable();
    }
  }

  /** Commits what this turn forced, and lazy records when they have waited long enough. */
  commit(): void {
    if (this.#store === undefined || !this.#store.dirty) {
      this.#forced = false; // The lazy records it was for went with a forced one.
      return;
    }
    if (!this.#forced) {
      this.#lazyTimer ??= this.timers.set(this.clock.now() + LAZY_COMMIT_MS, () => {
        this.#lazyTimer = undefined;
        this.#forced = true;
      });
      return;
    }
    this.#forced = false;
    if (this.#lazyTimer !== undefined) this.timers.cancel(this.#lazyTimer);
    this.#lazyTimer = undefined;
    this.#store.commit();
    this.commits++;
    this.deliver();
  }

  /** Makes everything durable with this turn; true if there is anything to wait for. */
  force(): boolean {
    this.#forced = this.#store?.dirty ?? false;
    return this.#forced;
  }

  /** Commits what is left, and closes. */
  close(): void {
    if (this.#store?.dirty) this.#store.commit();
    this.#store?.close();
    this.#store = undefined;
  }
}
