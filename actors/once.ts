/**
 * Questions that are to be taken up once: a link may deliver one twice, and a write that is begun
 * twice may be refused for one and done for the other, while its asker hears one answer only.
 *
 * @module
 */
import type { Envelope } from "../runtime/codec.ts";

/** How long a question without a deadline, or with one further away, is remembered, in ms. */
const LONGEST_MS = 60_000;

/** Remembers questions until nobody waits for their answers. */
export class Once {
  // Two generations, so that what is over goes at once, without looking for it.
  #young = new Set<string>();
  #old = new Set<string>();
  /** Latest deadline of each generation. */
  #youngUntil = 0;
  #oldUntil = 0;

  /** How many are remembered. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Whether a question is to be taken up: it is the first of its kind, and somebody waits. */
  first({ from, metadata }: Pick<Envelope, "from" | "metadata">, now: number): boolean {
    const { call, deadline = Infinity } = metadata;
    if (call === undefined) return true;
    if (deadline <= now) return false;
    if (now >= this.#oldUntil) this.#turn();
    const key = `${from} ${call}`;
    if (this.#young.has(key) || this.#old.has(key)) return false;
    this.#young.add(key);
    this.#youngUntil = Math.max(this.#youngUntil, Math.min(deadline, now + LONGEST_MS));
    return true;
  }

  #turn(): void {
    this.#old = this.#young;
    this.#oldUntil = this.#youngUntil;
    this.#young = new Set();
    this.#youngUntil = 0;
  }
}
