/** No replica waits for what it has executed: it would suspect one primary after the other. */
import type { ReplicaEvent } from "../../../protocols/pbft/replica_types.ts";
import type { InvariantDefinition } from "../invariant.ts";

/** What waits is told to the machine by its host, which knows what is executed. */
export const invariant: InvariantDefinition = {
  name: "pbft_patience",
  says: "a replica does not wait for a request that it has executed",
  create(watched) {
    /** By replica and client: the last timestamp it has executed in this life. */
    const executed = new Map<string, Map<string, number>>();
    return {
      step({ machine, address, event }) {
        if (machine !== "pbft.replica" || watched.liars.has(address)) return;
        const { type, requests = [] } = event as Partial<
          Extract<ReplicaEvent, { readonly type: "executed" | "installed" | "request" }>
        >;
        const last = executed.get(address) ?? new Map<string, number>();
        executed.set(address, last);
        for (const { client, timestamp } of requests) {
          const known = last.get(client) ?? -Infinity;
          if (type !== "request") last.set(client, Math.max(known, timestamp));
          else if (timestamp <= known) {
            watched.fail(`${address} waits for ${client} ${timestamp}, which it has executed`);
          }
        }
      },
      gone: ({ address }) => void executed.delete(address),
    };
  },
};
