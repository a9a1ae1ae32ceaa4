/**
 * The set of states met so far. Exact: states are compared word by word, a hash only finds the
 * place, so no two states are ever taken for one.
 *
 * @module
 */
import type { Words } from "./model.ts";

/** States in a chunk of memory. */
const CHUNK = 1 << 14;

/** States by number, in the order they were met, each with the one it was reached from. */
export class StateStore {
  readonly #chunks: Uint16Array[] = [];
  readonly #parents: Int32Array[] = [];
  #table = new Int32Array(1 << 16);
  #count = 0;
  /** Whether the last state given to {@link add} had not been met before. */
  isNew = false;

  /** An empty set. @param width words in a state */
  constructor(readonly width: number) {}

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Memory in use, in bytes. */
  get bytes(): number {
    const perState = this.width * 2 + 4;
    return this.#chunks.length * CHUNK * perState + this.#table.byteLength;
  }

  /** The number of a state; it is added if it has not been met. */
  add(state: Words, parent: number): number {
    if (this.#count * 2 > this.#table.length) this.#grow();
    const mask = this.#table.length - 1;
    let slot = hash(state, 0, this.width) & mask;
    for (;;) {
      const known = this.#table[slot]! - 1;
      if (known < 0) break;
      if (this.#equal(known, state)) {
        this.isNew = false;
        return known;
      }
      slot = (slot + 1) & mask;
    }
    const index = this.#count++;
    this.#table[slot] = index + 1;
    const place = index % CHUNK;
    if (place === 0) {
      this.#chunks.push(new Uint16Array(CHUNK * this.width));
      this.#parents.push(new Int32Array(CHUNK));
    }
    this.#chunks.at(-1)!.set(state, place * this.width);
    this.#parents.at(-1)![place] = parent;
    this.isNew = true;
    return index;
  }

  /** Copies a state out. */
  read(index: number, into: Words): void {
    const chunk = this.#chunks[(index / CHUNK) | 0]!;
    const start = (index % CHUNK) * this.width;
    for (let i = 0; i < this.width; i++) into[i] = chunk[start + i]!;
  }

  /** What a state was first reached from; -1 for a first state. */
  parent(index: number): number {
    return this.#parents[(index / CHUNK) | 0]![index % CHUNK]!;
  }

  #equal(index: number, state: Words): boolean {
    const chunk = this.#chunks[(index / CHUNK) | 0]!;
    const start = (index % CHUNK) * this.width;
    for (let i = 0; i < this.width; i++) if (chunk[start + i] !== state[i]) return false;
    return true;
  }

  #grow(): void {
    const table = new Int32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let index = 0; index < this.#count; index++) {
      const chunk = this.#chunks[(index / CHUNK) | 0]!;
      let slot = hash(chunk, (index % CHUNK) * this.width, this.width) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = index + 1;
    }
    this.#table = table;
  }
}

/** MurmurHash3's mixing steps over the words. */
function hash(words: Uint16Array, start: number, width: number): number {
  let h = width;
  for (let i = start; i < start + width; i++) {
    let k = Math.imul(words[i]!, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
