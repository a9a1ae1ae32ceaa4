/**
 * What must stay possible: for each rule one graph that begins in all states the rule applies to,
 * and a walk backwards from its goals. What that walk does not meet has lost its way.
 *
 * This is the branching-time property "always possibly" (AG EF): with fair choices it is what
 * liveness comes to, and it needs no search for cycles.
 *
 * @module
 */
import { exceededBy, type Limits } from "./explore.ts";
import type { Model, Possibility, Words } from "./model.ts";
import { checkQuickly } from "./possible_quick.ts";
import { StateStore } from "./state_store.ts";

/** A goal that cannot be reached any more. */
export interface Stuck {
  /** The rule. */
  readonly rule: string;
  /** The reachable state the rule was applied to. */
  readonly source: number;
  /** The state the search for the goal began with. */
  readonly state: Words;
}

/** The outcome of all rules together. */
export interface Checked {
  /** States of all searches. */
  readonly states: number;
  /** The first goal found out of reach. */
  readonly stuck?: Stuck;
  /** Why a search did not finish, if one did not. */
  readonly exceeded?: string;
}

/** Checks the rules of a model over the states reached. */
export function checkPossibilities(model: Model, reached: StateStore, limits: Limits): Checked {
  let states = 0;
  for (const rule of model.possibilities ?? []) {
    if (model.quickly) {
      const checked = checkQuickly(model, rule, reached, limits);
      states += checked.states;
      if (checked.stuck !== undefined || checked.exceeded !== undefined) {
        return { ...checked, states };
      }
      continue;
    }
    const graph = new Graph(model, rule, reached, limits);
    graph.build();
    states += graph.store.count;
    if (graph.exceeded !== undefined) return { states, exceeded: graph.exceeded };
    const stuck = graph.stuck();
    if (stuck !== undefined) return { states, stuck };
  }
  return { states };
}

class Graph {
  readonly store: StateStore;
  exceeded: string | undefined;
  /** For each first state, the reachable state it stands for. */
  readonly #sources: number[] = [];
  readonly #edges = new Edges();
  readonly #scratch: Words;

  constructor(
    private readonly model: Model,
    private readonly rule: Possibility,
    private readonly reached: StateStore,
    private readonly limits: Limits,
  ) {
    this.store = new StateStore(model.width);
    this.#scratch = new Uint16Array(model.width);
  }

  build(): void {
    const { model, rule, reached, store } = this;
    const state = new Uint16Array(model.width);
    for (let at = 0; at < reached.count; at++) {
      reached.read(at, state);
      const from = rule.from(state);
      if (from === undefined) continue;
      this.#reach(from, at);
      if (store.isNew) this.#sources.push(at);
    }
    for (let at = 0; at < store.count; at++) {
      store.read(at, state);
      if (rule.goal(state)) continue; // Nothing beyond the goal matters.
      model.expand(state, (_, next) => {
        const index = this.#reach(next, at);
        if (index !== at) this.#edges.add(at, index);
      });
      this.exceeded = exceededBy(
        this.limits,
        reached.count + store.count,
        reached.bytes + store.bytes + this.#edges.bytes,
      );
      if (this.exceeded !== undefined) return;
    }
  }

  #reach(state: Words, parent: number): number {
    this.#scratch.set(state);
    this.model.canonical?.(this.#scratch);
    return this.store.add(this.#scratch, parent);
  }

  /** The first of the first states from which no goal can be reached. */
  stuck(): Stuck | undefined {
    const { store, rule, model } = this;
    const good = new Uint8Array(store.count);
    const queue: number[] = [];
    const state = new Uint16Array(model.width);
    for (let at = 0; at < store.count; at++) {
      store.read(at, state);
      if (!rule.goal(state)) continue;
      good[at] = 1;
      queue.push(at);
    }
    const into = this.#edges.backwards(store.count);
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      for (const before of into(at)) {
        if (good[before] === 1) continue;
        good[before] = 1;
        queue.push(before);
      }
    }
    // First states come first in the store, in the order of their sources: the shortest path wins.
    for (let at = 0; at < store.count; at++) {
      if (good[at] === 1) continue;
      let origin = at;
      while (store.parent(origin) >= 0 && origin >= this.#sources.length) {
        origin = store.parent(origin);
      }
      store.read(at, state);
      return { rule: rule.name, source: this.#sources[origin]!, state };
    }
    return undefined;
  }
}

/** Pairs of state numbers, in memory that grows in chunks. */
class Edges {
  #pairs = new Int32Array(1 << 12);
  #length = 0;

  get bytes(): number {
    return this.#pairs.byteLength * 2;
  }

  add(from: number, to: number): void {
    if (this.#length + 2 > this.#pairs.length) {
      const longer = new Int32Array(this.#pairs.length * 2);
      longer.set(this.#pairs);
      this.#pairs = longer;
    }
    this.#pairs[this.#length++] = from;
    this.#pairs[this.#length++] = to;
  }

  /** For a state, those that lead to it. */
  backwards(states: number): (state: number) => Int32Array {
    const starts = new Int32Array(states + 1);
    for (let i = 1; i < this.#length; i += 2) starts[this.#pairs[i]! + 1]!++;
    for (let i = 0; i < states; i++) starts[i + 1]! += starts[i]!;
    const sorted = new Int32Array(this.#length / 2);
    const next = starts.slice();
    for (let i = 0; i < this.#length; i += 2) {
      sorted[next[this.#pairs[i + 1]!]!++] = this.#pairs[i]!;
    }
    return (state) => sorted.subarray(starts[state]!, starts[state + 1]!);
  }
}
