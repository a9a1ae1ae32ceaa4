/**
 * Roles in virtual time: {@link SimulatedSystem} runs the same definitions as the workers do, in one
 * thread, over simulated mailboxes and disks, and replays a run exactly by its seed.
 *
 * @module
 */
export { CLIENT, MAIN_NODE } from "../role.ts";
export * from "./system.ts";
export * from "./scheduler.ts";
export * from "./store.ts";
export * from "./conditions.ts";
export * from "./spawner.ts";
export * from "./transport.ts";
export * from "./process.ts";
export * from "./random.ts";
