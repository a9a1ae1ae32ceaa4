/** Requests are answered in the end. */
import type { InvariantDefinition } from "../invariant.ts";

/** Liveness, with f liars still lying. */
export const invariant: InvariantDefinition = {
  name: "pbft_answers",
  says: "after healing every request of a client that lives is answered",
  create(watched) {
    /** By client role: requests that are open. */
    const open = new Map<string, Set<string>>();
    return {
      step({ machine, address, key, after }) {
        if (machine !== "pbft.client") return;
        const requests = open.get(address) ?? new Set<string>();
        open.set(address, requests);
        if (after === "answered") requests.delete(key);
        else requests.add(key);
      },
      gone: ({ address }) => void open.delete(address),
      undecided: () => [...open.values()].reduce((sum, { size }) => sum + size, 0),
      finish() {
        for (const [address, requests] of open) {
          for (const key of requests) watched.fail(`${address}: ${key} is never answered`);
        }
      },
    };
  },
};
