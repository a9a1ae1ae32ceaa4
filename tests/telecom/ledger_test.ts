import { assertEquals, assertThrows } from "@std/assert";
import { telecomLedger, type Value } from "../../examples/telecom/ledger.ts";
import type { Operation } from "../../examples/telecom/operations.ts";
import type { Bounds, WriteMethod, WriteParams } from "../../examples/telecom/methods.ts";
import {
  accountKey,
  contraKey,
  imsiKey,
  MAX_CENTS,
  seedImsi,
  seedMsisdn,
  shardOf,
} from "../../examples/telecom/rows.ts";
import { Store } from "./support.ts";

const [a, b] = [seedMsisdn(0), seedMsisdn(1)];
const stranger = "254711111111";
const idempotencyKey = "k";

/** Parameters of a batch: whose balance, by how much, what it must be before and after. */
function batch(
  ...operations: readonly (readonly [string, number, Bounds?, Bounds?])[]
): WriteParams["account.batch"] {
  return {
    operations: operations.map(([subscriber, change, before, after]) => ({
      subscriber,
      change,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    })),
    idempotencyKey,
  };
}

interface Row<M extends WriteMethod = WriteMethod> {
  readonly name: string;
  readonly method: M;
  readonly params: WriteParams[M];
  /** A refusal's code, or the answer. */
  readonly gives: string | Value;
}

const rows: readonly Row[] = [
  {
    name: "a debit lowers the balance",
    method: "account.debit",
    params: { subscriber: a, amount: 400, idempotencyKey },
    gives: { subscriber: a, balance: 600, version: 2 },
  },
  {
    name: "a debit of all there is",
    method: "account.debit",
    params: { subscriber: a, amount: 1000, idempotencyKey },
    gives: { subscriber: a, balance: 0, version: 2 },
  },
  {
    name: "a debit of one cent more than there is",
    method: "account.debit",
    params: { subscriber: a, amount: 1001, idempotencyKey },
    gives: "insufficient_funds",
  },
  {
    name: "a debit of nobody",
    method: "account.debit",
    params: { subscriber: stranger, amount: 1, idempotencyKey },
    gives: "unknown_subscriber",
  },
  {
    name: "a credit raises the balance",
    method: "account.credit",
    params: { subscriber: a, amount: 5, idempotencyKey },
    gives: { subscriber: a, balance: 1005, version: 2 },
  },
  {
    name: "a batch: the balance of the first",
    method: "account.batch",
    params: batch([a, -400], [b, 400]),
    gives: { subscriber: a, balance: 600, version: 2 },
  },
  {
    name: "a batch that only looks",
    method: "account.batch",
    params: batch([a, 0, { min: 1000, max: 1000 }, { min: 1000 }]),
    gives: { subscriber: a, balance: 1000, version: 1 },
  },
  {
    name: "a batch that takes more than there is",
    method: "account.batch",
    params: batch([a, 5], [b, -1001]),
    gives: "insufficient_funds",
  },
  {
    name: "a batch past the largest balance",
    method: "account.batch",
    params: batch([a, MAX_CENTS]),
    gives: "balance_limit",
  },
  {
    name: "a batch with nobody in it",
    method: "account.batch",
    params: batch([a, 1], [stranger, 0]),
    gives: "unknown_subscriber",
  },
  {
    name: "a batch on a balance that is too low before",
    method: "account.batch",
    params: batch([a, 5], [b, 0, { min: 1001 }]),
    gives: "condition_failed",
  },
  {
    name: "a batch on a balance that is too high before",
    method: "account.batch",
    params: batch([a, 5, { max: 999 }]),
    gives: "condition_failed",
  },
  {
    name: "a batch that leaves less than it may",
    method: "account.batch",
    params: batch([a, -501, {}, { min: 500 }]),
    gives: "condition_failed",
  },
  {
    name: "a batch that leaves more than it may",
    method: "account.batch",
    params: batch([a, 1, {}, { max: 1000 }]),
    gives: "condition_failed",
  },
  {
    name: "a credit to the largest balance",
    method: "account.credit",
    params: { subscriber: a, amount: MAX_CENTS - 1000, idempotencyKey },
    gives: { subscriber: a, balance: MAX_CENTS, version: 2 },
  },
  {
    name: "a credit past the largest balance",
    method: "account.credit",
    params: { subscriber: a, amount: MAX_CENTS - 999, idempotencyKey },
    gives: "balance_limit",
  },
  {
    name: "a transfer answers with the payer's balance",
    method: "account.transfer",
    params: { from: a, to: b, amount: 10, idempotencyKey },
    gives: { from: a, to: b, amount: 10, balance: 990, version: 2 },
  },
  {
    name: "a transfer of too much",
    method: "account.transfer",
    params: { from: a, to: b, amount: 1001, idempotencyKey },
    gives: "insufficient_funds",
  },
  {
    name: "a transfer to nobody",
    method: "account.transfer",
    params: { from: a, to: stranger, amount: 1, idempotencyKey },
    gives: "unknown_subscriber",
  },
  {
    name: "a transfer to oneself",
    method: "account.transfer",
    params: { from: a, to: a, amount: 1, idempotencyKey },
    gives: "same_account",
  },
  {
    name: "a port to a free SIM",
    method: "number.port",
    params: { msisdn: a, toImsi: "639099999999999", idempotencyKey },
    gives: { msisdn: a, imsi: "639099999999999", version: 2 },
  },
  {
    name: "a port to another's SIM",
    method: "number.port",
    params: { msisdn: a, toImsi: seedImsi(1), idempotencyKey },
    gives: "duplicate_imsi",
  },
  {
    name: "a port to the SIM it is on",
    method: "number.port",
    params: { msisdn: a, toImsi: seedImsi(0), idempotencyKey },
    gives: "duplicate_imsi",
  },
  {
    name: "a port of no number",
    method: "number.port",
    params: { msisdn: stranger, toImsi: "639099999999999", idempotencyKey },
    gives: "unknown_subscriber",
  },
  {
    name: "a provisioning",
    method: "sim.provision",
    params: { imsi: "639099999999999", msisdn: stranger, balance: 70, idempotencyKey },
    gives: { msisdn: stranger, imsi: "639099999999999", balance: 70, version: 1 },
  },
  {
    name: "a provisioning with nothing",
    method: "sim.provision",
    params: { imsi: "639099999999999", msisdn: stranger, balance: 0, idempotencyKey },
    gives: { msisdn: stranger, imsi: "639099999999999", balance: 0, version: 1 },
  },
  {
    name: "a provisioning of a SIM in use",
    method: "sim.provision",
    params: { imsi: seedImsi(1), msisdn: stranger, balance: 0, idempotencyKey },
    gives: "duplicate_imsi",
  },
  {
    name: "a provisioning of a number in use",
    method: "sim.provision",
    params: { imsi: "639099999999999", msisdn: a, balance: 0, idempotencyKey },
    gives: "duplicate_msisdn",
  },
  {
    name: "a session of nobody",
    method: "session.open",
    params: { subscriber: stranger },
    gives: "unknown_subscriber",
  },
];

for (const { name, method, params, gives } of rows) {
  Deno.test(`write: ${name}`, () => {
    const store = new Store();
    const before = new Map(store.rows);
    const total = store.total();
    const outcome = store.write(method, params);
    if (typeof gives === "string") {
      assertEquals(outcome.ok ? "" : outcome.reason.code, gives);
      assertEquals(store.rows, before, "a refusal changes nothing");
      return;
    }
    assertEquals(outcome, { ok: true, answer: gives });
    assertEquals(store.total(), total);
    assertEquals(store.indexProblem(), undefined);
  });
}

Deno.test("a debit is posted against its shard's contra account", () => {
  const store = new Store();
  store.write("account.debit", { subscriber: a, amount: 400, idempotencyKey });
  assertEquals(store.rows.get(contraKey(shardOf(a))), 400);
});

Deno.test("a port moves the index row, and the old SIM is free again", () => {
  const store = new Store();
  store.write("number.port", { msisdn: a, toImsi: "639099999999999", idempotencyKey: "1" });
  assertEquals(store.rows.get(imsiKey(seedImsi(0))), undefined);
  assertEquals(store.rows.get(imsiKey("639099999999999")), { msisdn: a });
  const taken = store.write("number.port", {
    msisdn: b,
    toImsi: seedImsi(0),
    idempotencyKey: "2",
  });
  assertEquals(taken.ok, true);
  assertEquals(store.indexProblem(), undefined);
});

Deno.test("a port planned on an old reading is refused, to be planned again", () => {
  const store = new Store();
  const fromImsi = "639088888888888";
  const params = { msisdn: a, toImsi: "639099999999999", idempotencyKey };
  const outcome = store.write("number.port", params, { fromImsi });
  assertEquals(outcome.ok ? undefined : outcome.reason.code, "stale_read");
  assertEquals(outcome.ok ? undefined : outcome.reason.retryable, true);
});

Deno.test("the account's shard finds by itself that it was planned on an old reading", () => {
  const store = new Store();
  const port: Operation = {
    op: "port-account",
    msisdn: a,
    fromImsi: "639088888888888",
    toImsi: "639099999999999",
  };
  const outcome = telecomLedger.execute([port], (key) => store.rows.get(key), 0);
  assertEquals(outcome.ok ? undefined : outcome.reason.code, "stale_read");
});

/** The first row of each method that does something under a key. */
const repeats: readonly Row[] = rows.filter(({ method, params, gives }, i) =>
  typeof gives !== "string" && "idempotencyKey" in params &&
  rows.findIndex((row) => row.method === method && typeof row.gives !== "string") === i
);

for (const { name, method, params } of repeats) {
  Deno.test(`repeat: ${name}, once only, with the first answer`, () => {
    const store = new Store();
    const first = store.write(method, params);
    const after = new Map(store.rows);
    const second = store.write(method, params);
    assertEquals(second.ok ? undefined : second.reason.code, "duplicate");
    assertEquals(second.ok ? undefined : second.reason.answer, first.ok ? first.answer : null);
    assertEquals(store.rows, after);
  });
}

Deno.test("operations of one transaction see each other's effect", () => {
  const store = new Store();
  const operations: Operation[] = [
    { op: "debit", msisdn: a, amount: 600 },
    { op: "debit", msisdn: a, amount: 600 },
  ];
  const read = (key: string) => store.rows.get(key);
  const refused = telecomLedger.execute(operations, read, 0);
  assertEquals(refused.ok ? "" : refused.reason.code, "insufficient_funds");
  operations.splice(1, 0, { op: "credit", msisdn: a, amount: 200 });
  const done = telecomLedger.execute(operations, read, 0);
  if (!done.ok) throw new Error(done.reason.message);
  assertEquals(done.answer, { subscriber: a, balance: 400, version: 2 });
  assertEquals(done.writes.adds, [[contraKey(shardOf(a)), 1000]]);
  assertEquals(done.writes.puts.length, 1);
  assertEquals(done.entries, [a]);
  assertEquals(telecomLedger.verify?.(done.writes, read, operations), undefined);
  assertEquals(telecomLedger.keys(operations), [accountKey(a)]);
});

Deno.test("rows that are only looked at are locked together with other looks, changed ones alone", () => {
  const look: Operation = { op: "adjust", msisdn: a, change: 0, before: { min: 1 } };
  const key = accountKey(a);
  assertEquals(telecomLedger.sharedKeys?.([look]), [key]);
  // Never first shared and then alone: two that do so would wait for each other.
  for (const change of [{ ...look, change: 1 }, { op: "debit", msisdn: a, amount: 1 }] as const) {
    assertEquals(telecomLedger.sharedKeys?.([look, change]), []);
    assertEquals(telecomLedger.keys([look, change]), [key]);
  }
  assertEquals(telecomLedger.sharedKeys?.([{ op: "debit", msisdn: a, amount: 1 }]), []);
});

Deno.test("the contra account does not count past what is exact", () => {
  const rows = new Map<string, Value>([[contraKey(shardOf(a)), -MAX_CENTS], ...new Store().rows]);
  const read = (key: string) => rows.get(key);
  const done = telecomLedger.execute([{ op: "credit", msisdn: a, amount: 1 }], read, 0);
  assertEquals(done.ok ? "" : done.reason.code, "balance_limit");
});

Deno.test("what a participant asks of the ledger besides", () => {
  const store = new Store();
  assertEquals(telecomLedger.expiring(7), ["07/key/", "07/session/"]);
  assertEquals(telecomLedger.shardOfKey("63/contra"), 63);
  const seeded = telecomLedger.seed?.([shardOf(a)], {
    subscribers: 4,
    edges: ["edge-1"],
    balance: 1000,
  });
  for (const [key, value] of seeded ?? []) assertEquals(store.rows.get(key), value);
  for (const options of [undefined, null, {}, { subscribers: 1, edges: [] }, { subscribers: -1 }]) {
    assertThrows(() => telecomLedger.seed?.([0], options), TypeError);
  }
});
