/**
 * How long to wait for an answer before asking again: the round-trip estimate of Jacobson 1988,
 * "Congestion Avoidance and Control", as in RFC 6298.
 *
 * @module
 */

/** Longest wait, whatever the estimate says, in ms. */
export const LONGEST_WAIT_MS = 5000;
/** A wait is doubled no further than this: what was cut off for long must be settled in 5 s. */
const LONGEST_BACKOFF_MS = LONGEST_WAIT_MS / 2;

/** A running estimate, fed with measured round trips. */
export class RoundTrip {
  #smoothed: number | undefined;
  #variation = 0;

  /**
   * @param initialMs the wait before anything is measured
   * @param floorMs the shortest wait
   */
  constructor(private readonly initialMs: number, private readonly floorMs: number) {}

  /** Counts a round trip in ms. Do not feed it answers to a message that was sent twice (Karn). */
  measured(ms: number): void {
    if (this.#smoothed === undefined) {
      this.#smoothed = ms;
      this.#variation = ms / 2;
      return;
    }
    this.#variation += (Math.abs(ms - this.#smoothed) - this.#variation) / 4;
    this.#smoothed += (ms - this.#smoothed) / 8;
  }

  /** The wait in ms: a power of two, so that machines see few distinct values. */
  get waitMs(): number {
    const wanted = this.#smoothed === undefined
      ? this.initialMs
      : Math.max(this.floorMs, this.#smoothed + 4 * this.#variation);
    return Math.min(LONGEST_WAIT_MS, 2 ** Math.ceil(Math.log2(Math.max(1, wanted))));
  }

  /** How often {@link RoundTrip.waitMs} may be doubled. */
  get maxBackoff(): number {
    return Math.max(0, Math.floor(Math.log2(LONGEST_BACKOFF_MS / this.waitMs)));
  }
}
