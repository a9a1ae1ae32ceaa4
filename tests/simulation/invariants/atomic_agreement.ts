/** AC1 and AC2 of atomic commitment (Bernstein, Hadzilacos, Goodman 1987, section 7.3). */
import type { InvariantDefinition } from "../invariant.ts";

const OUTCOMES: Readonly<Record<string, Readonly<Record<string, "commit" | "abort">>>> = {
  "twoPhaseCommit.coordinator": {
    "committing.telling": "commit",
    ended: "commit",
    aborted: "abort",
  },
  "twoPhaseCommit.participant": {
    committing: "commit",
    committed: "commit",
    aborted: "abort",
  },
  "threePhaseCommit.coordinator": { "committed.telling": "commit", "aborted.telling": "abort" },
  "threePhaseCommit.participant": { committed: "commit", aborted: "abort" },
  "twoPhaseCommit.holder": { installed: "commit", released: "abort" },
};

/** All who decide a transaction decide alike, and nobody reverses a decision. */
export const invariant: InvariantDefinition = {
  name: "atomic_agreement",
  says: "all who reach a decision reach the same one, and nobody reverses it (AC1, AC2)",
  create(watched) {
    const decisions = new Map<string, { readonly outcome: string; readonly by: string }>();
    return {
      step({ machine, key, after, address }) {
        const outcome = OUTCOMES[machine]?.[after];
        if (outcome === undefined) return;
        const known = decisions.get(key);
        if (known === undefined) decisions.set(key, { outcome, by: address });
        else if (known.outcome !== outcome) {
          watched.fail(`${key}: ${address} decides ${outcome}, ${known.by} ${known.outcome}`);
        }
      },
    };
  },
};
