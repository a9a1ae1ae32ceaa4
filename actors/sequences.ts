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

/** A log that was handed over to this coordinator: what is open in it, and how far it went. */
type Adopted<T> = {
  readonly reservedUpTo: number;
  readonly open: ChurnMap<number, T | undefined>;
};

/** What a journal says of the numbers of a log. */
type Found = { readonly next: number; readonly reservedUpTo: number };

/** Gives out numbers and knows which are open, and for what. */
export class Sequences<T = unknown> {
  /** In order of their numbers. */
  readonly #open = new ChurnMap<number, T | undefined>();
  readonly #adopted = new Map<string, Adopted<T>>();
  #next = 0;
  #reservedUpTo = 0;
  #durableUpTo = 0;
  #reserving = false;
  #sealed = false;

  constructor(private readonly services: Services) {}

  /** The log that numbers are given out in: that of the store. */
  get log(): string {
    return this.services.store.id;
  }

  /**
   * Goes on after a restart, or with a log that was handed over.
   *
   * @param open the numbers of what goes on, in any order
   */
  recover(log: string, found: Found, open: readonly number[]): void {
    const numbers = open.toSorted((a, b) => a - b);
    if (log === this.log) {
      for (const sequence of numbers) this.#open.set(sequence, undefined);
      this.#next = found.next;
      this.#reservedUpTo = this.#durableUpTo = found.reservedUpTo;
    } else {
      const adopted: Adopted<T> = { reservedUpTo: found.reservedUpTo, open: new ChurnMap() };
      for (const sequence of numbers) adopted.open.set(sequence, undefined);
      this.#adopted.set(log, adopted);
    }
  }

  /** The log is sealed, here and for good: another answers for it. */
  seal(log: string): void {
    if (log !== this.log) return void this.#adopted.delete(log);
    this.#sealed = true;
    for (const sequence of [...this.#open.keys()]) this.#open.delete(sequence);
  }

  /**
   * The next number; undefined while none is reserved durably: the log must know that a number was
   * given out before anyone hears of it.
   */
  take(): number | undefined {
    if (this.#sealed) return undefined;
    if (this.#reservedUpTo - this.#next < BLOCK / 2) this.reserve();
    return this.#next < this.#durableUpTo ? this.#next++ : undefined;
  }

  /** Reserves the next block ahead of need. */
  reserve(): void {
    if (this.#reserving) return;
    const upTo = nextReservation(this.#reservedUpTo, this.#reservedUpTo, BLOCK)!;
    this.#reservedUpTo = upTo;
    this.#reserving = true;
    this.services.journal({ kind: "reserved", upTo }, true, () => {
      this.#durableUpTo = upTo;
      this.#reserving = false;
    });
  }

  /** The record that says what is reserved in a log. */
  record(log: string = this.log): CoordinatorRecord {
    const upTo = log === this.log ? this.#reservedUpTo : this.#adopted.get(log)?.reservedUpTo ?? 0;
    return { kind: "reserved", upTo };
  }

  /** Numbers at or above were never given out. */
  get reservedUpTo(): number {
    return this.#durableUpTo;
  }

  /** What no record of a transaction means here. */
  unknown({ log, sequence }: TransactionId): "abort" | "unknown" {
    const adopted = this.#adopted.get(log);
    const isOwn = log === this.log;
    return answerUnknown({
      ownsLog: isOwn || adopted !== undefined,
      logComplete: true,
      epochCurrent: !(isOwn && this.#sealed),
      sequence,
      reservedUpTo: adopted?.reservedUpTo ?? this.#durableUpTo,
    });
  }

  /** The log that a transaction is kept with: one of a salvaged log with those of the own. */
  home(log: string): string {
    return this.#adopted.has(log) ? log : this.log;
  }

  #openIn(log: string): ChurnMap<number, T | undefined> {
    return this.#adopted.get(log)?.open ?? this.#open;
  }

  /** A transaction has begun. */
  begin({ log, sequence }: TransactionId, transaction?: T): void {
    this.#openIn(log).set(sequence, transaction);
  }

  /** What goes on under an id. */
  find({ log, sequence }: TransactionId): T | undefined {
    const isKnown = log === this.log || this.#adopted.has(log);
    return isKnown ? this.#openIn(log).get(sequence) : undefined;
  }

  /** A transaction has ended. */
  end({ log, sequence }: TransactionId): void {
    this.#openIn(log).delete(sequence);
  }

  /** Every number of the own log below it has ended. */
  get lowest(): number {
    return this.#open.oldestKey ?? this.#next;
  }
}
