/**
 * Keeps copies of small byte strings side by side: memory of its own costs each of them more than
 * the copy.
 *
 * @module
 */
const CHUNK = 8 * 1024;
/** Larger ones get memory of their own. */
const LARGE = CHUNK / 4;

/** Copies byte strings. A copy is nobody else's; a chunk lives as long as any copy in it. */
export class Chunks {
  #chunk = new Uint8Array(0);
  #at = 0;

  /** A copy to keep. */
  copy(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (length > LARGE) return new Uint8Array(bytes);
    if (this.#at + length > this.#chunk.length) {
      this.#chunk = new Uint8Array(CHUNK);
      this.#at = 0;
    }
    this.#chunk.set(bytes, this.#at);
    return this.#chunk.subarray(this.#at, this.#at += length);
  }
}
