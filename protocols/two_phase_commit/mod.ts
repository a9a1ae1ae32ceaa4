/**
 * Two-phase commit with presumed abort, as XState v5 machines that only name their effects:
 * `coordinator`, `participant` and, for leased copies, `holder`; with them the messages, the journal
 * records, the rules that are not transitions, and the recovery from a journal.
 *
 * Nothing here has a clock, I/O or a worker: `provide` the actions, give the machines events, and
 * they run in any XState program. The participant below votes yes only once its journal says so.
 *
 * @example A participant in a plain program
 * ```ts
 * import { createActor } from "xstate";
 * import { participant } from "@trunkline/trunkline/protocols/two_phase_commit";
 *
 * const said: string[] = [];
 * const actor = createActor(
 *   participant.provide({
 *     actions: {
 *       acquire: ({ self }) => self.send({ type: "granted" }),
 *       journal: ({ self }, { record }) => {
 *         if (record === "prepared" || record === "committed") {
 *           self.send({ type: "journaled", record });
 *         }
 *       },
 *       sendCoordinator: (_, { message }) => said.push(message),
 *     },
 *   }),
 *   { input: { lockTimeoutMs: 100, inquireMs: 1000, maxBackoff: 4 } },
 * );
 * actor.start();
 * actor.send({ type: "prepare" });
 * actor.send({ type: "commit", sameStore: true });
 * console.assert(said.join() === "voteYes,ack");
 * actor.stop();
 * ```
 *
 * @module
 */
export * from "./admission.ts";
export * from "./coordinator.ts";
export * from "./heuristic.ts";
export * from "./holder.ts";
export * from "./messages.ts";
export * from "./participant.ts";
export * from "./rules.ts";
export type * from "../machine_types.ts";
