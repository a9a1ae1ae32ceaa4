/** Conservation of money. */
import type { InvariantDefinition } from "../invariant.ts";

/** Every decision leaves the total as it was, and in the end the stores hold what was decided. */
export const invariant: InvariantDefinition = {
  name: "money",
  says: "every commit conserves money, and the stores come to what was decided",
  create(watched) {
    const { model } = watched;
    model.onDecision(({ transaction, changes }) => {
      let cents = 0;
      for (const { key, before, after } of changes) {
        cents += centsOf(key, after) - centsOf(key, before);
        if (isAccount(key) && centsOf(key, after) < 0) {
          watched.fail(`${transaction} leaves ${key} with ${centsOf(key, after)} cents`);
        }
      }
      if (cents !== 0) watched.fail(`${transaction} makes ${cents} cents out of nothing`);
    });
    return {
      finish() {
        for (const [store, expected] of model.rows) {
          const actual = watched.rows(store);
          for (const key of new Set([...expected.keys(), ...actual.keys()])) {
            if (key.startsWith("meta/")) continue;
            const wanted = expected.get(key);
            const found = actual.get(key);
            if (found === (wanted === undefined ? undefined : JSON.stringify(wanted))) continue;
            watched.fail(`${store} ${key} is ${found}, decided was ${JSON.stringify(wanted)}`);
          }
        }
      },
    };
  },
};

function isAccount(key: string): boolean {
  return key.startsWith("/account/", 2);
}

function centsOf(key: string, value: unknown): number {
  if (isAccount(key)) return (value as { readonly balance: number } | undefined)?.balance ?? 0;
  return key.startsWith("/contra", 2) ? (value as number | undefined) ?? 0 : 0;
}
