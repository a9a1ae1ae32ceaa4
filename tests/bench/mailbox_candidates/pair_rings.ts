/**
 * A ring for each pair of sender and receiver: nobody shares a tail, so nobody waits (Lamport
 * 1983). The reader looks into all of them, and memory grows with the square of the roles.
 */
import { type Candidate, CAPACITY, SENDERS } from "./candidate.ts";

const RING = 128 * 1024; // The largest power of two of which SENDERS fit into the capacity.
const HEAD = 0, TAIL = 16; // On cache lines of their own.
const CONTROL = 128;
const SKIP = -1;

class PairRing {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer, index: number) {
    const at = index * (CONTROL + RING);
    this.#control = new Int32Array(memory, at, CONTROL / 4);
    this.#words = new Int32Array(memory, at + CONTROL, RING / 4);
    this.#bytes = new Uint8Array(memory, at + CONTROL, RING);
  }

  static allocate(): SharedArrayBuffer {
    if (SENDERS * RING > CAPACITY) throw new RangeError("The rings are too large");
    return new SharedArrayBuffer(SENDERS * (CONTROL + RING));
  }

  offer(bytes: Uint8Array): boolean {
    const needed = (bytes.length + 4 + 7) & ~7;
    const head = Atomics.load(this.#control, HEAD), tail = this.#control[TAIL]!;
    const position = tail & (RING - 1);
    const padding = RING - position < needed ? RING - position : 0;
    if (((tail - head) >>> 0) + padding + needed > RING) return false;
    if (padding > 0) this.#words[position >> 2] = SKIP;
    const at = padding > 0 ? 0 : position;
    this.#words[at >> 2] = bytes.length;
    this.#bytes.set(bytes, at + 4);
    Atomics.store(this.#control, TAIL, (tail + padding + needed) | 0);
    return true;
  }

  poll(): Uint8Array | undefined {
    if (this.empty()) return undefined;
    let head = this.#control[HEAD]!;
    let position = head & (RING - 1);
    if (this.#words[position >> 2] === SKIP) {
      head += RING - position;
      position = 0;
    }
    const length = this.#words[position >> 2]!;
    const bytes = this.#bytes.slice(position + 4, position + 4 + length);
    Atomics.store(this.#control, HEAD, (head + ((length + 4 + 7) & ~7)) | 0);
    return bytes;
  }

  empty(): boolean {
    return this.#control[HEAD] === Atomics.load(this.#control, TAIL);
  }
}

/** One ring a pair. */
export const pairRings: Candidate = {
  allocate: () => PairRing.allocate(),
  writer: (memory, index) => new PairRing(memory, index),
  reader: (memory) => {
    const rings = Array.from({ length: SENDERS }, (_, index) => new PairRing(memory, index));
    let next = 0;
    return {
      poll: () => {
        for (let i = 0; i < SENDERS; i++) {
          const bytes = rings[next++ % SENDERS]!.poll();
          if (bytes !== undefined) return bytes;
        }
        return undefined;
      },
      empty: () => rings.every((ring) => ring.empty()),
    };
  },
};
