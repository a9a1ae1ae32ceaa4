/**
 * Writes a machine of one's own, makes it an actor, and runs it on a node of a running cluster,
 * beside the gateway it calls.
 *
 * Run: deno run --allow-read --allow-write examples/own_machine_beside_ours.ts
 *
 * The machine is in `top_up_actor.ts`. It reads its own modules; the cluster keeps its stores in a
 * temporary folder.
 *
 * @module
 */
import { startCluster } from "@trunkline/trunkline";
import type { TopUpConfig } from "./top_up_actor.ts";

const SUBSCRIBER = "254700000000";

await using cluster = await startCluster({ profile: "reference", fast: true, subscribers: 10 });
const balance = async () =>
  (await cluster.rpc("account.balance", { subscriber: SUBSCRIBER })).balance;

const config: TopUpConfig = {
  gateway: "edge-1/gateway",
  token: await cluster.token("operator"),
  subscriber: SUBSCRIBER,
  below: 10_000,
  by: 50_000,
  everyMs: 20,
};
await cluster.system.spawn({
  address: "edge-1/top-up",
  module: new URL("./top_up_actor.ts", import.meta.url).href,
  name: "topUp",
  config,
});
console.log(`the account begins with ${await balance()} cents`);

await cluster.rpc("account.debit", {
  subscriber: SUBSCRIBER,
  amount: 99_000,
  idempotencyKey: "a new telephone",
});
while (await cluster.system.ask("edge-1/top-up", "howOften") === 0) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
console.log(`it ran low, was topped up, and has ${await balance()} cents`);

// The actor's life is its own: when its worker ends, the cluster goes on.
await cluster.system.ask("edge-1/top-up", "$stop");
const { clean } = await cluster.stop();
console.log(`stopped ${clean ? "cleanly" : "with problems"}`);
