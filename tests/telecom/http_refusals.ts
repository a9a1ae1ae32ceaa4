/** What a cluster refuses over HTTP: bad parameters, bad tokens. */
import { assert, assertEquals } from "@std/assert";
import type { ErrorName } from "../../examples/telecom/api_errors.ts";
import { seedImsi } from "../../examples/telecom/rows.ts";
import { generateKeys, mint } from "../../examples/telecom/tokens.ts";
import { A, assertError, B } from "./http_support.ts";
import type { RealCluster } from "./real_cluster.ts";

const HOUR_MS = 3_600_000;

export async function badInput(t: Deno.TestContext, cluster: RealCluster): Promise<void> {
  const posting = { subscriber: B, amount: 5, idempotencyKey: "bad" };
  const rows: readonly (readonly [string, string, unknown, ErrorName])[] = [
    ["a negative amount", "account.debit", { ...posting, amount: -5 }, "invalid_params"],
    ["an amount of nothing", "account.debit", { ...posting, amount: 0 }, "invalid_params"],
    ["a fractional amount", "account.debit", { ...posting, amount: 0.5 }, "invalid_params"],
    ["an amount too large", "account.debit", { ...posting, amount: 2 ** 53 }, "invalid_params"],
    ["an amount in words", "account.debit", { ...posting, amount: "5" }, "invalid_params"],
    ["a number for a subscriber", "account.debit", { ...posting, subscriber: 1 }, "invalid_params"],
    ["a plus sign", "account.balance", { subscriber: `+${B}` }, "invalid_params"],
    ["no key", "account.debit", { subscriber: B, amount: 5 }, "invalid_params"],
    ["an empty key", "account.debit", { ...posting, idempotencyKey: "" }, "invalid_params"],
    ["an unknown member", "account.debit", { ...posting, extra: 1 }, "invalid_params"],
    ["parameters by position", "account.balance", [B], "invalid_params"],
    ["a transfer to itself", "account.transfer", {
      from: B,
      to: B,
      amount: 1,
      idempotencyKey: "bad",
    }, "invalid_params"],
    [
      "both keys of a look-up",
      "subscriber.get",
      { msisdn: B, imsi: seedImsi(1) },
      "invalid_params",
    ],
    ["an unknown method", "account.steal", {}, "method_not_found"],
    ["an inherited method", "constructor", {}, "method_not_found"],
    [
      "an unknown subscriber",
      "account.balance",
      { subscriber: "254799999999" },
      "unknown_subscriber",
    ],
    ["a debit of nobody", "account.debit", {
      ...posting,
      subscriber: "254799999999",
    }, "unknown_subscriber"],
    ["a transfer to nobody", "account.transfer", {
      from: B,
      to: "254799999999",
      amount: 1,
      idempotencyKey: "bad",
    }, "unknown_subscriber"],
    ["an overdraft", "account.debit", { ...posting, amount: 10_000_000 }, "insufficient_funds"],
    ["a session never opened", "session.validate", {
      session: "00-AAAAAAAAAAAAAAAAAAAAAA",
    }, "unknown_session"],
    ["no session at all", "session.validate", { session: "nonsense" }, "unknown_session"],
  ];
  for (const [what, method, params, name] of rows) {
    await t.step(`${what}: ${name}`, async () => {
      assertError(await cluster.rpc(method, params), name);
    });
  }
  await t.step("an idempotency key is not used twice with other arguments", async () => {
    const params = { subscriber: B, amount: 5, idempotencyKey: "reused" };
    const first = await cluster.rpc("account.credit", params);
    assertEquals((await cluster.rpc("account.credit", params)).result, first.result);
    assertError(await cluster.rpc("account.credit", { ...params, amount: 6 }), "key_reused");
    assertError(await cluster.rpc("account.debit", params), "key_reused");
  });
  await t.step("a refused write frees its key", async () => {
    const params = { subscriber: B, amount: 10_000_000, idempotencyKey: "freed" };
    assertError(await cluster.rpc("account.debit", params), "insufficient_funds");
    assert((await cluster.rpc("account.debit", { ...params, amount: 1 })).result);
  });
}

export async function authentication(t: Deno.TestContext, cluster: RealCluster): Promise<void> {
  const { privateKey } = await cluster.keys();
  const claims = { subject: A, role: "subscriber" as const, msisdn: A, ttlMs: HOUR_MS, id: "t" };
  const base64 = (value: unknown) =>
    btoa(JSON.stringify(value)).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_");
  const [, payload] = cluster.operator.split(".");
  const rows: readonly (readonly [string, string])[] = [
    ["no token", ""],
    ["no JWT", "nonsense"],
    ["an expired token", await mint(privateKey, claims, Date.now() - 2 * HOUR_MS)],
    ["a token of tomorrow", await mint(privateKey, claims, Date.now() + 24 * HOUR_MS)],
    ["a forged token", await mint((await generateKeys()).privateKey, claims, Date.now())],
    ["a token without a signature", `${base64({ alg: "none", typ: "JWT" })}.${payload}.`],
    ["a token signed with a word", `${base64({ alg: "HS256" })}.${payload}.AAAA`],
    ["a token that was changed", cluster.operator.replace(/[^.]{9}$/, "AAAAAAAAA")],
    ["a very long token", "a".repeat(5000)],
  ];
  for (const [what, token] of rows) {
    await t.step(`${what} is refused`, async () => {
      assertError(
        await cluster.rpc("account.balance", { subscriber: A }, { token }),
        "unauthenticated",
      );
    });
  }
  const own = { token: cluster.subscriber };
  const opened = await cluster.rpc("session.open", { subscriber: B });
  const denied: readonly (readonly [string, unknown])[] = [
    ["account.balance", { subscriber: B }],
    ["subscriber.get", { msisdn: B }],
    ["subscriber.get", { imsi: seedImsi(1) }],
    ["subscriber.get", { imsi: "639039999999999" }],
    ["session.open", { subscriber: B }],
    ["session.validate", opened.result],
    ["account.debit", { subscriber: B, amount: 1, idempotencyKey: "x" }],
    ["account.transfer", { from: B, to: A, amount: 1, idempotencyKey: "x" }],
    ["account.credit", { subscriber: A, amount: 1, idempotencyKey: "x" }],
    ["number.port", { msisdn: A, toImsi: "639030000000077", idempotencyKey: "x" }],
    ["sim.provision", {
      msisdn: "254800000077",
      imsi: "639030000000077",
      balance: 1,
      idempotencyKey: "x",
    }],
  ];
  for (const [method, params] of denied) {
    await t.step(`a subscriber may not: ${method} ${JSON.stringify(params)}`, async () => {
      assertError(await cluster.rpc(method, params, own), "forbidden");
    });
  }
}
