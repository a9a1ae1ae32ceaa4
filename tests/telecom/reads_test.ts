import { assertEquals, assertThrows } from "@std/assert";
import { telecomLedger, type Value } from "../../examples/telecom/ledger.ts";
import { answerRead, readKeys } from "../../examples/telecom/reads.ts";
import {
  accountKey,
  imsiKey,
  isExpired,
  newSession,
  seedImsi,
  seedMsisdn,
  seedSubscribers,
  sessionKey,
  shardOf,
  shardOfKey,
} from "../../examples/telecom/rows.ts";
import { allShards, Store } from "./support.ts";

const a = seedMsisdn(0);

Deno.test("a balance, and that of nobody", () => {
  const store = new Store();
  assertEquals(store.read("account.balance", { subscriber: a }), {
    ok: true,
    answer: { subscriber: a, balance: 1000, version: 1 },
  });
  const nobody = store.read("account.balance", { subscriber: "254711111111" });
  assertEquals(nobody.ok ? "" : nobody.reason.code, "unknown_subscriber");
});

Deno.test("several balances, in the order asked for, and none if one is nobody's", () => {
  const store = new Store();
  const b = seedMsisdn(1);
  store.write("account.debit", { subscriber: b, amount: 1, idempotencyKey: "k" });
  assertEquals(store.read("account.balances", { subscribers: [b, a] }), {
    ok: true,
    answer: {
      accounts: [
        { subscriber: b, balance: 999, version: 2 },
        { subscriber: a, balance: 1000, version: 1 },
      ],
    },
  });
  const nobody = store.read("account.balances", { subscribers: [a, "254711111111"] });
  assertEquals(nobody.ok ? "" : nobody.reason.code, "unknown_subscriber");
});

Deno.test("a subscriber, by number and by SIM", () => {
  const store = new Store();
  const answer = { msisdn: a, imsi: seedImsi(0), homeEdge: "edge-1", balance: 1000, version: 1 };
  assertEquals(store.read("subscriber.get", { msisdn: a }), { ok: true, answer });
  assertEquals(store.read("subscriber.get", { imsi: seedImsi(0) }), { ok: true, answer });
  for (const params of [{ msisdn: "254711111111" }, { imsi: "639099999999999" }]) {
    const nobody = store.read("subscriber.get", params);
    assertEquals(nobody.ok ? "" : nobody.reason.code, "unknown_subscriber");
  }
});

Deno.test("a subscriber that is ported between two reads is read again", () => {
  const store = new Store();
  const params = { imsi: seedImsi(0) };
  const rows = new Map<string, Value | null>([[imsiKey(params.imsi), { msisdn: a }]]);
  assertEquals(readKeys("subscriber.get", params, rows), [accountKey(a)]);
  store.write("number.port", { msisdn: a, toImsi: "639099999999999", idempotencyKey: "k" });
  rows.set(accountKey(a), store.rows.get(accountKey(a)) ?? null);
  const stale = answerRead("subscriber.get", params, rows, 0);
  assertEquals(stale.ok ? undefined : stale.reason.retryable, true);
});

Deno.test("a session is good until it ends", () => {
  const store = new Store();
  const opened = store.write("session.open", { subscriber: a });
  const { session } = (opened.ok ? opened.answer : null) as { session: string };
  const expiresAt = store.nowMs + 60_000;
  assertEquals(store.read("session.validate", { session }), {
    ok: true,
    answer: { session, subscriber: a, valid: true, expiresAt },
  });
  store.nowMs = expiresAt;
  const ended = store.read("session.validate", { session });
  assertEquals(ended.ok ? "" : ended.reason.code, "expired_session");
  const key = sessionKey(session) ?? "";
  assertEquals(isExpired(key, store.rows.get(key) ?? null, expiresAt - 1), false);
  assertEquals(isExpired(key, store.rows.get(key) ?? null, expiresAt), true);
});

Deno.test("a session stays ended when its number comes back to the SIM it was opened on", () => {
  const store = new Store();
  const opened = store.write("session.open", { subscriber: a });
  const { session } = (opened.ok ? opened.answer : null) as { session: string };
  const home = seedImsi(0);
  const port = (toImsi: string, idempotencyKey: string) =>
    store.write("number.port", { msisdn: a, toImsi, idempotencyKey });
  assertEquals([port("639099999999999", "p-1").ok, port(home, "p-2").ok], [true, true]);
  const ended = store.read("session.validate", { session });
  assertEquals(ended.ok ? "" : ended.reason.code, "expired_session");
});

Deno.test("a session ends when its number moves to another SIM", () => {
  const store = new Store();
  const opened = store.write("session.open", { subscriber: a });
  const { session } = (opened.ok ? opened.answer : null) as { session: string };
  store.write("number.port", { msisdn: a, toImsi: "639099999999999", idempotencyKey: "k" });
  const ended = store.read("session.validate", { session });
  assertEquals(ended.ok ? "" : ended.reason.code, "expired_session");
});

Deno.test("what is no session is unknown, and reads nothing", () => {
  const store = new Store();
  const good = newSession(a, new Uint8Array(16));
  for (const session of [good, "", "x", `64${good.slice(2)}`, `../${good}`, `${good}x`]) {
    const unknown = store.read("session.validate", { session });
    assertEquals(unknown.ok ? "" : unknown.reason.code, "unknown_session", session);
    assertEquals(readKeys("session.validate", { session }).length, session === good ? 1 : 0);
  }
});

Deno.test("a session lives at its subscriber's shard", () => {
  const session = newSession(a, crypto.getRandomValues(new Uint8Array(16)));
  assertEquals(shardOfKey(sessionKey(session) ?? ""), shardOf(a));
  assertThrows(() => newSession(a, new Uint8Array(8)), RangeError);
});

Deno.test("FNV-1a: the published test vectors, modulo 64", () => {
  const vectors = [["", 0x811c9dc5], ["a", 0xe40c292c], ["foobar", 0xbf9cf968]] as const;
  for (const [text, hash] of vectors) assertEquals(shardOf(text), hash % 64);
});

Deno.test("subscribers spread over the shards", () => {
  for (const name of [seedMsisdn, seedImsi]) {
    const counts = new Array<number>(64).fill(0);
    for (let i = 0; i < 10_000; i++) counts[shardOf(name(i))]! += 1;
    const [least, most] = [Math.min(...counts), Math.max(...counts)];
    if (least < 78 || most > 312) throw new Error(`from ${least} to ${most} on a shard, not 156`);
  }
});

Deno.test("seeding shard by shard gives every row once, at its shard", () => {
  const edges = ["edge-1", "edge-2", "edge-3"];
  const all = [...seedSubscribers(allShards, 500, edges, 7)];
  const apart = allShards.flatMap((shard) => {
    const rows = [...seedSubscribers([shard], 500, edges, 7)];
    for (const [key] of rows) assertEquals(shardOfKey(key), shard);
    return rows;
  });
  assertEquals(all.length, 1000);
  assertEquals(new Map(apart), new Map(all));
  assertEquals(new Map(all).get(accountKey(seedMsisdn(4))), {
    msisdn: "254700000004",
    imsi: "639020000000004",
    homeEdge: "edge-2",
    balance: 7,
    version: 1,
    state: "active",
  });
});

Deno.test("what an edge may keep, and under which name", () => {
  const store = new Store();
  const opened = store.write("session.open", { subscriber: a });
  const { session } = (opened.ok ? opened.answer : null) as { session: string };
  const rows = new Map<string, Value | null>(store.rows);
  const entries: readonly (readonly [query: unknown, entry: string | undefined])[] = [
    [{ method: "account.balance", params: { subscriber: a } }, a],
    [{ method: "subscriber.get", params: { imsi: seedImsi(0) } }, a],
    [{ method: "session.validate", params: { session } }, a],
    [{ method: "session.validate", params: { session: "x" } }, undefined],
    [{ method: "account.balance", params: { subscriber: "254711111111" } }, undefined],
  ];
  for (const [query, entry] of entries) {
    assertEquals(telecomLedger.entryOf(query, rows), entry);
    assertEquals(
      telecomLedger.readKeys(query, rows).length,
      entry === undefined &&
        JSON.stringify(query).includes("254711111111")
        ? 1
        : 0,
    );
  }
});

Deno.test("a query that is none reads nothing and is not kept", () => {
  const wrong = [
    null,
    1,
    {},
    { method: "account.debit", params: { subscriber: a } },
    {
      method: "account.balance",
      params: { subscriber: [] },
    },
    { method: "account.balance" },
    { method: "toString", params: {} },
  ];
  for (const query of wrong) {
    assertEquals(telecomLedger.readKeys(query, new Map()), []);
    assertEquals(telecomLedger.entryOf(query, new Map()), undefined);
  }
});
