/**
 * A node's life as an XState v5 machine that only names its effects: seven steps up, seven steps
 * down, one at a time and in order.
 *
 * @example A start whose steps all succeed
 * ```ts
 * import { createActor } from "xstate";
 * import { node, START_STEPS } from "@trunkline/trunkline/protocols/lifecycle";
 *
 * const performed: string[] = [];
 * const actor = createActor(
 *   node.provide({
 *     actions: {
 *       perform: ({ self }, { step }) => {
 *         performed.push(step);
 *         self.send({ type: "stepDone", step });
 *       },
 *     },
 *   }),
 *   { input: { completeMs: 1000 } },
 * );
 * actor.start();
 * console.assert(performed.join() === START_STEPS.join());
 * console.assert(actor.getSnapshot().value === "serving");
 * actor.stop();
 * ```
 *
 * @module
 */
export * from "./node.ts";
export type * from "../machine_types.ts";
