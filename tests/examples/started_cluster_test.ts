/** `startCluster` and its client: what a program that embeds a cluster relies on. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { RpcError, startCluster, WorkerSystem } from "../../mod.ts";
import { builtInProfiles } from "../../examples/telecom/built_in_profiles.ts";

const ALICE = "254700000000";
const BOB = "254700000001";
// Deno checks the types of a worker's script when it starts, and remembers that it has: let it do so
// once, before many workers start at the same time.
{
  await using system = WorkerSystem.create({ nodes: ["here"] });
  const module = new URL("../../examples/counter_actor.ts", import.meta.url).href;
  await system.spawn({ address: "here/counter", module, name: "counter", config: { start: 0 } });
}

const small = { profile: "reference", fast: true, subscribers: 10 } as const;

Deno.test("startCluster: what was answered is there after a restart on the same folder", async () => {
  const data = await Deno.makeTempDir();
  try {
    const transfer = { from: ALICE, to: BOB, amount: 1000, idempotencyKey: "once" };
    let token: string;
    {
      await using cluster = await startCluster({ ...small, data });
      const { balance } = await cluster.rpc("account.transfer", transfer);
      assertEquals(balance, 99_000);
      token = await cluster.token(BOB);
      await assertRejects(() => startCluster({ ...small, data }), Error, "is using it");
    }
    await using cluster = await startCluster({ profile: "reference", fast: true, data });
    assertEquals((await cluster.rpc("account.transfer", transfer)).balance, 99_000);
    const { balance } = await cluster.rpc("account.balance", { subscriber: BOB }, { token });
    assertEquals(balance, 101_000);
    const { clean, problems } = await cluster.stop();
    assert(clean, problems.join("; "));
    assertEquals(await cluster.stop(), await cluster.stop(), "stopping again changes nothing");
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

Deno.test("startCluster: errors say what became of the call", async () => {
  await using cluster = await startCluster(small);
  const refused = async (call: () => Promise<unknown>): Promise<RpcError> => {
    const error = await assertRejects(call, RpcError);
    assert(error.message.length > 0);
    return error;
  };
  const balance = { subscriber: ALICE };
  assertEquals(
    (await refused(() => cluster.rpc("account.balance", balance, { as: null }))).reason,
    "token_missing",
  );
  assertEquals(
    (await refused(() => cluster.rpc("account.balance", balance, { token: "x.y.z" }))).reason,
    "token_malformed",
  );
  assertEquals(
    (await refused(() => cluster.rpc("account.balance", balance, { as: BOB }))).reason,
    "not_own_data",
  );
  const overdraft = await refused(() =>
    cluster.rpc("account.debit", { ...balance, amount: 10 ** 9, idempotencyKey: "yacht" })
  );
  assertEquals([overdraft.code, overdraft.outcome, overdraft.retryable], [-32005, "none", false]);
  await assertRejects(
    () => cluster.rpc("account.balance", balance, { edge: "core-1" }),
    RangeError,
    "There is no edge core-1: there are edge-1, edge-2",
  );
  for (const node of ["edge-1", "edge-2"]) cluster.crashNode(node);
  const down = await refused(() => cluster.rpc("account.balance", balance));
  assertEquals([down.reason, down.outcome, down.retryable], ["unreachable", "none", true]);
});

Deno.test("startCluster: faults by node, role and link; figures; overseen over HTTP", async () => {
  await using cluster = await startCluster({ ...small, http: { port: 0 } });
  const subscriber = ALICE;
  const credit = (idempotencyKey: string) =>
    cluster.rpc("account.credit", { subscriber, amount: 1, idempotencyKey }, { timeoutMs: 20_000 });
  cluster.crashNode("core-1");
  assert(!cluster.isUp("core-1"));
  assertEquals((await credit("a")).balance, 100_001);
  await cluster.restartNode("core-1");
  assert(cluster.isUp("core-1"));
  cluster.changeLink("edge-1", "core-2", { up: false });
  assertEquals((await credit("b")).balance, 100_002);
  cluster.changeLink("edge-1", "core-2", { up: true });
  await assertRejects(
    () => Promise.try(() => cluster.changeLink("edge-1", "cloud-1", { up: true })),
    RangeError,
  );
  cluster.killRole("core-2/monitor");
  const stats = await cluster.stats();
  assert("cloud-1/participant" in stats);
  const health = await fetch(`${cluster.url}/healthz`);
  assertEquals((await health.json()).nodes, 5);
});

Deno.test("startCluster: what cannot be started says why", async () => {
  await assertRejects(() => startCluster({ profile: "huge" }), TypeError, "one of carrier");
  const reference = builtInProfiles.find(({ name }) => name === "reference")!;
  const settings = { ...reference.settings, pbft: { group: ["core-1"], f: 1 } };
  await assertRejects(
    () => startCluster({ profile: { ...reference, settings } }),
    TypeError,
    "3f + 1",
  );
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await assertRejects(
    () => startCluster({ ...small, http: { port: listener.addr.port } }),
    Error,
    "the port is in use",
  );
});
