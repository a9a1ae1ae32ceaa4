/** What a node says of a start that cannot succeed. */
import { assertEquals } from "@std/assert";
import type { NodeConfig, NodeStatus } from "../../actors/node.ts";
import { SimulatedSystem } from "../../runtime/simulated/mod.ts";

const module = new URL("../../actors/node.ts", import.meta.url).href;

const CONFIG: NodeConfig = {
  tier: "core",
  durable: [],
  helpers: [],
  gateways: [],
  monitor: "n/monitor",
  peers: [],
  coordinators: [],
  informs: [],
  completeMs: 100,
  connectMs: 100,
};

for (
  const [what, wrong] of [
    ["a role that comes twice", { gateways: ["n/monitor"] }],
    ["roles of another node", { durable: ["m/participant"] }],
  ] as const
) {
  Deno.test(`node: a configuration with ${what} fails the start, and the node says so`, async () => {
    await using system = SimulatedSystem.create({ nodes: ["n", "m"] });
    const config = { ...CONFIG, ...wrong };
    await system.spawn({ address: "n/node", module, name: "nodeRole", config });
    const status = await system.until(system.ask("n/node", "awaitServing")) as NodeStatus;
    assertEquals([status.step, status.problems[0]], [
      "failedToStart",
      "loadingConfiguration: failed",
    ]);
  });
}
