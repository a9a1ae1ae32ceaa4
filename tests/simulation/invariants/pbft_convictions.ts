/** Who is convicted has lied. */
import type { InvariantDefinition } from "../invariant.ts";

/** Evidence convicts liars only. */
export const invariant: InvariantDefinition = {
  name: "pbft_convictions",
  says: "correct replicas convict none but liars",
  create(watched) {
    return {
      logged(address, kind, text) {
        const [, convicted] = /^(\S+) \(replica \d+\) is faulty: /.exec(text) ?? [];
        if (kind !== "failure" || convicted === undefined || watched.liars.has(address)) return;
        if (!watched.liars.has(convicted)) watched.fail(`${address} says that ${text}`);
      },
    };
  },
};
