/** AC2 of atomic commitment (Bernstein, Hadzilacos, Goodman 1987, section 7.3), for each alone. */
import type { InvariantDefinition } from "../invariant.ts";

const OUTCOMES: Readonly<Record<string, RegExp>> = {
  "twoPhaseCommit.coordinator": /^(committing\.telling|ended|aborted)$/,
  "twoPhaseCommit.participant": /^(committed|aborted)$/,
  "threePhaseCommit.coordinator": /^(committed|aborted)\.telling$/,
  "threePhaseCommit.participant": /^(committed|aborted)$/,
};

/**
 * Whoever has decided has decided for good, crashes and restarts included: it holds where agreement
 * cannot be had, too.
 */
export const invariant: InvariantDefinition = {
  name: "decisions_stand",
  says: "nobody reverses its own decision, by no message and no restart (AC2)",
  create(watched) {
    const decided = new Map<string, string>();
    return {
      step({ machine, address, key, after }) {
        if (OUTCOMES[machine]?.test(after) !== true) return;
        const outcome = after.startsWith("abort") ? "aborted" : "committed";
        const place = `${address} ${key}`;
        const before = decided.get(place);
        if (before === undefined) decided.set(place, outcome);
        else if (before !== outcome) {
          watched.fail(`${key} is ${outcome} at ${address}, and was ${before}`);
        }
      },
    };
  },
};
