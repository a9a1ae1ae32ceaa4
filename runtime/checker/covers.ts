/**
 * States that another one stands for: whatever may happen after them may happen after it, and no
 * rule tells the two apart. They need not be searched (well-structured transition systems: Abdulla,
 * Cerans, Jonsson, Tsay 1996; Finkel and Schnoebelen 2001).
 *
 * @module
 */
import type { Covering, Words } from "./model.ts";
import { StateStore } from "./state_store.ts";

const NONE = -1;

/** The states of a store that no other one stands for, by what they have in common. */
export class Covers {
  readonly #cores: StateStore;
  readonly #core: Words;
  readonly #other: Words;
  /** By number of the core: the last state that has it; by state: the one before. */
  #last = new Int32Array(1 << 10);
  #before = new Int32Array(1 << 10);
  /** By state: whether a later one stands for it. */
  #covered = new Uint8Array(1 << 10);

  /** @param store where the states are */
  constructor(private readonly store: StateStore, private readonly covering: Covering) {
    this.#cores = new StateStore(covering.core);
    this.#core = new Uint16Array(covering.core);
    this.#other = new Uint16Array(store.width);
  }

  /** Memory in use, in bytes. */
  get bytes(): number {
    return this.#cores.bytes + this.#last.byteLength + this.#before.byteLength +
      this.#covered.byteLength;
  }

  /** Whether a known state stands for this one; if none does, it takes in what this one covers. */
  has(state: Words): boolean {
    const { store, covering } = this;
    const core = this.#coreOf(state);
    if (this.#cores.isNew) {
      this.#last = roomFor(this.#last, core);
      this.#last[core] = NONE;
      return false;
    }
    let later = NONE;
    for (let at = this.#last[core]!; at !== NONE;) {
      const before = this.#before[at]!;
      store.read(at, this.#other);
      if (covering.covers(this.#other, state)) return true;
      if (covering.covers(state, this.#other)) {
        this.#covered[at] = 1;
        if (later === NONE) this.#last[core] = before;
        else this.#before[later] = before;
      } else later = at;
      at = before;
    }
    return false;
  }

  /** Adds a state that {@link has} was not true for, under its number. */
  add(state: Words, index: number): void {
    const core = this.#coreOf(state);
    this.#before = roomFor(this.#before, index);
    this.#covered = roomFor(this.#covered, index);
    this.#before[index] = this.#last[core]!;
    this.#last[core] = index;
  }

  /** Whether a later state stands for this one. */
  isCovered(index: number): boolean {
    return this.#covered[index] === 1;
  }

  #coreOf(state: Words): number {
    for (let i = 0; i < this.#core.length; i++) this.#core[i] = state[i]!;
    return this.#cores.add(this.#core, NONE);
  }
}

function roomFor<T extends Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
  array: T,
  index: number,
): T {
  if (index < array.length) return array;
  const longer = new (array.constructor as new (length: number) => T)(array.length * 2);
  longer.set(array);
  return longer;
}
