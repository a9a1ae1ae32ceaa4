/** AC5 of atomic commitment. */
import type { InvariantDefinition } from "../invariant.ts";

const SETTLED: Readonly<Record<string, ReadonlySet<string>>> = {
  "twoPhaseCommit.coordinator": new Set(["ended", "aborted"]),
  "twoPhaseCommit.participant": new Set(["committed", "aborted", "votedNo", "forgotten", "idle"]),
  "threePhaseCommit.coordinator": new Set(["ended"]),
  "threePhaseCommit.participant": new Set(["committed", "aborted", "forgotten", "initial"]),
};

/** A decision that is told until everybody has acknowledged it: there it is made. */
const TOLD: Readonly<Record<string, string>> = {
  "committed.telling": "commit",
  "aborted.telling": "abort",
  committed: "commit",
  aborted: "abort",
};
const THREE_PHASE = /^threePhaseCommit\./;

/**
 * Once faults are over, every transaction comes to its end at everyone who votes or decides. Edges
 * are left out: a late copy of a hold makes one hold once more, until its lease runs out. A
 * three-phase commit whose decision is split is told for good, since nobody acknowledges what it has
 * decided otherwise: all have decided. That it is split is for `atomic_agreement` to say.
 */
export const invariant: InvariantDefinition = {
  name: "atomic_termination",
  says: "after healing, everybody reaches a decision (AC5)",
  create(watched) {
    /** By address and transaction: the state, if it is not settled. */
    const open = new Map<string, Map<string, string>>();
    const outcomes = new Map<string, Set<string>>();
    const isTold = (key: string, state: string) =>
      outcomes.get(key)?.size === 2 && Object.hasOwn(TOLD, state);
    return {
      step({ machine, address, key, after }) {
        if (THREE_PHASE.test(machine) && Object.hasOwn(TOLD, after)) {
          outcomes.set(key, (outcomes.get(key) ?? new Set()).add(TOLD[after]!));
        }
        const settled = SETTLED[machine];
        if (settled === undefined) return;
        let own = open.get(address);
        if (own === undefined) open.set(address, own = new Map());
        if (settled.has(after)) own.delete(key);
        else own.set(key, after);
      },
      gone({ address }) {
        open.delete(address); // Whatever it must go on with, its journal says.
      },
      undecided() {
        let count = 0;
        for (const own of open.values()) {
          for (const [key, state] of own) if (!isTold(key, state)) count++;
        }
        return count;
      },
      finish() {
        for (const [address, own] of open) {
          for (const [key, state] of own) {
            if (!isTold(key, state)) watched.fail(`${key} is ${state} at ${address} for good`);
          }
        }
      },
    };
  },
};
