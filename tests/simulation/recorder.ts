/**
 * Records what happens in a run: always as a running hash, as lines only when someone wants them.
 *
 * @module
 */
import { type TraceEvent, TraceHash } from "./trace.ts";

/** The trace of one run as it grows. */
export class Recorder {
  readonly #hash = new TraceHash();
  readonly #words = new Map<string, number>();
  /** How many events there were. */
  count = 0;

  /**
   * @param now virtual ms
   * @param lines where the events go; undefined: nobody reads them
   */
  constructor(private readonly now: () => number, readonly lines: TraceEvent[] | undefined) {}

  /**
   * Adds an event.
   *
   * @param note is asked for only when lines are wanted
   * @param about what goes into the hash in its place
   */
  add(
    from: string,
    to: string,
    type: string,
    before: string,
    after: string,
    note: () => string,
    about = "",
  ): void {
    const hash = this.#hash;
    this.count++;
    hash.number(this.now());
    hash.word(this.#word(from));
    hash.word(this.#word(to));
    hash.word(this.#word(type));
    hash.word(this.#word(before));
    hash.word(this.#word(after));
    hash.word(this.#word(about));
    this.lines?.push({
      n: this.count,
      t: this.now(),
      from,
      to,
      type,
      state_before: before,
      state_after: after,
      note: note(),
    });
  }

  /** A text is hashed once; after that its number stands for it. */
  #word(text: string): number {
    let word = this.#words.get(text);
    if (word === undefined) {
      this.#hash.text(text);
      this.#words.set(text, word = this.#words.size);
    }
    return word;
  }

  /** Takes in what is no event, such as the rows of a store. */
  note(text: string): void {
    this.#hash.text(text);
  }

  /** The hash so far. */
  get digest(): string {
    return this.#hash.digest;
  }
}
