/**
 * The numbers of a coordinator's transactions: each is given out once in the life of its log.
 *
 * @module
 */
import type { CoordinatorRecord, TransactionId } from "../protocols/two_phase_commit/messages.ts";
import { answerUnknown, nextReservation } from "../protocols/two_phase_commit/rules.ts";
import { ChurnMap } from "../runtime/churn_map.ts";
import type { Services } from "../runtime/role.ts";

/** Numbers reserved with one forced record. */
const BLOCK = 65_536;

/** Gives out numbers and knows which are open, and for what. */
export class Sequences<T = unknown> {
  /** In order of their numbers. */
  readonly #open = new ChurnMap<number, T | undefined>();
  #next = 0;
  #reservedUpTo = 0;
  #durableUpTo = 0;
  #reserving = false;

  constructor(private readonly services: Services) {}

  /** Goes on after a restart. @param open the numbers of what goes on, in any order */
  recover(
    found: { readonly next: number; readonly reservedUpTo: number },
    open: readonly number[],
  ): void {
    for (const sequence of open.toSorted((a, b) => a - b)) this.#open.set(sequence, undefined);
    this.#next = found.next;
    this.#reservedUpTo = this.#durableUpTo = found.reservedUpTo;
  }

  /**
   * The next number; undefined while none is reserved durably: the log must know that a number was
   * given out before anyone hears of it.
   */
  take(): number | undefined {
    if (this.#reservedUpTo - this.#next < BLOCK / 2) this.reserve();
    return this.#next < this.#durableUpTo ? this.#next++ : undefined;
  }

  /** Reserves the next block ahead of need. */
  reserve(): void {
    if (this.#reserving) return;
    const upTo = nextReservation(this.#reservedUpTo, this.#reservedUpTo, BLOCK)!;
    this.#reservedUpTo = upTo;
    this.#reserving = true;
    this.services.journal(this.record, true, () => {
      this.#durableUpTo = upTo;
      this.#reserving = false;
    });
  }

  /** The record that says what is reserved. */
  get record(): CoordinatorRecord {
    return { kind: "reserved", upTo: this.#reservedUpTo };
  }

  /** Numbers at or above were never given out. */
  get reservedUpTo(): number {
    return this.#durableUpTo;
  }

  /** What no record of a transaction means here. */
  unknown({ log, sequence }: TransactionId): "abort" | "unknown" {
    return answerUnknown({
      ownsLog: log === this.services.store.id,
      logComplete: true,
      epochCurrent: true,
      sequence,
      reservedUpTo: this.#durableUpTo,
    });
  }

  /** A transaction has begun. */
  begin(sequence: number, transaction?: T): void {
    this.#open.set(sequence, transaction);
  }

  /** What goes on under an id. */
  find({ log, sequence }: TransactionId): T | undefined {
    return log === this.services.store.id ? this.#open.get(sequence) : undefined;
  }

  /** A transaction has ended. */
  end(sequence: number): void {
    this.#open.delete(sequence);
  }

  /** Every number below it has ended. */
  get lowest(): number {
    return this.#open.oldestKey ?? this.#next;
  }
}
