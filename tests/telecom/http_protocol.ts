/** JSON-RPC over HTTP as it should be, and what is served beside it. */
import { assert, assertEquals } from "@std/assert";
import { apiErrors, type ErrorName } from "../../examples/telecom/api_errors.ts";
import { methods } from "../../examples/telecom/api.ts";
import { BATCH_LIMIT, BODY_LIMIT_BYTES } from "../../examples/telecom/json_rpc.ts";
import { assertError, C, key } from "./http_support.ts";
import type { Answer, RealCluster } from "./real_cluster.ts";

export async function protocol(t: Deno.TestContext, cluster: RealCluster): Promise<void> {
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

export async function oversight(t: Deno.TestContext, cluster: RealCluster): Promise<void> {
  const get = async (path: string, method = "GET") => {
    const response = await fetch(cluster.url + path, { method });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  await t.step("what is not served says so", async () => {
    const wrong = await get("/rpc");
    assertEquals([wrong.status, wrong.headers.get("allow")], [405, "POST"]);
    assertEquals((await get("/edges/edge-1/rpc")).status, 405);
    assertEquals((await get("/rpc/", "POST")).status, 404);
    assertEquals((await get("/edges/edge-9/rpc", "POST")).status, 404);
    assertEquals((await get("/edges/core-1/rpc", "POST")).status, 404);
  });
  await t.step("the front leads to the console", async () => {
    const front = await get("/");
    assertEquals(front.status, 200);
    assert(front.text.includes("<title>"), front.text);
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
