/**
 * The runtime: what roles are written against, and the parts they are run with. It knows no
 * protocol and chooses no implementation: see `./worker` and `./simulated` for those.
 *
 * - {@link defineActor} makes a role of an XState machine, {@link defineRole} of a table of messages.
 * - {@link Instances} keeps many short lives of one machine, stepped by {@link TableEngine} or
 *   {@link LiveEngine}.
 * - `ports.ts` says what a role needs of the world outside.
 *
 * @example A counter
 * ```ts
 * import { assign, setup } from "xstate";
 * import { defineActor } from "@trunkline/trunkline/runtime";
 *
 * const machine = setup({
 *   types: {
 *     context: {} as { count: number },
 *     events: {} as { type: "add"; by: number } | { type: "read" },
 *   },
 *   actions: { reply: (_, _count: number) => {} }, // Named, not performed.
 * }).createMachine({
 *   id: "counter",
 *   context: { count: 0 },
 *   on: {
 *     add: { actions: assign({ count: ({ context, event }) => context.count + event.by }) },
 *     read: { actions: { type: "reply", params: ({ context }) => context.count } },
 *   },
 * });
 *
 * const counter = defineActor({ machine });
 * console.assert(counter.name === "counter");
 * ```
 *
 * @module
 */
export * from "./actor.ts";
export * from "./codec.ts";
export * from "./journal_chain.ts";
export * from "./engine.ts";
export * from "./histogram.ts";
export * from "./host.ts";
export * from "./inspection/mod.ts";
export * from "./instances.ts";
export * from "./inbox.ts";
export * from "./link_model.ts";
export * from "./onlookers.ts";
export type * from "./ports.ts";
export * from "./random.ts";
export * from "./role.ts";
export * from "./supervisor.ts";
export type * from "./supervisor_machine.ts";
export * from "./switchboard.ts";
export * from "./timers.ts";
export type * from "./witness.ts";
export type * from "./xstate_types.ts";
