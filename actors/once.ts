/**
 * Questions that are to be taken up once: a link may deliver one twice, and a write that is begun
 * twice may be refused for one and done for the other, while its asker hears one answer only.
 *
 * @module
 */
import type { Envelope } from "../runtime/codec.ts";

/** How long a question without a deadline, or with one further away, is remembered, in ms. */
const LONGEST_MS = 60_000;

/** Calls of one incarnation of an asker; see `runtime/asks.ts`. */
const CALLS = 2 ** 32;

/** By asker and incarnation: a number takes a fraction of what a text would. */
type Calls = Map<string, Map<number, Set<number>>>;

/** Remembers questions until nobody waits for their answers. */
export class Once {
  // Two generations, so that what is over goes at once, without looking for it.
  #young: Calls = new Map();
  #old: Calls = new Map();
  /** Latest deadline of each generation. */
  #youngUntil = 0;
  #oldUntil = 0;

  /** How many are remembered. */
  get size(): number {
    return sizeOf(this.#young) + sizeOf(this.#old);
  }

  /** Whether a question is to be taken up: it is the first of its kind, and somebody waits. */
  first({ from, metadata }: Pick<Envelope, "from" | "metadata">, now: number): boolean {
    const { call, deadline = Infinity } = metadata;
    if (call === undefined) return true;
    if (deadline <= now) return false;
    if (now >= this.#oldUntil) this.#turn();
    const incarnation = Math.floor(call / CALLS), number = call - incarnation * CALLS;
    if (this.#old.get(from)?.get(incarnation)?.has(number)) return false;
    const calls = callsOf(this.#young, from, incarnation);
    if (calls.has(number)) return false;
    calls.add(number);
    this.#youngUntil = Math.max(this.#youngUntil, Math.min(deadline, now + LONGEST_MS));
    return true;
  }

  #turn(): void {
    this.#old = this.#young;
    this.#oldUntil = this.#youngUntil;
    this.#young = new Map();
    this.#youngUntil = 0;
  }
}

function callsOf(all: Calls, from: string, incarnation: number): Set<number> {
  let lives = all.get(from);
  if (lives === undefined) all.set(from, lives = new Map());
  let calls = lives.get(incarnation);
  if (calls === undefined) lives.set(incarnation, calls = new Set());
  return calls;
}

function sizeOf(all: Calls): number {
  let size = 0;
  for (const lives of all.values()) for (const calls of lives.values()) size += calls.size;
  return size;
}
