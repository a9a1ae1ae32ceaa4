/**
 * The quick form of "it stays possible": one way to the goal for each state the rule applies to,
 * found depth first, without a look at where else that state could go. States on a way that was
 * found are known to have one, so later searches end where they meet it.
 *
 * @module
 */
import { exceededBy, type Limits } from "./explore.ts";
import type { Model, Possibility, Words } from "./model.ts";
import type { Checked } from "./possible.ts";
import { StateStore } from "./state_store.ts";

/** Checks one rule over the states reached. */
export function checkQuickly(
  model: Model,
  rule: Possibility,
  reached: StateStore,
  limits: Limits,
): Checked {
  const ways = new Ways(model, rule);
  const state = new Uint16Array(model.width);
  for (let at = 0; at < reached.count; at++) {
    reached.read(at, state);
    const from = rule.from(state);
    if (from !== undefined && !ways.find(from)) {
      return { states: ways.store.count, stuck: { rule: rule.name, source: at, state: from } };
    }
    const { count, bytes } = ways.store;
    const exceeded = exceededBy(limits, reached.count + count, reached.bytes + bytes);
    if (exceeded !== undefined) return { states: count, exceeded };
    if ((at & 0x3fff) === 0) limits.progress?.(reached.count + count, 0);
  }
  return { states: ways.store.count };
}

class Ways {
  readonly store: StateStore;
  /** By state: -1 if a way is known, else the search that met it last. */
  readonly #met: number[] = [];
  #search = 0;
  readonly #scratch: Words;

  constructor(private readonly model: Model, private readonly rule: Possibility) {
    this.store = new StateStore(model.width);
    this.#scratch = new Uint16Array(model.width);
  }

  /** Whether there is a way from a state to the goal. */
  find(from: Words): boolean {
    this.#search++;
    const stack: { readonly state: number; readonly next: number[] }[] = [];
    let ended = this.#enter(this.#number(from), stack);
    while (!ended) {
      const top = stack.at(-1);
      if (top === undefined) return false;
      const next = top.next.pop();
      if (next === undefined) stack.pop();
      else if (this.#met[next] === -1) ended = true;
      else if (this.#met[next] !== this.#search) ended = this.#enter(next, stack);
    }
    for (const { state } of stack) this.#met[state] = -1;
    return true;
  }

  /** Goes on to a state; true if the goal, or a way to it, is there. */
  #enter(at: number, stack: { readonly state: number; readonly next: number[] }[]): boolean {
    if (this.#met[at] === -1) return true;
    this.#met[at] = this.#search;
    const state = new Uint16Array(this.model.width);
    this.store.read(at, state);
    const next: number[] = [];
    stack.push({ state: at, next });
    if (this.rule.goal(state)) return true;
    this.model.expand(state, (_, after) => {
      const index = this.#number(after);
      if (index !== at) next.push(index);
    });
    return false;
  }

  #number(state: Words): number {
    this.#scratch.set(state);
    this.model.canonical?.(this.#scratch);
    return this.store.add(this.#scratch, -1);
  }
}
