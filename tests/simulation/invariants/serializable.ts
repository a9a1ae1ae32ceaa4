/** Batches look at balances as of the moment they are decided, reads as of one moment a store. */
import { accountKey, claimKey, shardOf } from "../../../examples/telecom/rows.ts";
import type { Adjustment, Bounds } from "../../../examples/telecom/methods.ts";
import type { InvariantDefinition, Watched } from "../invariant.ts";
import { OPERATOR } from "../keys.ts";

interface Account {
  readonly balance: number;
  readonly version: number;
}

/** What an account was from a decision on; decisions are counted from 0. */
interface Entry extends Account {
  readonly from: number;
}

/** Every account as each decision left it. */
class History {
  /** By key of an idempotency row: the decision that wrote it. */
  readonly claims = new Map<string, number>();
  readonly #accounts = new Map<string, Entry[]>();
  readonly #stores = new Map<string, string>();
  #decisions = 0;

  constructor(private readonly watched: Watched) {
    watched.model.onDecision(({ changes }) => {
      const from = this.#decisions++;
      for (const { store, key, before, after } of changes) {
        if (key.startsWith("/key/", 2)) this.claims.set(key, from);
        if (!key.startsWith("/account/", 2)) continue;
        this.#stores.set(key, store);
        let entries = this.#accounts.get(key);
        if (entries === undefined) {
          const first = before as unknown as Account | undefined;
          entries = first === undefined ? [] : [{ ...first, from: -1 }];
          this.#accounts.set(key, entries);
        }
        entries.push({ ...after as unknown as Account, from });
      }
    });
  }

  /** The account just before a decision. */
  before(msisdn: string, decision: number): Account | undefined {
    const entries = this.#accounts.get(accountKey(msisdn));
    if (entries === undefined) return this.#untouched(msisdn);
    return entries.findLast(({ from }) => from < decision);
  }

  #untouched(msisdn: string): Account | undefined {
    for (const rows of this.watched.model.rows.values()) {
      const row = rows.get(accountKey(msisdn));
      if (row !== undefined) return row as unknown as Account;
    }
    return undefined;
  }

  /** The decisions, from one to before another, between which an account had a version. */
  span(msisdn: string, version: number): { store: string; from: number; to: number } | undefined {
    const key = accountKey(msisdn);
    const entries = this.#accounts.get(key);
    const at = entries?.findIndex((entry) => entry.version === version) ?? -1;
    if (entries === undefined || at < 0) return undefined; // Never changed: as of any moment.
    const to = entries[at + 1]?.from ?? Infinity;
    return { store: this.#stores.get(key)!, from: entries[at]!.from, to };
  }
}

function within(balance: number, { min = -Infinity, max = Infinity }: Bounds = {}): boolean {
  return min <= balance && balance <= max;
}

/** Rows are locked from a look until its decision is applied: decisions in their order are serial. */
export const invariant: InvariantDefinition = {
  name: "serializable",
  says: "what a batch demands holds at its place in the order of decisions; " +
    "balances read together are those of one moment at each store",
  create(watched) {
    const history = new History(watched);
    const batch = (operations: readonly Adjustment[], idempotencyKey: string) => {
      const first = operations[0]!.subscriber;
      const decision = history.claims.get(claimKey(shardOf(first), OPERATOR, idempotencyKey));
      if (decision === undefined) {
        return watched.fail(`the batch ${idempotencyKey} was not decided`);
      }
      for (const { subscriber, change, before, after } of operations) {
        const balance = history.before(subscriber, decision)?.balance ?? NaN;
        if (within(balance, before) && within(balance + change, after)) continue;
        watched.fail(
          `${idempotencyKey} was done with ${balance} cents of ${subscriber}, ` +
            `it demands ${JSON.stringify({ before, change, after })}`,
        );
      }
    };
    const balances = (accounts: readonly (Account & { readonly subscriber: string })[]) => {
      const moments = new Map<string, { from: number; to: number }>();
      for (const { subscriber, version } of accounts) {
        const span = history.span(subscriber, version);
        if (span === undefined) continue;
        const { from, to } = moments.get(span.store) ?? { from: -1, to: Infinity };
        const both = { from: Math.max(from, span.from), to: Math.min(to, span.to) };
        moments.set(span.store, both);
        if (both.from < both.to) continue;
        watched.fail(`${JSON.stringify(accounts)} were never true together at ${span.store}`);
      }
    };
    return {
      acknowledged({ method, params }, result) {
        if (method === "account.batch") {
          batch(params["operations"] as Adjustment[], String(params["idempotencyKey"]));
        }
        if (method === "account.balances") {
          balances(result["accounts"] as (Account & { subscriber: string })[]);
        }
      },
    };
  },
};
