/**
 * Breadth-first search: every reachable state once, the shortest way to whatever is wrong.
 *
 * @module
 */
import { Covers } from "./covers.ts";
import { checkPossibilities } from "./possible.ts";
import type { Model, Words } from "./model.ts";
import { StateStore } from "./state_store.ts";

/** How far a search may go. */
export interface Limits {
  /** Distinct states at most. */
  readonly states: number;
  /** Memory for states at most, in bytes. */
  readonly bytes: number;
  /** Called now and then with the number of states and their depth. */
  readonly progress?: (states: number, depth: number) => void;
}

/** A rule that does not hold, and the shortest way to see it. */
export interface Violation {
  /** The rule. */
  readonly rule: string;
  /** Numbers of the states on the way, the first one first. */
  readonly path: readonly number[];
  /** The last action, where the step and not the state is wrong. */
  readonly action?: number;
  /** Set where a goal has become unreachable: the state that the search for it began with. */
  readonly stuck?: Words;
}

/** What a search has found. */
export interface Exploration {
  /** Distinct states. */
  readonly states: number;
  /** Steps taken from them, self-loops included. */
  readonly transitions: number;
  /** Levels of the search, the first states being the first, as TLC counts. */
  readonly depth: number;
  /** States of the searches for goals, beyond `states`. */
  readonly goalStates: number;
  /** How long it took. */
  readonly seconds: number;
  /** The first rule found broken. */
  readonly violation: Violation | undefined;
  /** Why the search did not finish, if it did not. */
  readonly exceeded: string | undefined;
  /** The states, for printing. */
  readonly store: StateStore;
}

const PROGRESS_EVERY = 1 << 14;

/** Searches a model until all is known, something is wrong, or a limit is met. */
export function explore(model: Model, limits: Limits): Exploration {
  const started = performance.now();
  const search = new Search(model, limits);
  search.run();
  let { violation, exceeded } = search;
  let goalStates = 0;
  if (violation === undefined && exceeded === undefined) {
    const checked = checkPossibilities(model, search.store, limits);
    goalStates = checked.states;
    exceeded = checked.exceeded;
    if (checked.stuck !== undefined) {
      const { rule, source, state } = checked.stuck;
      violation = { rule, path: pathTo(search.store, source), stuck: state };
    }
  }
  const { store, transitions, depth } = search;
  const seconds = (performance.now() - started) / 1000;
  return {
    states: store.count,
    transitions,
    depth,
    goalStates,
    seconds,
    violation,
    exceeded,
    store,
  };
}

/** Why a search over `store` must stop, if it must. */
export function exceededBy(limits: Limits, states: number, bytes: number): string | undefined {
  if (states > limits.states) return `more than ${limits.states} states`;
  if (bytes > limits.bytes) return `more than ${Math.round(limits.bytes / 2 ** 20)} MB of states`;
  return undefined;
}

/** The way to a state, the first one first. */
export function pathTo(store: StateStore, index: number): number[] {
  const path: number[] = [];
  for (let at = index; at >= 0; at = store.parent(at)) path.unshift(at);
  return path;
}

function equal(a: Words, b: Words): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

class Search {
  readonly store: StateStore;
  transitions = 0;
  depth = 0;
  violation: Violation | undefined;
  exceeded: string | undefined;
  readonly #scratch: Words;
  readonly #covers: Covers | undefined;

  constructor(private readonly model: Model, private readonly limits: Limits) {
    const { covering, width } = model;
    this.store = new StateStore(width);
    if (covering !== undefined) this.#covers = new Covers(this.store, covering);
    this.#scratch = new Uint16Array(model.width);
  }

  run(): void {
    for (const state of this.model.initial()) this.#reach(state, -1);
    const state = new Uint16Array(this.model.width);
    let level = 0;
    for (let at = 0; at < this.store.count; at++) {
      if (at === level) {
        this.depth++;
        level = this.store.count;
      }
      if (this.#covers?.isCovered(at)) continue;
      this.store.read(at, state);
      this.model.expand(state, (action, next, broken) => {
        this.transitions++;
        if (broken !== undefined) this.#fail(broken, at, action);
        else if (!equal(next, state)) this.#reach(next, at);
      });
      if (this.violation !== undefined || this.exceeded !== undefined) return;
      if (at % PROGRESS_EVERY === 0) this.limits.progress?.(this.store.count, this.depth);
    }
  }

  #reach(state: Words, parent: number): void {
    const { store, model } = this;
    this.#scratch.set(state);
    model.canonical?.(this.#scratch);
    if (this.#covers?.has(this.#scratch)) return;
    const index = store.add(this.#scratch, parent);
    if (!store.isNew) return;
    this.#covers?.add(this.#scratch, index);
    for (const { name, holds } of model.invariants) {
      if (!holds(this.#scratch)) this.violation ??= { rule: name, path: pathTo(store, index) };
    }
    this.exceeded ??= exceededBy(
      this.limits,
      store.count,
      store.bytes + (this.#covers?.bytes ?? 0),
    );
  }

  #fail(rule: string, at: number, action: number): void {
    this.violation ??= { rule, path: pathTo(this.store, at), action };
  }
}
