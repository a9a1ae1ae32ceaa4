/**
 * Starts a cluster inside this program, uses it as a client, breaks a node and mends it.
 *
 * Run: deno run --allow-read --allow-write --allow-net=127.0.0.1 examples/start_a_cluster.ts
 *
 * It reads its own modules and keeps its stores in a temporary folder; the network permission is
 * for the HTTP part alone.
 *
 * @module
 */
import { RpcError, startCluster } from "@trunkline/trunkline";

const ALICE = "254700000000";
const BOB = "254700000001";

await using cluster = await startCluster({
  profile: "reference", // 2 edge, 2 core and 1 cloud node.
  subscribers: 100,
  http: { port: 0 },
});
console.log(`${cluster.profile.nodes.length} nodes serve`);

// A write is answered when it is durable. The same key again gets the same answer, once done.
const transfer = { from: ALICE, to: BOB, amount: 2_50, idempotencyKey: "lunch" };
await cluster.rpc("account.transfer", transfer, { as: ALICE });
const again = await cluster.rpc("account.transfer", transfer, { as: ALICE, edge: "edge-2" });
console.log(`Alice has ${again.balance} cents left`);

// An error has a code, and says what became of the write.
try {
  await cluster.rpc("account.balance", { subscriber: BOB }, { as: ALICE });
} catch (error) {
  if (!(error instanceof RpcError)) throw error;
  console.log(`Alice may not read Bob's balance: ${error.reason}, changed: ${error.outcome}`);
}

// The same over HTTP.
const response = await fetch(`${cluster.url}/rpc`, {
  method: "POST",
  headers: { authorization: `Bearer ${await cluster.token(BOB)}` },
  body: JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "account.balance",
    params: { subscriber: BOB },
  }),
});
const { result } = await response.json();
console.log(`Bob has ${result.balance} cents`);

// A node may crash: calls go through the other edge.
cluster.crashNode("edge-1");
const { session } = await cluster.rpc("session.open", { subscriber: BOB });
const { valid } = await cluster.rpc("session.validate", { session });
console.log(`with edge-1 down, the session is ${valid ? "valid" : "invalid"}`);
await cluster.restartNode("edge-1");
console.log(`edge-1 is ${cluster.isUp("edge-1") ? "up" : "down"} again`);

const { clean } = await cluster.stop();
console.log(`stopped ${clean ? "cleanly" : "with problems"}`);
