import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { decidingRefusal, refuse, staleRead } from "../../examples/telecom/refusals.ts";
import { type Operation, parseOperations } from "../../examples/telecom/operations.ts";
import { argumentsHash, plan } from "../../examples/telecom/plan.ts";
import { seedMsisdn, shardOf } from "../../examples/telecom/rows.ts";

const [a, b] = [seedMsisdn(0), seedMsisdn(1)];
const idempotencyKey = "k";

Deno.test("a plan: the claim comes first, at the first account's shard; one entry a shard", () => {
  const same = Array.from({ length: 200 }, (_, i) => seedMsisdn(i))
    .find((msisdn) => msisdn !== a && shardOf(msisdn) === shardOf(a)) ?? "";
  for (const to of [b, same]) {
    const params = { from: a, to, amount: 1, idempotencyKey };
    const planned = plan("account.transfer", params, { subject: "s" });
    if (!planned.ok) throw new Error(planned.reason.message);
    const { shards, answerShard, entries } = planned.plan;
    assertEquals(answerShard, shardOf(a));
    assertEquals(shards[0]?.operations[0]?.op, "claim-key");
    assertEquals(shards.length, to === same ? 1 : 2);
    assertEquals(entries, [a, to]);
    for (const { shard, operations } of shards) {
      assertEquals(parseOperations(structuredClone(operations), shard), operations);
    }
  }
});

Deno.test("the hash is of the arguments: not of their order, nor of the key", () => {
  const hash = argumentsHash("m", { a: 1, b: "2", idempotencyKey: "x" });
  assertEquals(argumentsHash("m", { b: "2", a: 1, idempotencyKey: "y" }), hash);
  assertNotEquals(argumentsHash("n", { a: 1, b: "2" }), hash);
  assertNotEquals(argumentsHash("m", { a: 1, b: 2 }), hash);
});

Deno.test("operations from outside: wrong shards and shapes are told", () => {
  const debit = { op: "debit", msisdn: a, amount: 1 };
  const shard = shardOf(a);
  const wrong: readonly (readonly [value: unknown, shard: number])[] = [
    [[debit], (shard + 1) % 64],
    [[{ ...debit, amount: 0 }], shard],
    [[{ ...debit, amount: 1.5 }], shard],
    [[{ ...debit, amount: 2 ** 53 }], shard],
    [[{ ...debit, more: 1 }], shard],
    [[{ op: "mint", msisdn: a }], shard],
    [debit, shard],
    [null, shard],
  ];
  for (const [value, at] of wrong) assertEquals(typeof parseOperations(value, at), "string");
  assertEquals(parseOperations([debit], shard), [debit as Operation]);
});

Deno.test("of several refusals the answering shard's counts, then what may be retried", () => {
  const taken = refuse("duplicate_imsi", "");
  const stale = staleRead("");
  const reused = refuse("key_reused", "");
  assertEquals(decidingRefusal(reused, [taken, stale]), reused);
  assertEquals(decidingRefusal(undefined, [taken, stale]), stale);
  assertEquals(decidingRefusal(undefined, [taken]), taken);
  assertEquals(decidingRefusal(undefined, []), undefined);
});

Deno.test("a plan needs to know what the request does not say", () => {
  const port = { msisdn: a, toImsi: "639099999999999", idempotencyKey };
  const provision = { msisdn: a, imsi: "639099999999999", balance: 0, idempotencyKey };
  const caller = { subject: "s" };
  assertThrows(() => plan("number.port", port, caller), TypeError, "fromImsi");
  assertThrows(() => plan("sim.provision", provision, caller), TypeError, "homeEdge");
  assertThrows(() => plan("session.open", { subscriber: a }, caller), TypeError, "session");
});

Deno.test("a session is opened at one shard, without a key", () => {
  const context = { session: "07-AAAAAAAAAAAAAAAAAAAAAA", expiresAt: 5 };
  const planned = plan("session.open", { subscriber: a }, { subject: "s" }, context);
  const operations = [{ op: "open-session", msisdn: a, ...context }];
  assertEquals(planned, {
    ok: true,
    plan: {
      shards: [{ shard: shardOf(a), operations: operations as Operation[] }],
      answerShard: shardOf(a),
      entries: [],
    },
  });
});
