/**
 * Practical Byzantine fault tolerance (Castro and Liskov 1999) as XState v5 machines that only name
 * their effects: `replica` and `client`; with them the messages, the journal records, the rules that
 * are not transitions, and the recovery from a journal.
 *
 * @example A backup accepts a pre-prepare, and prepares it when that is durable
 * ```ts
 * import { initialTransition, transition } from "xstate";
 * import { INITIAL_DIGEST, replica, type ReplicaInput } from "@trunkline/trunkline/protocols/pbft";
 *
 * const input: ReplicaInput = {
 *   replicas: 4,
 *   faulty: 1,
 *   index: 1,
 *   checkpointInterval: 128,
 *   window: 256,
 *   maxBatch: 64,
 *   maxInFlight: 8,
 *   viewTimeoutMs: 1000,
 *   maxBackoff: 5,
 *   statusMs: 200,
 *   fetchTimeoutMs: 500,
 * };
 * const initial = { sequence: 0, digest: INITIAL_DIGEST };
 * const as = { view: 0, active: true, stable: initial, log: {} };
 * const batch = { view: 0, sequence: 1, digest: "d" };
 * let [state, effects] = initialTransition(replica, input);
 * for (
 *   const event of [
 *     { type: "recovered", as, executed: initial },
 *     { type: "prePrepare", from: 0, ...batch },
 *     { type: "journaled", record: { kind: "accepted", ...batch } },
 *   ] as const
 * ) [state, effects] = transition(replica, state, event);
 * const [said] = effects;
 * console.assert(said?.type === "send");
 * console.assert(JSON.stringify(said?.params).includes("prepare"));
 * ```
 *
 * @module
 */
export * from "./client.ts";
export * from "./log.ts";
export * from "./messages.ts";
export * from "./new_view.ts";
export * from "./replica.ts";
export * from "./rules.ts";
export type * from "../machine_types.ts";
