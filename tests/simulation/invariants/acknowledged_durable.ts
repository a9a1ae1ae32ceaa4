/** Acknowledged means durable. */
import { claimKey, type KeyRow, sessionKey, shardOf } from "../../../examples/telecom/rows.ts";
import type { InvariantDefinition } from "../invariant.ts";
import { OPERATOR } from "../keys.ts";

/** When a client hears that a write was done, its decision is durable, with that very answer. */
export const invariant: InvariantDefinition = {
  name: "acknowledged_durable",
  says: "whatever a client was told is done is durable at that moment",
  create(watched) {
    const find = (key: string) => {
      for (const rows of watched.model.rows.values()) {
        const value = rows.get(key);
        if (value !== undefined) return value;
      }
    };
    return {
      acknowledged({ method, params }, result) {
        if (method === "session.open") {
          const session = String(result["session"]);
          if (find(sessionKey(session) ?? "") === undefined) {
            watched.fail(`session ${session} was opened and is not durable`);
          }
        }
        const { idempotencyKey } = params;
        if (idempotencyKey === undefined) return;
        const [operation] = (params["operations"] ?? []) as { readonly subscriber: string }[];
        const { from, msisdn, subscriber }: Record<string, unknown> = { ...operation, ...params };
        const first = String(from ?? msisdn ?? subscriber);
        const row = find(claimKey(shardOf(first), OPERATOR, String(idempotencyKey)));
        const kept = JSON.stringify((row as KeyRow | undefined)?.answer);
        const told = JSON.stringify(result);
        if (kept === told) return;
        watched.fail(
          `${method} ${JSON.stringify(params)} was answered ${told}, durable is ${kept}`,
        );
      },
    };
  },
};
