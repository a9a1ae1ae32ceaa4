import { assertEquals } from "@std/assert";
import { telecomLedger } from "../../examples/telecom/ledger.ts";
import type { Operation } from "../../examples/telecom/operations.ts";
import { accountKey, isExpired, KEY_LIFETIME_MS, seedMsisdn } from "../../examples/telecom/rows.ts";
import { Store } from "./support.ts";

const a = seedMsisdn(0);
const stranger = "254711111111";
const idempotencyKey = "k";

Deno.test("a key: other arguments are refused, another principal is free, an abort frees it", () => {
  const store = new Store();
  const debit = (amount: number, subject: string) =>
    store.write("account.debit", { subscriber: a, amount, idempotencyKey: "x/../y" }, {}, subject);
  const refused = debit(5000, "ann");
  assertEquals(refused.ok ? undefined : refused.reason.code, "insufficient_funds");
  assertEquals(debit(1, "ann").ok, true);
  const reused = debit(2, "ann");
  assertEquals(reused.ok ? undefined : reused.reason.code, "key_reused");
  assertEquals(debit(2, "bob").ok, true);
  const keys = [...store.rows.keys()].filter((key) => key.includes("/key/"));
  const at = `${accountKey(a).slice(0, 2)}/key/`;
  assertEquals(keys, [`${at}ann/x%2F..%2Fy`, `${at}bob/x%2F..%2Fy`]);
});

Deno.test("a key is kept for 24 hours, then free", () => {
  const store = new Store();
  const params = { subscriber: a, amount: 1, idempotencyKey };
  store.write("account.debit", params);
  store.nowMs += KEY_LIFETIME_MS - 1;
  assertEquals(store.write("account.debit", params).ok, false);
  const [key, row] = [...store.rows].find(([name]) => name.includes("/key/")) ?? ["", null];
  assertEquals(isExpired(key, row, store.nowMs), false);
  store.nowMs += 1;
  assertEquals(isExpired(key, row, store.nowMs), true);
  assertEquals(store.write("account.debit", params), {
    ok: true,
    answer: { subscriber: a, balance: 998, version: 3 },
  });
});

Deno.test("a claim is looked at first, wherever it stands", () => {
  const store = new Store();
  const params = { imsi: "639099999999999", msisdn: stranger, balance: 0, idempotencyKey };
  const operations: Operation[] = [
    { op: "assign-imsi", imsi: params.imsi, msisdn: stranger },
    { op: "provision-account", msisdn: stranger, imsi: params.imsi, homeEdge: "e", balance: 0 },
    { op: "claim-key", msisdn: stranger, principal: "op", key: "k", hash: "h" },
  ];
  const rows = new Map(store.rows);
  const read = (key: string) => rows.get(key);
  const first = telecomLedger.execute(operations, read, 0);
  if (!first.ok) throw new Error(first.reason.message);
  for (const [key, value] of first.writes.puts) if (value !== null) rows.set(key, value);
  const second = telecomLedger.execute(operations, read, 0);
  assertEquals(second.ok ? "" : second.reason.code, "duplicate");
  assertEquals(second.ok ? null : second.reason.answer, first.answer);
});
