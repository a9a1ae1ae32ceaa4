/**
 * Three-phase commit with its termination protocol, as XState v5 machines that only name their
 * effects: `coordinator` and `participant`; with them the messages, the journal records, the rules
 * that are not transitions, and the recovery from a journal.
 *
 * It does not block where two-phase commit does: whoever lives decides. The price is one more round,
 * and that silence must mean failure: where messages or processes may be slow without bound, a
 * partition makes the two sides decide differently.
 *
 * @example The only participant left decides alone
 * ```ts
 * import { initialTransition, transition } from "xstate";
 * import { participant } from "@trunkline/trunkline/protocols/three_phase_commit";
 *
 * const times = { lockTimeoutMs: 9, decisionTimeoutMs: 9, answerTimeoutMs: 9, resendMs: 1 };
 * const input = { participants: 2, index: 0, maxBackoff: 0, ...times };
 * const timer = (name: string, state: string) => ({
 *   type: `xstate.after.${name}.${participant.id}.${state}` as never,
 * });
 * let [state, effects] = initialTransition(participant, input);
 * for (
 *   const event of [
 *     { type: "prepare" },
 *     { type: "granted" },
 *     { type: "journaled", record: "prepared" },
 *     timer("decisionTimeout", "uncertain"), // The coordinator is silent,
 *     timer("answerTimeout", "collecting"), // and so is participant 1.
 *   ] as const
 * ) [state, effects] = transition(participant, state, event);
 * console.assert(state.value === "aborting");
 * console.assert(effects.some(({ type }) => type === "journal"));
 * ```
 *
 * @module
 */
export * from "./coordinator.ts";
export * from "./messages.ts";
export * from "./participant.ts";
export * from "./rules.ts";
export type * from "../machine_types.ts";
