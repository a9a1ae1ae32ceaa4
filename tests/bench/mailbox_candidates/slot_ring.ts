/**
 * A ring of fixed slots that senders claim without a lock, each slot with a sequence number
 * (Vyukov 2008, "Bounded MPMC queue"). A sender that ends between its claim and its publication
 * leaves a slot that the reader can neither read nor pass.
 */
import { type Candidate, CAPACITY } from "./candidate.ts";

const SLOT = 256;
const SLOTS = CAPACITY / SLOT;
const TAIL = 0;
const CONTROL = 64;

class SlotRing {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  #head = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#bytes = new Uint8Array(memory);
  }

  static allocate(): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(CONTROL + CAPACITY);
    const words = new Int32Array(memory);
    for (let i = 0; i < SLOTS; i++) words[(CONTROL + i * SLOT) >> 2] = i;
    return memory;
  }

  #at(position: number): number {
    return CONTROL + (position & (SLOTS - 1)) * SLOT;
  }

  offer(bytes: Uint8Array): boolean {
    if (bytes.length > SLOT - 8) return false;
    let position = Atomics.load(this.#words, TAIL);
    for (;;) {
      const at = this.#at(position);
      const ahead = (Atomics.load(this.#words, at >> 2) - position) | 0;
      if (ahead < 0) return false;
      if (ahead > 0) {
        position = Atomics.load(this.#words, TAIL);
        continue;
      }
      const seen = Atomics.compareExchange(this.#words, TAIL, position, (position + 1) | 0);
      if (seen !== position) {
        position = seen;
        continue;
      }
      this.#words[(at >> 2) + 1] = bytes.length;
      this.#bytes.set(bytes, at + 8);
      Atomics.store(this.#words, at >> 2, (position + 1) | 0);
      return true;
    }
  }

  poll(): Uint8Array | undefined {
    if (this.empty()) return undefined;
    const at = this.#at(this.#head);
    const bytes = this.#bytes.slice(at + 8, at + 8 + this.#words[(at >> 2) + 1]!);
    Atomics.store(this.#words, at >> 2, (this.#head + SLOTS) | 0);
    this.#head = (this.#head + 1) | 0;
    return bytes;
  }

  empty(): boolean {
    const sequence = Atomics.load(this.#words, this.#at(this.#head) >> 2);
    return sequence !== ((this.#head + 1) | 0);
  }
}

/** Lock-free claims. */
export const slotRing: Candidate = {
  allocate: () => SlotRing.allocate(),
  writer: (memory) => new SlotRing(memory),
  reader: (memory) => new SlotRing(memory),
};
