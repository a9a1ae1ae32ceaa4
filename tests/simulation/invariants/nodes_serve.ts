/** Nodes come up again. */
import type { InvariantDefinition } from "../invariant.ts";

/** When faults are over, every node that was started serves. */
export const invariant: InvariantDefinition = {
  name: "nodes_serve",
  says: "after healing, every node gets through its start and serves",
  create(watched) {
    const waiting = new Map<string, string>();
    return {
      step({ machine, address, after }) {
        // A spare one is there to fail.
        if (machine !== "lifecycle.node" || address.includes("/spare")) return;
        if (after === "serving") waiting.delete(address);
        else waiting.set(address, after);
      },
      gone: ({ address }) => {
        if (waiting.has(address)) waiting.set(address, "gone");
      },
      undecided: () => waiting.size,
      finish() {
        for (const [address, step] of waiting) watched.fail(`${address} is in ${step} for good`);
      },
    };
  },
};
