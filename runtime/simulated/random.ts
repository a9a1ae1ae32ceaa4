/**
 * Randomness of the simulator: everything from the seed, the bytes too.
 *
 * @module
 */
import type { Random } from "../ports.ts";
import { seeded } from "../random.ts";

/** Seeded numbers and bytes. Its bytes are predictable: never use them for real secrets. */
export class SimulatedRandom implements Random {
  readonly next: () => number;

  /** The numbers of a seed. */
  constructor(seed: number) {
    this.next = seeded(seed);
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => Math.floor(this.next() * 256));
  }

  /** Uniform in [`min`, `max`). */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }
}
