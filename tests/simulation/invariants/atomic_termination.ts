/** AC5 of atomic commitment. */
import type { InvariantDefinition } from "../invariant.ts";

const SETTLED: Readonly<Record<string, ReadonlySet<string>>> = {
  "twoPhaseCommit.coordinator": new Set(["ended", "aborted"]),
  "twoPhaseCommit.participant": new Set(["committed", "aborted", "votedNo", "forgotten", "idle"]),
  "threePhaseCommit.coordinator": new Set(["ended"]),
  "threePhaseCommit.participant": new Set(["committed", "aborted", "forgotten", "initial"]),
};

/**
 * Once faults are over, every transaction comes to its end at everyone who votes or decides. Edges
 * are left out: a late copy of a hold makes one hold once more, until its lease runs out.
 */
export const invariant: InvariantDefinition = {
  name: "atomic_termination",
  says: "after healing, everybody reaches a decision (AC5)",
  create(watched) {
    /** By address and transaction: the state, if it is not settled. */
    const open = new Map<string, Map<string, string>>();
    return {
      step({ machine, address, key, after }) {
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
        for (const own of open.values()) count += own.size;
        return count;
      },
      finish() {
        for (const [address, own] of open) {
          for (const [key, state] of own) watched.fail(`${key} is ${state} at ${address} for good`);
        }
      },
    };
  },
};
