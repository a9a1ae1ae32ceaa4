import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { seedImsi, seedMsisdn } from "../../examples/telecom/rows.ts";
import { Store } from "./support.ts";

/** Few of everything, so that they collide: 4 subscribers there are, 2 more there may be. */
const msisdn = fc.nat(5).map(seedMsisdn);
const imsi = fc.nat(7).map(seedImsi);
const amount = fc.oneof(fc.integer({ min: 1, max: 1500 }), fc.constant(Number.MAX_SAFE_INTEGER));
const idempotencyKey = fc.nat(30).map(String);

const write = fc.oneof(
  fc.record({ subscriber: msisdn, amount, idempotencyKey }).map((params) =>
    ({ method: "account.debit", params }) as const
  ),
  fc.record({ subscriber: msisdn, amount, idempotencyKey }).map((params) =>
    ({ method: "account.credit", params }) as const
  ),
  fc.record({ from: msisdn, to: msisdn, amount, idempotencyKey }).map((params) =>
    ({ method: "account.transfer", params }) as const
  ),
  fc.record({ msisdn, toImsi: imsi, idempotencyKey }).map((params) =>
    ({ method: "number.port", params }) as const
  ),
  fc.record({ imsi, msisdn, balance: fc.nat(1000), idempotencyKey }).map((params) =>
    ({ method: "sim.provision", params }) as const
  ),
  fc.record({ subscriber: msisdn }).map((params) => ({ method: "session.open", params }) as const),
);

Deno.test("no sequence of writes changes the total, overdraws, or splits a number and its SIM", () => {
  fc.assert(
    fc.property(fc.array(write, { maxLength: 60 }), (writes) => {
      const store = new Store();
      const total = store.total();
      for (const { method, params } of writes) {
        store.write(method, params);
        assertEquals(store.total(), total);
        assertEquals(store.indexProblem(), undefined);
        for (const [key, value] of store.rows) {
          if (!key.startsWith("/account/", 2)) continue;
          const { balance } = value as { balance: number };
          if (!Number.isSafeInteger(balance) || balance < 0) throw new Error(`${key}: ${balance}`);
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("any write sent twice in a row is done once", () => {
  fc.assert(
    fc.property(fc.array(write, { maxLength: 20 }), (writes) => {
      const store = new Store();
      for (const { method, params } of writes) {
        if (method === "session.open") continue;
        const first = store.write(method, params);
        const after = new Map(store.rows);
        const second = store.write(method, params);
        assertEquals(store.rows, after);
        if (!first.ok) continue;
        assertEquals(second.ok ? null : second.reason.code, "duplicate");
        assertEquals(second.ok ? null : second.reason.answer, first.answer);
      }
    }),
    { numRuns: 500 },
  );
});
