/**
 * The configuration of a cluster: what a group orders about it (`applyConfiguration`, a replicated
 * state machine), and the charts of the two sides of a hand-over of a log, `predecessor` and
 * `successor`.
 *
 * @example A hand-over, as the group orders it
 * ```ts
 * import { applyConfiguration, type Configuration } from "@trunkline/trunkline/protocols/configuration";
 *
 * let now: Configuration = {
 *   epoch: 1,
 *   generation: 1,
 *   members: [],
 *   faulty: 1,
 *   nodes: { "core-1": "core", "core-2": "core" },
 *   coordinators: ["core-1", "core-2"],
 *   logs: { "log": { owner: "core-1" } },
 *   shards: [],
 *   settings: { maxConcurrentTransactions: 1000 },
 *   accusers: {},
 *   convicted: {},
 *   replaced: [],
 * };
 * const order = { op: "handOver", epoch: 1, from: "core-1", to: "core-2" } as const;
 * [now] = applyConfiguration(now, order, "operator");
 * [now] = applyConfiguration(now, { op: "sealed", log: "log", digest: "d" }, "core-1");
 * [now] = applyConfiguration(now, { op: "adopted", log: "log", digest: "d" }, "core-2");
 * console.assert(now.epoch === 4 && now.logs["log"]?.owner === "core-2");
 * ```
 *
 * @module
 */
export * from "./configuration.ts";
export * from "./hand_over.ts";
export type * from "../machine_types.ts";
