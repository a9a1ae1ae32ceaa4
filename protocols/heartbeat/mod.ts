/**
 * Failure detection by heartbeats, as XState v5 machines that only name their effects: `emitter`
 * says that a node lives, `monitor` suspects a silent one before it declares it failed.
 *
 * @example A monitor in a plain program
 * ```ts
 * import { createActor } from "xstate";
 * import { monitor } from "@trunkline/trunkline/protocols/heartbeat";
 *
 * const opinions: string[] = [];
 * const actor = createActor(
 *   monitor.provide({ actions: { notify: (_, { status }) => opinions.push(status) } }),
 *   { input: { intervalMs: 1000, missedLimit: 3 } },
 * );
 * actor.start();
 * actor.send({ type: "heartbeat", newer: false, older: false });
 * console.assert(opinions.join() === "alive");
 * actor.stop();
 * ```
 *
 * @module
 */
export * from "./emitter.ts";
export type * from "./messages.ts";
export * from "./monitor.ts";
export type * from "../machine_types.ts";
