/**
 * Roles in Deno workers: {@link WorkerSystem} spawns them, tells them and asks them; they reach each
 * other through mailboxes in shared memory.
 *
 * @module
 */
export * from "./system.ts";
export * from "./spawner.ts";
export * from "./transport.ts";
export * from "./sqlite_store.ts";
