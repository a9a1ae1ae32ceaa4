/** The API of a real cluster, over HTTP, as the task starts it. */
import { assert, assertEquals } from "@std/assert";
import { apiErrors, type ErrorName } from "../../examples/telecom/api_errors.ts";
import { methods } from "../../examples/telecom/api.ts";
import { BATCH_LIMIT, BODY_LIMIT_BYTES } from "../../examples/telecom/json_rpc.ts";
import { seedImsi, seedMsisdn } from "../../examples/telecom/rows.ts";
import { generateKeys, mint } from "../../examples/telecom/tokens.ts";
import { type Answer, type PostOptions, RealCluster } from "./real_cluster.ts";

const [A, B, C] = [seedMsisdn(0), seedMsisdn(1), seedMsisdn(2)];
const HOUR_MS = 3_600_000;

function assertError(answer: Answer, name: ErrorName, outcome = "none"): void {
  assertEquals(answer.error?.code, apiErrors[name].code, `${name}: ${JSON.stringify(answer)}`);
  assertEquals(answer.error?.data.outcome, outcome);
  assertEquals(answer.result, undefined);
}

let keys = 0;
const key = () => `key-${++keys}`;

Deno.test("a real cluster, through HTTP", async (t) => {
  const parent = await Deno.makeTempDir({ prefix: "trunkline-test-" });
  const data = `${parent}/data`;
  const args = ["--load", "0", "--fast", "--report", "json", "--subscribers", "100"];
  try {
    const cluster = await RealCluster.start(data, args, "task");
    try {
      await writesAndReads(t, cluster);
      await badInput(t, cluster);
      await authentication(t, cluster);
      await protocol(t, cluster);
      await oversight(t, cluster);
      await concurrency(t, cluster);
    } finally {
      await stopsClean(t, cluster);
    }
    await restart(t, data, args);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

async function writesAndReads(t: Deno.TestContext, cluster: RealCluster): Promise<void> {
  const balance = async (subscriber: string) =>
    (await cluster.rpc("account.balance", { subscriber })).result.balance;

  await t.step("debit, credit and transfer move money and answer with the balance", async () => {
    assertEquals(await balance(A), 100_000);
    const debit = await cluster.rpc("account.debit", {
      subscriber: A,
      amount: 500,
      idempotencyKey: key(),
    });
    assertEquals(debit.result, { subscriber: A, balance: 99_500, version: 2 });
    const credit = await cluster.rpc("account.credit", {
      subscriber: A,
      amount: 200,
      idempotencyKey: key(),
    });
    assertEquals(credit.result, { subscriber: A, balance: 99_700, version: 3 });
    const moved = { from: A, to: B, amount: 700 };
    const transfer = await cluster.rpc("account.transfer", { ...moved, idempotencyKey: key() });
    assertEquals(transfer.result, { ...moved, balance: 99_000, version: 4 });
    assertEquals([await balance(A), await balance(B)], [99_000, 100_700]);
  });

  await t.step("a session is validated at every edge, and ends when its number moves", async () => {
    const { result } = await cluster.rpc("session.open", { subscriber: A });
    const { session } = result;
    for (const edge of ["edge-1", "edge-2", "edge-3", "edge-1"]) {
      const path = `/edges/${edge}/rpc`;
      const valid = await cluster.rpc("session.validate", { session }, { path });
      assertEquals([valid.result.valid, valid.result.subscriber], [true, A]);
      assert(valid.result.expiresAt > Date.now());
    }
    const toImsi = "639030000000001";
    const ported = await cluster.rpc("number.port", { msisdn: A, toImsi, idempotencyKey: key() });
    assertEquals(ported.result, { msisdn: A, imsi: toImsi, version: 5 });
    assertError(await cluster.rpc("session.validate", { session }), "expired_session");
    const owner = await cluster.rpc("subscriber.get", { imsi: toImsi });
    assertEquals(owner.result.msisdn, A);
    assertError(await cluster.rpc("subscriber.get", { imsi: seedImsi(0) }), "unknown_subscriber");
    assertError(
      await cluster.rpc("number.port", { msisdn: B, toImsi, idempotencyKey: key() }),
      "duplicate_imsi",
    );
  });

  await t.step("a SIM is provisioned whole or not at all", async () => {
    const [msisdn, imsi] = ["254800000001", "639030000000009"];
    const params = { msisdn, imsi, balance: 1000 };
    const made = await cluster.rpc("sim.provision", { ...params, idempotencyKey: key() });
    assertEquals(made.result, { ...params, version: 1 });
    const got = await cluster.rpc("subscriber.get", { msisdn });
    assertEquals(got.result, { ...params, version: 1, homeEdge: got.result.homeEdge });
    assert(/^edge-[123]$/.test(got.result.homeEdge));
    const again = { ...params, msisdn: "254800000002", idempotencyKey: key() };
    assertError(await cluster.rpc("sim.provision", again), "duplicate_imsi");
    assertError(
      await cluster.rpc("subscriber.get", { msisdn: "254800000002" }),
      "unknown_subscriber",
    );
    const number = { ...params, imsi: "639030000000010", idempotencyKey: key() };
    assertError(await cluster.rpc("sim.provision", number), "duplicate_msisdn");
    assertError(
      await cluster.rpc("subscriber.get", { imsi: "639030000000010" }),
      "unknown_subscriber",
    );
  });

  await t.step(
    "a subscriber's own token reads, debits and transfers from its account",
    async () => {
      const own = { token: cluster.subscriber };
      assertEquals(
        (await cluster.rpc("account.balance", { subscriber: A }, own)).result.balance,
        99_000,
      );
      const debit = { subscriber: A, amount: 1, idempotencyKey: key() };
      assertEquals((await cluster.rpc("account.debit", debit, own)).result.balance, 98_999);
      const transfer = { from: A, to: B, amount: 1, idempotencyKey: key() };
      assertEquals((await cluster.rpc("account.transfer", transfer, own)).result.balance, 98_998);
      const { result } = await cluster.rpc("session.open", { subscriber: A }, own);
      assert((await cluster.rpc("session.validate", result, own)).result.valid);
    },
  );
}

async function badInput(t: Deno.TestContext, cluster: RealCluster): Promise<void> {
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

async function authentication(t: Deno.TestContext, cluster: RealCluster): Promise<void> {
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
    ["a token that was changed", cluster.operator.replace(/.$/, (c) => c === "A" ? "B" : "A")],
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

async function protocol(t: Deno.TestContext, cluster: RealCluster): Promise<void> {
  const rows: readonly (readonly [string, string, ErrorName])[] = [
    ["no JSON", "{", "parse_error"],
    ["nothing", "", "parse_error"],
    ["a number", "1", "invalid_request"],
    ["an empty batch", "[]", "invalid_request"],
    ["another version", '{"jsonrpc":"1.0","id":1,"method":"rpc.discover"}', "invalid_request"],
    ["a method of a wrong type", '{"jsonrpc":"2.0","id":1,"method":1}', "invalid_request"],
    ["an id of a wrong type", '{"jsonrpc":"2.0","id":{},"method":"a"}', "invalid_request"],
    ["too large a batch", JSON.stringify(Array(BATCH_LIMIT + 1).fill(1)), "batch_too_large"],
  ];
  for (const [what, body, name] of rows) {
    await t.step(`a body of ${what}: ${name}`, async () => {
      const response = await cluster.post(body);
      assertEquals(response.status, 200);
      assertError(await response.json(), name);
    });
  }
  await t.step("a body over the limit is refused, with its length and without", async () => {
    const body = " ".repeat(BODY_LIMIT_BYTES + 1);
    for (const sent of [body, new Blob([body]).stream()]) {
      const response = await fetch(`${cluster.url}/rpc`, { method: "POST", body: sent });
      assertEquals(response.status, 413);
      assertError(await response.json(), "body_too_large");
    }
    const small = await cluster.post(body.slice(0, -100) + '{"jsonrpc":"2.0"');
    assertError(await small.json(), "parse_error");
  });
  const call = (id: unknown, method: string, params: unknown = {}) => {
    const named = id === undefined ? {} : { id };
    return { jsonrpc: "2.0", method, params, ...named };
  };
  await t.step("a batch is answered in order, without its notifications", async () => {
    const credit = { subscriber: C, amount: 3, idempotencyKey: key() };
    const batch = [
      call("a", "account.balance", { subscriber: "254700000050" }),
      call(undefined, "account.credit", credit),
      1,
      call(7, "no.such"),
      call(null, "account.balance", { subscriber: "254700000051" }),
    ];
    const answers = await (await cluster.post(JSON.stringify(batch))).json();
    const told = answers.map((a: Answer & { id: unknown }) => [a.id, a.error?.code]);
    assertEquals(told, [
      ["a", undefined],
      [null, apiErrors.invalid_request.code],
      [7, apiErrors.method_not_found.code],
      [null, undefined],
    ]);
    const { result } = await cluster.rpc("account.balance", { subscriber: C });
    assertEquals(result.balance, 100_003);
  });
  await t.step("notifications alone are answered with 204 and done", async () => {
    for (const many of [false, true]) {
      const one = call(undefined, "account.credit", {
        subscriber: C,
        amount: 1,
        idempotencyKey: key(),
      });
      const response = await cluster.post(JSON.stringify(many ? [one] : one));
      assertEquals([response.status, await response.text()], [204, ""]);
    }
    const { result } = await cluster.rpc("account.balance", { subscriber: C });
    assertEquals(result.balance, 100_005);
  });
  await t.step("rpc.discover tells of every method, to anyone", async () => {
    const { result } = await cluster.rpc("rpc.discover", {}, { token: "" });
    assert(result.openrpc.startsWith("1."));
    const names = result.methods.map(({ name }: { name: string }) => name).sort();
    assertEquals(names, Object.keys(methods).sort());
  });
}

async function oversight(t: Deno.TestContext, cluster: RealCluster): Promise<void> {
  const get = async (path: string, method = "GET") => {
    const response = await fetch(cluster.url + path, { method });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  await t.step("what is not served says so", async () => {
    const wrong = await get("/rpc");
    assertEquals([wrong.status, wrong.headers.get("allow")], [405, "POST"]);
    assertEquals((await get("/edges/edge-1/rpc")).status, 405);
    assertEquals((await get("/")).status, 404);
    assertEquals((await get("/rpc/", "POST")).status, 404);
    assertEquals((await get("/edges/edge-9/rpc", "POST")).status, 404);
    assertEquals((await get("/edges/core-1/rpc", "POST")).status, 404);
  });
  await t.step("health and metrics", async () => {
    const health = await get("/healthz");
    assertEquals(health.status, 200);
    assertEquals(JSON.parse(health.text), { status: "ok", nodes: 10, down: [] });
    const metrics = await get("/metrics?of=all");
    assert(metrics.headers.get("content-type")!.startsWith("text/plain; version=0.0.4"));
    const committed = await cluster.metric("trunkline_transactions_committed_total");
    assertEquals(committed.size, 4);
    assert([...committed.values()].reduce((a, b) => a + b) > 10);
    const hits = await cluster.metric("trunkline_cache_hits_total");
    assertEquals(hits.size, 3);
  });
}

const EDGES = ["edge-1", "edge-2", "edge-3"];

async function concurrency(t: Deno.TestContext, cluster: RealCluster): Promise<void> {
  const at = (i: number): PostOptions => ({ path: `/edges/${EDGES[i % EDGES.length]}/rpc` });
  await t.step(
    "one key, twenty times at once through all edges: one effect, one answer",
    async () => {
      const subscriber = seedMsisdn(30);
      const to = seedMsisdn(31);
      const credit = { subscriber, amount: 77, idempotencyKey: "same" };
      const transfer = { from: subscriber, to, amount: 50, idempotencyKey: "same-transfer" };
      for (const [method, params] of [["account.credit", credit], ["account.transfer", transfer]]) {
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, i) => cluster.rpc(method as string, params, at(i))),
        );
        for (const answer of answers) {
          assert(answer.result !== undefined, JSON.stringify(answer));
          assertEquals(answer.result, answers[0]!.result);
        }
      }
      const balances = await Promise.all(
        [subscriber, to].map((subscriber) => cluster.rpc("account.balance", { subscriber })),
      );
      assertEquals(balances.map(({ result }) => result.balance), [100_027, 100_050]);
    },
  );
  await t.step("transfers in all directions at once keep the sum", async () => {
    const people = Array.from({ length: 8 }, (_, i) => seedMsisdn(40 + i));
    const moves = Array.from({ length: 200 }, (_, i) => {
      const from = people[i % 8]!, to = people[(i * 3 + 1 + i % 8) % 8]!;
      return { from, to: from === to ? people[(i + 1) % 8]! : to, amount: 1 + i * 7 % 100 };
    });
    const expected = new Map(people.map((person) => [person, 100_000]));
    const answers = await Promise.all(
      moves.map((move, i) =>
        cluster.rpc("account.transfer", { ...move, idempotencyKey: `move-${i}` }, at(i))
      ),
    );
    answers.forEach(({ result, error }, i) => {
      const { from, to, amount } = moves[i]!;
      if (result === undefined) return assertEquals(error?.data.outcome, "none");
      expected.set(from, expected.get(from)! - amount);
      expected.set(to, expected.get(to)! + amount);
    });
    assert(answers.filter(({ result }) => result).length > 100);
    for (const [subscriber, balance] of expected) {
      const { result } = await cluster.rpc("account.balance", { subscriber });
      assertEquals(result.balance, balance);
    }
  });
}

async function stopsClean(t: Deno.TestContext, cluster: RealCluster): Promise<void> {
  await t.step("Ctrl-C stops it in order within 5 s, and it reports", async () => {
    const since = performance.now();
    const { code, report, stderr } = await cluster.stop("SIGINT");
    assert(performance.now() - since < 5000, "in 5 s");
    assertEquals(code, 0, stderr.join("\n"));
    assert(stderr[0]!.startsWith("ready http://127.0.0.1:"), stderr[0]);
    assertEquals([report.profile, report.nodes, report.workers], ["carrier", 10, 30]);
    assertEquals(report.money, { expected: 10_000_000, actual: 10_000_000 });
    assertEquals(report.clean_shutdown, true);
    assertEquals([report.requests.sent, report.transactions.in_doubt], [0, 0]);
    assert(report.transactions.committed > 10 && report.edge.hits > 0);
  });
}

async function restart(t: Deno.TestContext, data: string, args: readonly string[]): Promise<void> {
  const { mode } = await Deno.stat(`${data}/keys.json`);
  assertEquals(mode! & 0o777, 0o600);
  const cluster = await RealCluster.start(data, args);
  await t.step("opened again, it has all it had: money, keys and sessions", async () => {
    const { result } = await cluster.rpc("account.balance", { subscriber: seedMsisdn(30) });
    assertEquals(result.balance, 100_027);
    const credit = { subscriber: seedMsisdn(30), amount: 77, idempotencyKey: "same" };
    const again = await cluster.rpc("account.credit", credit);
    assertEquals(again.result, { subscriber: seedMsisdn(30), balance: 100_077, version: 2 });
    assertError(await cluster.rpc("account.credit", { ...credit, amount: 78 }), "key_reused");
    const gone = await cluster.rpc("subscriber.get", { imsi: "639030000000001" });
    assertEquals(gone.result.msisdn, A);
  });
  const { code, report } = await cluster.stop("SIGTERM");
  assertEquals([code, report.money.actual], [0, 10_000_000]);
}
