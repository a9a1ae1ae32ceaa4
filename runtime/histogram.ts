/**
 * A histogram of durations with a relative error of about 1 %, that can be merged: percentiles of
 * several roles are taken from the merged histogram, never averaged.
 *
 * Buckets grow by a constant factor, so `n` buckets cover `factor^n`.
 *
 * @module
 */

const FACTOR = 1.02;
const LOG = Math.log(FACTOR);
/** Smallest distinguished duration, in ms. */
const LEAST_MS = 0.001;

/** Buckets as they travel between roles: pairs of bucket index and count. */
export type HistogramData = readonly (readonly [bucket: number, count: number])[];

/** A mergeable histogram of durations in ms. */
export class Histogram {
  readonly #counts = new Map<number, number>();
  #total = 0;

  /** Adds a duration. */
  record(ms: number): void {
    const bucket = ms <= LEAST_MS ? 0 : Math.ceil(Math.log(ms / LEAST_MS) / LOG);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#total++;
  }

  /** How many durations there are. */
  get count(): number {
    return this.#total;
  }

  /** Adds what another one has counted. */
  merge(data: HistogramData): this {
    for (const [bucket, count] of data) {
      this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
      this.#total += count;
    }
    return this;
  }

  /**
   * The duration in ms that a share `p` of all durations does not exceed; 0 when there is none.
   *
   * @param p in [0, 1]
   */
  percentile(p: number): number {
    let rank = Math.max(1, Math.ceil(p * this.#total));
    for (const [bucket, count] of this.toJSON()) {
      rank -= count;
      // The middle of the bucket.
      if (rank <= 0) return LEAST_MS * FACTOR ** (bucket - 0.5);
    }
    return 0;
  }

  /** Its buckets, in order. */
  toJSON(): HistogramData {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }

  /** Forgets everything. */
  reset(): void {
    this.#counts.clear();
    this.#total = 0;
  }
}
