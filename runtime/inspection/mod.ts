/**
 * Looking on at live machines: what they do, step by step, and the messages and records that go
 * with it. Attached and detached while everything runs; the hub of a system of workers is its
 * `inspection`.
 *
 * @example Every step of one transaction
 * ```ts ignore
 * using watching = system.inspection.attach({ about: transaction }, (records) => {
 *   for (const record of records) console.log(record);
 * });
 * ```
 *
 * @module
 */
export type * from "./batch.ts";
export * from "./filter.ts";
export * from "./hub.ts";
export * from "./live_actor.ts";
export * from "./mask.ts";
export * from "./definition.ts";
export * from "./questions.ts";
export type * from "./records.ts";
