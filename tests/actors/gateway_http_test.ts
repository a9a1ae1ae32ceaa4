/** The HTTP face of a gateway, and clients that are in no hurry. */
import { assert, assertEquals } from "@std/assert";
import { serveHttp } from "../../actors/gateway_http.ts";

const HEAD = "POST /rpc HTTP/1.1\r\nhost: x\r\n";

/** What a client does before it does nothing more. */
const slow: Readonly<Record<string, string>> = {
  "says nothing": "",
  "stops within its headers": "POST /rpc HT",
  "stops within its body": `${HEAD}content-length: 20\r\n\r\n{}`,
  "stops within a chunked body": `${HEAD}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n`,
  "never reads its answer": `${HEAD}content-length: 2\r\n\r\n{}`,
};

for (const [what, bytes] of Object.entries(slow)) {
  // The server keeps the connection of such a client until its worker ends.
  const options = { sanitizeOps: false, sanitizeResources: false };
  Deno.test(`http: a client that ${what} does not hold up a stop`, options, async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const server = serveHttp({
      hostname: "127.0.0.1",
      port,
      node: "edge",
      edges: ["edge"],
      bodyLimit: 1000,
      answer: () => "x".repeat(20_000_000),
      relay: () => Promise.resolve(undefined),
      refuse: () => "",
      oversee: () => Promise.resolve(),
    });
    using client = await Deno.connect({ hostname: "127.0.0.1", port });
    await client.write(new TextEncoder().encode(bytes));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const since = performance.now();
    await server.shutdown();
    assert(performance.now() - since < 1500);
  });
}

Deno.test("http: too much to do is 503 with when to come back, and no text can feign it", async () => {
  const overload = '{"jsonrpc":"2.0","id":1,"error":{"code":-32011,"message":"m",' +
    '"data":{"outcome":"none","retryable":true,"reason":"overloaded","retryAfterMs":1234}}}';
  const feigned = JSON.stringify({ error: { message: '"retryAfterMs":1}' } });
  const rows: readonly (readonly [string, number, string | null])[] = [
    [overload, 503, "2"],
    [`[${overload}]`, 200, null],
    [feigned, 200, null],
    ['{"jsonrpc":"2.0","id":1,"result":{}}', 200, null],
  ];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const server = serveHttp({
    hostname: "127.0.0.1",
    port,
    node: "edge",
    edges: ["edge"],
    bodyLimit: 10_000,
    answer: (body) => body,
    relay: () => Promise.resolve(undefined),
    refuse: () => "",
    oversee: () => Promise.resolve(),
  });
  for (const [body, status, wait] of rows) {
    const response = await fetch(`http://127.0.0.1:${port}/rpc`, { method: "POST", body });
    assertEquals([response.status, response.headers.get("retry-after")], [status, wait], body);
    assertEquals(await response.text(), body);
  }
  await server.shutdown();
});
