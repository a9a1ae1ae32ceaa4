/**
 * Roles in Deno workers: {@link WorkerSystem} spawns them, tells them and asks them; they reach each
 * other through mailboxes in shared memory.
 *
 * @module
 */
export { CLIENT, MAIN_NODE } from "../role.ts";
export * from "./system.ts";
export * from "./spawner.ts";
export * from "./transport.ts";
export * from "./sqlite_store.ts";
