/**
 * The decisions of three-phase commit that are no transitions: who leads when the coordinator has
 * failed, what a leader does with the states it was told, and what those decide who have all failed.
 *
 * @module
 */
import type { Outcome } from "./messages.ts";

/** Who is known to be in which undecided state, by index. */
export type States = {
  readonly uncertain: readonly number[];
  readonly preCommitted: readonly number[];
};

/**
 * Who leads after `leader` has failed, as participant `index` sees it: the participant with the next
 * lowest index, and in the end itself. -1 stands for the coordinator.
 *
 * Everyone counts the same way, so that no messages are needed to elect (Bernstein, Hadzilacos,
 * Goodman 1987, section 7.5, "election protocol"). A leader above `index` has taken `index` for
 * failed; when it falls silent too, nobody but `index` is known to be left.
 */
export function nextLeader(leader: number, index: number): number {
  return leader < index ? leader + 1 : index;
}

/**
 * What participant `index`, which leads and whom nobody has told of a decision, does with the
 * states of those that have not failed, itself among them (the termination rule; Skeen 1981, section
 * 5; Bernstein, Hadzilacos, Goodman 1987, section 7.5, TR3 and TR4; TR1 and TR2, an outcome that one
 * of them knows, need no rule).
 *
 * - `"abort"`: all are uncertain, so nobody has committed, dead or alive.
 * - `"join"`: some are pre-committed, so nobody has aborted; the leader becomes so first, durably.
 * - `"spread"`: it is; then the others must be, before anyone may commit.
 * - `"commit"`: all are.
 */
export function terminationRule(
  { uncertain, preCommitted }: States,
  index: number,
): "abort" | "join" | "spread" | "commit" {
  if (preCommitted.length === 0) return "abort";
  if (uncertain.includes(index)) return "join";
  return uncertain.length > 0 ? "spread" : "commit";
}

/**
 * What the participants decide after all of them have failed undecided, or `undefined` while one is
 * missing: it may have outlived the others and decided.
 *
 * Who fails last and knows it decides before it does anything else, so its outcome is in its journal;
 * who fails before that has told nobody. So no record of who outlived whom is kept (it would let the
 * last one go on alone; Bernstein, Hadzilacos, Goodman 1987, section 7.5, "total failure"), and all
 * are waited for. They see the same states, which do not change any more, and decide alike. A
 * coordinator that has decided to commit had an acknowledgement, so one of them is pre-committed.
 */
export function outcomeAfterTotalFailure(
  { uncertain, preCommitted }: States,
  participants: number,
): Outcome | undefined {
  if (new Set([...uncertain, ...preCommitted]).size < participants) return undefined;
  return preCommitted.length > 0 ? "commit" : "abort";
}
