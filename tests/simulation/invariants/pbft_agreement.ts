/** No two correct replicas execute different requests at one sequence number; each once. */
import type { ReplicaEvent } from "../../../protocols/pbft/replica_types.ts";
import { decode } from "../../../runtime/codec.ts";
import type { InvariantDefinition } from "../invariant.ts";

/** Agreement, validity and integrity of what a group executes. */
export const invariant: InvariantDefinition = {
  name: "pbft_agreement",
  says: "correct replicas execute the same at each number: what a client asked for, once",
  create(watched) {
    const digests = new Map<number, string>();
    /** By client and timestamp: at which number it was executed. */
    const numbers = new Map<string, number>();
    const asked = new Set<string>();
    return {
      sent(from, _to, envelopes) {
        if (!from.endsWith("/client")) return;
        for (const { type, bytes } of envelopes) {
          if (type !== "pbft.request") continue;
          const { bytes: signed } = decode(bytes) as { readonly bytes: Uint8Array };
          const [, , client, timestamp] = decode(signed) as readonly unknown[];
          asked.add(`${client} ${timestamp}`);
        }
      },
      step({ machine, address, event, effects }) {
        if (machine !== "pbft.replica" || watched.liars.has(address)) return;
        for (const { type, params } of effects) {
          if (type !== "execute") continue;
          const { sequence, digest } = params as {
            readonly sequence: number;
            readonly digest: string;
          };
          const other = digests.get(sequence) ?? digest;
          digests.set(sequence, other);
          if (other === digest) continue;
          watched.fail(`${address} executes ${digest} at ${sequence}, and another ${other}`);
        }
        if (event.type !== "executed") return;
        const { sequence, requests } = event as Extract<
          ReplicaEvent,
          { readonly type: "executed" }
        >;
        for (const { client, timestamp } of requests) {
          const key = `${client} ${timestamp}`;
          if (!asked.has(key)) watched.fail(`${address} executes ${key}, which nobody asked for`);
          const at = numbers.get(key) ?? sequence;
          numbers.set(key, at);
          if (at !== sequence) {
            watched.fail(`${address} executes ${key} at ${sequence}, and it was executed at ${at}`);
          }
        }
      },
    };
  },
};
