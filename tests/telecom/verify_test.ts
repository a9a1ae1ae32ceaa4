import { assertEquals, assertNotEquals } from "@std/assert";
import { telecomLedger, type Value } from "../../examples/telecom/ledger.ts";
import type { Operation } from "../../examples/telecom/operations.ts";
import { accountKey, contraKey, seedMsisdn, shardOf } from "../../examples/telecom/rows.ts";
import { Store } from "./support.ts";

const [a, b] = [seedMsisdn(0), seedMsisdn(1)];

Deno.test("verify finds money made or lost, a negative balance, a deleted account", () => {
  const store = new Store();
  const read = (key: string) => store.rows.get(key);
  const verify = (value: Value | null, adds: [string, number][] = [], ops: Operation[] = []) =>
    telecomLedger.verify?.({ puts: [[accountKey(a), value]], adds }, read, ops);
  const account = store.rows.get(accountKey(a)) as { [key: string]: Value };
  const at = contraKey(shardOf(a));
  const next = (balance: number) => ({ ...account, balance, version: 2 });
  assertEquals(verify(next(900), [[at, 100]]), undefined);
  assertEquals(verify(next(900)), "the shard gained -100 cents, its transfers bring 0");
  const out: Operation = { op: "transfer-out", msisdn: a, to: b, amount: 100 };
  assertEquals(verify(next(900), [], [out]), undefined);
  assertNotEquals(verify(next(-1), [[at, 1001]]), undefined);
  assertNotEquals(verify(null, [[at, 1000]]), undefined);
  assertNotEquals(verify({ ...next(1000), version: 1 }), undefined);
  assertNotEquals(verify({ ...next(1000), msisdn: b }), undefined);
  assertNotEquals(verify(next(1000), [[accountKey(a), 0]]), undefined);
});
