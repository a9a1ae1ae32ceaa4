/** The HTTP face of a gateway, and clients that are in no hurry. */
import { assert } from "@std/assert";
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
