/** A number has one owner. */
import { type Account, accountKey, imsiKey, type ImsiRow } from "../../../examples/telecom/rows.ts";
import type { InvariantDefinition } from "../invariant.ts";

/** Accounts and the index from SIM to number say the same after every decision. */
export const invariant: InvariantDefinition = {
  name: "number_owner",
  says: "a number is on exactly one SIM, and a SIM carries at most one number",
  create(watched) {
    const { model } = watched;
    const find = (key: string) => {
      for (const rows of model.rows.values()) {
        const value = rows.get(key);
        if (value !== undefined) return value;
      }
    };
    const check = (account: Account, of: string) => {
      const row = find(imsiKey(account.imsi)) as ImsiRow | undefined;
      if (row?.msisdn === account.msisdn) return;
      watched.fail(`${of}: ${account.msisdn} is on ${account.imsi}, which carries ${row?.msisdn}`);
    };
    model.onDecision(({ transaction, changes }) => {
      for (const { key, before, after } of changes) {
        if (key.startsWith("/account/", 2) && after !== undefined) {
          const account = after as Account;
          const moved = (before as Account | undefined)?.imsi !== account.imsi;
          if (moved) check(account, transaction);
        }
        if (!key.startsWith("/imsi/", 2)) continue;
        const { msisdn } = (after ?? before) as ImsiRow;
        const account = find(accountKey(msisdn)) as Account | undefined;
        const imsi = key.slice("00/imsi/".length);
        if (after !== undefined && account?.imsi !== imsi) {
          watched.fail(`${transaction}: SIM ${imsi} carries ${msisdn}, which is elsewhere`);
        }
        if (after === undefined && account?.imsi === imsi) {
          watched.fail(`${transaction}: SIM ${imsi} is free, and ${msisdn} is on it`);
        }
        if (after !== undefined && before !== undefined) {
          const previous = (before as ImsiRow).msisdn;
          if (previous !== msisdn) {
            watched.fail(`${transaction}: ${imsi} is taken from ${previous}`);
          }
        }
      }
    });
    return {
      finish() {
        for (const rows of model.rows.values()) {
          for (const [key, value] of rows) {
            if (key.startsWith("/account/", 2)) check(value as Account, "in the end");
          }
        }
      },
    };
  },
};
