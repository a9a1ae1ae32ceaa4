/** Reads of balances are linearizable. */
import type { InvariantDefinition } from "../invariant.ts";

/** A read that was sent after an answer with some version never shows an older one. */
export const invariant: InvariantDefinition = {
  name: "linear_reads",
  says: "whoever asks after an answer was given sees no older version of the account",
  create(watched) {
    /** Versions that were told, with when, newest last; versions grow. */
    const told = new Map<string, { readonly at: number; readonly version: number }[]>();
    return {
      acknowledged({ method, params, sentAt }, result) {
        const version = result["version"];
        const account = result["subscriber"] ?? result["msisdn"] ?? params["from"];
        if (typeof version !== "number" || typeof account !== "string") return;
        let known = told.get(account);
        if (known === undefined) told.set(account, known = []);
        if (method === "account.balance") {
          const before = known.findLast(({ at }) => at < sentAt);
          if (before !== undefined && version < before.version) {
            watched.fail(
              `${account} was read at version ${version} by who asked at ${sentAt} ms; ` +
                `version ${before.version} had been told at ${before.at} ms`,
            );
          }
        }
        const newest = known.at(-1)?.version ?? 0;
        if (version > newest) known.push({ at: watched.now(), version });
      },
    };
  },
};
