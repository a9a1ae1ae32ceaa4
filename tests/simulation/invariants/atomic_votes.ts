/** AC3 and AC4 of atomic commitment. */
import type { InvariantDefinition } from "../invariant.ts";

/** Votes of those who need not wait come within this much time, if there are no faults. */
const PROMPT_MS = 200;

/**
 * A commit needs every participant's durable promise; an abort needs a no, a client's word, or a
 * fault that let a vote come too late.
 */
export const invariant: InvariantDefinition = {
  name: "atomic_votes",
  says: "commit only if all voted yes, durably (AC3); without faults, all yes is a commit (AC4)",
  create(watched) {
    const noes = new Set<string>();
    // One who waits for a lock has not voted: patience must outlast that.
    const { transactionTimeoutMs, lockTimeoutMs } = watched.settings;
    const patient = transactionTimeoutMs > lockTimeoutMs + PROMPT_MS;
    watched.model.onDecision(({ transaction, unprepared }) => {
      if (unprepared.length === 0) return;
      watched.fail(`${transaction} is committed, not promised durably by ${unprepared.join()}`);
    });
    return {
      step({ machine, key, after, event }) {
        if (machine === "twoPhaseCommit.participant") {
          if (after === "votedNo" || after === "refusing") noes.add(key);
        }
        if (machine !== "twoPhaseCommit.coordinator" || after !== "aborted") return;
        if (event.type === "voteNo" && !noes.has(key)) {
          watched.fail(`${key} is aborted for a no that nobody said`);
        }
        if (event.type.startsWith("xstate.after") && watched.faultless && patient) {
          watched.fail(`${key} is aborted for want of a vote, without any fault`);
        }
      },
    };
  },
};
