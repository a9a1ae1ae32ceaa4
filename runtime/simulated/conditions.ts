/**
 * How the simulated world misbehaves beyond its links: clocks that drift, nodes that are slow,
 * delays with heavy tails, disks that tear their last write. All of it may change as time goes by,
 * but the rate of a clock.
 *
 * @module
 */
import type { Clock } from "../ports.ts";

/** An added delay of packets: Pareto distributed, so that a few take very long. */
export interface Tail {
  /** The mean, in ms. */
  readonly meanMs: number;
  /** Above 1; the closer to 1, the heavier the tail. */
  readonly shape: number;
  /** No packet takes longer than this on top, in ms. */
  readonly mostMs: number;
}

/** The conditions of one simulated system. */
export class Conditions {
  /** By node, how fast its clock runs: 1 is true time. A role sees its node's rate of its start. */
  readonly rates: Map<string, number> = new Map();
  /** By node, how long a turn waits before it begins, at most, in ms. Absent: it is not slow. */
  readonly slowness: Map<string, number> = new Map();
  /** Added to the delay of packets between nodes. */
  tail: Tail | undefined;
  /** What the next packet between nodes is held up by on top, in ms; once. */
  snag = 0;
  /** Probability that a crash leaves a torn write on the disk, of a batch that was on its way. */
  torn = 0;

  /** What a packet is held up by, in ms. @param chance uniform in [0, 1) */
  heldUp(chance: number): number {
    const { snag } = this;
    this.snag = 0;
    if (snag > 0) return snag;
    if (this.tail === undefined) return 0;
    const { meanMs, shape, mostMs } = this.tail;
    // Lomax: Pareto moved to begin at 0; its mean is scale / (shape - 1).
    const scale = meanMs * (shape - 1);
    return Math.min(mostMs, scale * ((1 - chance) ** (-1 / shape) - 1));
  }
}

/** A clock that runs at a rate of its own from virtual instant 0 on. */
export class DriftingClock implements Clock {
  /** What true time is multiplied by: 1.0001 gains 100 ppm. */
  readonly rate: number;
  readonly #base: Clock;

  /**
   * Sets a drifting clock beside the true one.
   *
   * @param base true time
   * @param rate 1.0001 gains 100 ppm
   */
  constructor(base: Clock, rate: number) {
    this.#base = base;
    this.rate = rate;
  }

  now(): number {
    return this.rate === 1 ? this.#base.now() : this.#base.now() * this.rate;
  }

  wall(): number {
    return this.rate === 1
      ? this.#base.wall()
      : this.#base.wall() + Math.floor(this.#base.now() * (this.rate - 1));
  }

  /** The true instant at which this clock has reached `instant`, never a moment early. */
  trueTime(instant: number): number {
    return this.rate === 1 ? instant : instant / this.rate + 1e-6;
  }

  /** What this clock shows at a true instant. */
  shown(instant: number): number {
    return instant * this.rate;
  }
}
