/**
 * Deadlock detection: a wait-for graph put together from reports, its cycles (Tarjan), the choice of
 * a victim for each, and `detector`, an XState v5 machine for one suspected deadlock, which only
 * names its effects.
 *
 * @example Whom to abort
 * ```ts
 * import { chooseVictims, deadlocks } from "@trunkline/trunkline/protocols/deadlock";
 *
 * const waits = new Map([["T1", ["T2"]], ["T2", ["T1"]], ["T7", ["T1"]]]);
 * console.assert(deadlocks(waits).join() === "T1,T2");
 * const merit = (id: string, work: number) =>
 *   [id, { id, work, priority: 0, begunAt: 0, chosen: 0 }] as const;
 * const merits = new Map([merit("T1", 3), merit("T2", 1)]);
 * console.assert(chooseVictims(waits, merits, "least-work").join() === "T2");
 * ```
 *
 * @module
 */
export * from "./cycles.ts";
export * from "./detector.ts";
export * from "./graph.ts";
export type * from "./messages.ts";
export * from "./victims.ts";
export type * from "../machine_types.ts";
