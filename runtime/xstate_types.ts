// deno-lint-ignore-file no-explicit-any -- XState names "whatever the other parameters are" so
/**
 * The types of XState that public signatures of the runtime mention, under their own names: a
 * package's documentation cannot refer to another package's types.
 *
 * @module
 */

/**
 * An event: a type and whatever else.
 *
 * @internal
 */
export type EventObject = import("xstate").EventObject;

/**
 * A machine, whatever its parameters.
 *
 * @internal
 */
export type AnyStateMachine = import("xstate").AnyStateMachine;

/**
 * A state of any machine.
 *
 * @internal
 */
export type AnyMachineSnapshot = import("xstate").AnyMachineSnapshot;

/**
 * What a machine is started with.
 *
 * @internal
 */
export type InputFrom<M extends AnyStateMachine> = import("xstate").InputFrom<M>;

/**
 * The context of a machine.
 *
 * @internal
 */
export type ContextFrom<M extends AnyStateMachine> = import("xstate").ContextFrom<M>;

/**
 * The events of a machine.
 *
 * @internal
 */
export type EventFrom<M extends AnyStateMachine> = import("xstate").EventFromLogic<M>;

/**
 * The named actions of a machine, with their parameters.
 *
 * @internal
 */
// deno-fmt-ignore -- fifteen lines of nothing
export type ActionOf<M> = M extends import("xstate").StateMachine<
  any, any, any, any, infer A extends import("xstate").ParameterizedObject,
  any, any, any, any, any, any, any, any, any, any
> ? A : never;
