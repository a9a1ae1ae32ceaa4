/**
 * What a participant remembers of each coordinator's log: the watermark below which everything has
 * ended, and the transactions it still knows.
 *
 * @module
 */
import type { TransactionId } from "../protocols/two_phase_commit/messages.ts";
import { raiseLowest } from "../protocols/two_phase_commit/rules.ts";
import { ChurnMap } from "../runtime/churn_map.ts";

/** The transactions of one log. */
export interface KnownLog<T> {
  /** The watermark. */
  lowest: number;
  /** By sequence number. */
  readonly known: ChurnMap<number, T>;
  /** Below the watermark and not settled yet. */
  readonly unsettled: ChurnMap<number, T>;
}

/** Logs by name. */
export class Watermarks<T> {
  readonly #logs = new Map<string, KnownLog<T>>();

  /**
   * @param forget asks a transaction to go; it may stay until a later watermark
   * @param raised called with every watermark announced
   */
  constructor(
    private readonly forget: (transaction: T) => void,
    private readonly raised: (name: string, announced: number) => void = () => {},
  ) {}

  /** The log of a name, empty at first. */
  log(name: string): KnownLog<T> {
    let log = this.#logs.get(name);
    if (log === undefined) {
      this.#logs.set(name, log = { lowest: 0, known: new ChurnMap(), unsettled: new ChurnMap() });
    }
    return log;
  }

  /** All logs. */
  [Symbol.iterator](): Iterator<[name: string, log: KnownLog<T>]> {
    return this.#logs[Symbol.iterator]();
  }

  /** A transaction has gone. */
  delete({ log: name, sequence }: TransactionId): void {
    const log = this.log(name);
    log.known.delete(sequence);
    log.unsettled.delete(sequence);
  }

  /** Takes note of an announced watermark: what has ended below it may be forgotten. */
  raise(name: string, announced: number): void {
    this.raised(name, announced);
    const log = this.log(name);
    const before = log.lowest;
    log.lowest = raiseLowest(before, announced);
    if (log.lowest === before) return;
    for (const transaction of log.unsettled.values()) this.forget(transaction);
    if (log.lowest - before > log.known.size) {
      // A coordinator that restarted skips the rest of its reserved numbers.
      for (const [sequence, transaction] of log.known) {
        if (sequence < log.lowest) this.#forgetOne(log, sequence, transaction);
      }
      return;
    }
    for (let sequence = before; sequence < log.lowest; sequence++) {
      const transaction = log.known.get(sequence);
      if (transaction !== undefined) this.#forgetOne(log, sequence, transaction);
    }
  }

  #forgetOne(log: KnownLog<T>, sequence: number, transaction: T): void {
    this.forget(transaction);
    if (log.known.has(sequence)) log.unsettled.set(sequence, transaction);
  }
}
