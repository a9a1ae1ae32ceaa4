/**
 * The types every protocol machine is exported with, and the helpers their contexts share.
 *
 * A bare `export const m = setup(...).createMachine(...)` is a "slow type" for JSR. Annotated with
 * {@link ProtocolMachine}, the machine stays fully checked (effects, guards, events and states are
 * named) and its type can be read without inferring it.
 *
 * @module
 */

/**
 * What a role file states about its machine.
 *
 * @internal
 */
export type MachineTypes = {
  context: import("xstate").MachineContext;
  event: import("xstate").EventObject;
  input: unknown;
  actions: object;
  guards: object;
  delays: string;
  state: import("xstate").StateValue;
};

/**
 * `{ send: P }` as XState writes it: `{ type: "send"; params: P }`.
 *
 * @internal
 */
export type Named<T extends object> = {
  [K in keyof T & string]: { type: K; params: T[K] };
}[keyof T & string];

/**
 * A pure XState v5 machine with the types {@link MachineTypes} states.
 *
 * @internal
 */
export type ProtocolMachine<T extends MachineTypes> = import("xstate").StateMachine<
  T["context"],
  T["event"],
  // deno-lint-ignore ban-types
  {},
  never,
  Named<T["actions"]>,
  Named<T["guards"]>,
  T["delays"],
  T["state"],
  string,
  T["input"],
  // deno-lint-ignore ban-types
  {} | null | undefined,
  import("xstate").EventObject,
  import("xstate").MetaObject,
  // deno-lint-ignore ban-types
  {}
>;

/** The union of two sets of indices, sorted and without repetition, so that equal sets are equal JSON. */
export function union(a: readonly number[], b: readonly number[]): readonly number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}

/** The indices `0..count-1` that are not in `present`. */
export function missing(count: number, present: readonly number[]): readonly number[] {
  return range(count).filter((index) => !present.includes(index));
}

/** The indices `0..count-1`. */
export function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/**
 * The `attempt`th delay of a doubling series, in ms: `baseMs * 2^min(attempt, maxBackoff)`.
 * A `maxBackoff` of 0 keeps the delay constant.
 */
export function backoffMs(baseMs: number, attempt: number, maxBackoff: number): number {
  return baseMs * 2 ** Math.min(attempt, maxBackoff);
}
