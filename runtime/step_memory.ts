/**
 * Steps by what led to them: events, or the input of a new life.
 *
 * Nearly all of these are flat: a type and a few numbers, words or flags. They are found property by
 * property, without making a key of them first, which would take longer than everything else a
 * remembered step costs. What is not flat goes by its JSON.
 *
 * @module
 */
import type { Step } from "./engine.ts";

/** What is known after some properties. */
interface Place<S> {
  /** Of what has these properties and no more. */
  step: Step<S> | undefined;
  /** The property that comes next. */
  name: string | undefined;
  /** By its value. */
  readonly next: Map<unknown, Place<S>>;
}

/** Stands for all empty lists. */
const EMPTY = Symbol("empty");
/** Stands for what is not flat. */
const DEEP = Symbol("deep");

/** Remembers steps. */
export class StepMemory<S> {
  readonly #flat: Place<S> = place();
  readonly #deep = new Map<string, Step<S>>();

  /** The step that was added for an equal cause. */
  find(cause: unknown): Step<S> | undefined {
    const at = this.#place(cause, false);
    return at === undefined ? this.#deep.get(JSON.stringify(cause, exact)) : at.step;
  }

  /** Remembers a step. @throws {TypeError} if JSON would lose some of its cause */
  add(cause: unknown, step: Step<S>): void {
    const at = this.#place(cause, true);
    if (at === undefined) this.#deep.set(JSON.stringify(cause, exact), step);
    else at.step = step;
  }

  /** Where a flat cause belongs; undefined for one that is not, or whose properties come otherwise. */
  #place(cause: unknown, make: boolean): Place<S> | undefined {
    if (typeof cause !== "object" || cause === null || Array.isArray(cause)) return undefined;
    let at = this.#flat;
    for (const name in cause) {
      const value = wordOf((cause as Record<string, unknown>)[name]);
      if (value === DEEP) return undefined;
      if (at.name !== name) {
        if (at.name !== undefined) return undefined;
        if (!make) return NOWHERE as Place<S>;
        at.name = name;
      }
      let next = at.next.get(value);
      if (next === undefined) {
        if (!make) return NOWHERE as Place<S>;
        at.next.set(value, next = place());
      }
      at = next;
    }
    return at;
  }
}

function place<S>(): Place<S> {
  return { step: undefined, name: undefined, next: new Map() };
}

/** Nothing was added here. */
const NOWHERE: Place<unknown> = Object.freeze(place<unknown>());

function wordOf(value: unknown): unknown {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
    case "undefined":
      return value;
    default:
      if (value === null) return null;
      return Array.isArray(value) && value.length === 0 ? EMPTY : DEEP;
  }
}

/** JSON would take different values for the same one: keep or refuse what it loses. */
export function exact(name: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return { number: String(value) };
  if (typeof value === "function" || value instanceof Map || value instanceof Set) {
    throw new TypeError(`Cannot tell states apart: "${name}" is not plain JSON`);
  }
  return value;
}
