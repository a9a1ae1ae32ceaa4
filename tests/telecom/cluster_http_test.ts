/** The API of a real cluster, over HTTP, as the task starts it. */
import { assert, assertEquals } from "@std/assert";
import { seedImsi, seedMsisdn } from "../../examples/telecom/rows.ts";
import { oversight, protocol } from "./http_protocol.ts";
import { authentication, badInput } from "./http_refusals.ts";
import { A, assertError, B, key } from "./http_support.ts";
import { type PostOptions, RealCluster } from "./real_cluster.ts";

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
    await restart(t, data, args, cluster.subscriber);
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
    assert(answers.some(({ result }) => result), "none went through");
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
    assertEquals([report.profile, report.nodes, report.workers], ["carrier", 10, 35]);
    assertEquals(report.money, { expected: 10_000_000, actual: 10_000_000 });
    assertEquals(report.clean_shutdown, true);
    assertEquals([report.requests.sent, report.transactions.in_doubt], [0, 0]);
    assert(report.transactions.committed > 10 && report.edge.hits > 0);
  });
}

async function restart(
  t: Deno.TestContext,
  data: string,
  args: readonly string[],
  token: string,
): Promise<void> {
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
    // A token of the run before is as good as ever.
    const own = await cluster.rpc("account.balance", { subscriber: A }, { token });
    assertEquals(own.result.subscriber, A);
  });
  const { code, report } = await cluster.stop("SIGTERM");
  assertEquals([code, report.money.actual], [0, 10_000_000]);
}
