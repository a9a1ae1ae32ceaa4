/**
 * A violation as a way that can be told: from a first state, step by step, with every process
 * keeping its name. The search stores representatives of symmetry classes; here the way is gone once
 * more with real states.
 *
 * @module
 */
import type { Exploration } from "./explore.ts";
import type { Model, Move, Shown, Words } from "./model.ts";
import type { MachineStep } from "./record.ts";

/** One step of a way. */
export interface Leg {
  /** What happened. */
  readonly move: Move;
  /** Every process after it. */
  readonly shown: readonly Shown[];
  /** What the machines did. */
  readonly steps: readonly MachineStep[];
}

/** The whole way. */
export interface Walk {
  /** The rule that does not hold at its end. */
  readonly rule: string;
  /** Every process in the first state. */
  readonly first: readonly Shown[];
  /** The steps, in order. */
  readonly legs: readonly Leg[];
  /** What cannot get to its goal, if that is what is wrong. */
  readonly stuck: readonly Shown[] | undefined;
}

/** Walks to a violation. */
export function walkTo(model: Model, { store, violation }: Exploration): Walk | undefined {
  if (violation === undefined) return undefined;
  const { rule, path, action, stuck } = violation;
  const wanted = new Uint16Array(model.width);
  store.read(path[0]!, wanted);
  let state: Words = [...model.initial()].find((it) => isLike(model, it, wanted))!;
  const first = model.show(state);
  const legs: Leg[] = [];
  const go = (isRight: (next: Words, broken: string | undefined) => boolean) => {
    const found = find(model, state, isRight);
    if (found === undefined) throw new Error(`The way to "${rule}" cannot be gone again`);
    legs.push(legOf(model, state, found.action, found.next));
    state = found.next;
  };
  for (const index of path.slice(1)) {
    store.read(index, wanted);
    go((next, broken) => broken === undefined && isLike(model, next, wanted));
  }
  if (action !== undefined) go((_, broken) => broken === rule);
  return { rule, first, legs, stuck: stuck === undefined ? undefined : model.show(stuck) };
}

function legOf(model: Model, state: Words, action: number, next: Words): Leg {
  return {
    move: model.tell(state, action, next),
    shown: model.show(next),
    steps: model.steps?.(state, action) ?? [],
  };
}

function find(
  model: Model,
  state: Words,
  isRight: (next: Words, broken: string | undefined) => boolean,
): { readonly action: number; readonly next: Words } | undefined {
  let found: { action: number; next: Words } | undefined;
  model.expand(state, (action, next, broken) => {
    if (found === undefined && isRight(next, broken)) found = { action, next: next.slice() };
  });
  return found;
}

function isLike(model: Model, state: Words, representative: Words): boolean {
  const copy = state.slice();
  model.canonical?.(copy);
  return copy.every((word, i) => word === representative[i]);
}
