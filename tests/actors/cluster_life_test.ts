/** A small cluster around a gateway that breaks: it starts whole, and stops in time. */
import { assert, assertEquals } from "@std/assert";
import { Cluster } from "../../actors/cluster.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";

const module = new URL("./broken_gateway.ts", import.meta.url).href;
const gateway = { module, name: "brokenGateway" };
const GATEWAY = "edge/gateway";

function compose(progress: (text: string, system: WorkerSystem) => void = () => {}) {
  const made: { system?: WorkerSystem } = {};
  const cluster = new Cluster(
    (client) => made.system = WorkerSystem.create({ nodes: ["edge"], client }),
    {
      nodes: [{
        name: "edge",
        tier: "edge",
        gateway: true,
        coordinator: false,
        participant: false,
      }],
      settings: {
        heartbeatIntervalMs: 1000,
        missedLimit: 3,
        transactionTimeoutMs: 1000,
        maxConcurrentTransactions: 10,
        lockTimeoutMs: 100,
        leaseMs: 1000,
        driftPpm: 0,
        resendMs: 100,
      },
      shards: 0,
      participant: gateway,
      gateway,
      application: null,
      seed: null,
      data: "",
    },
    { supervision: { backoffMs: 10 }, progress: (text) => progress(text, made.system!) },
  );
  return { cluster, system: made.system! };
}

Deno.test("cluster: a role that hangs does not hold up the stop", async () => {
  const { cluster, system } = compose();
  await cluster.start();
  system.tell(GATEWAY, "hang");
  await new Promise((resolve) => setTimeout(resolve, 100));
  const since = performance.now();
  const end = await cluster.stop();
  await system[Symbol.asyncDispose]();
  assert(performance.now() - since < 5500, `${performance.now() - since} ms`);
  assertEquals(end.clean, false);
});

Deno.test("cluster: a role that was restarted while the others started serves", async () => {
  const { cluster, system } = compose((text, system) => {
    // The node has started its gateway by now; the cluster does not serve yet.
    if (text !== "roles are up; nodes go through their steps") return;
    void (async () => {
      while (await system.ask(GATEWAY, "hello", null, 100).catch(() => "") !== "hello");
      system.tell(GATEWAY, "throw");
    })();
  });
  try {
    await cluster.start();
    const until = performance.now() + 5000;
    let answer: unknown;
    while (answer !== "hello" && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      answer = await system.ask(GATEWAY, "hello", null, 500).catch(() => "");
    }
    assertEquals(answer, "hello");
  } finally {
    await system[Symbol.asyncDispose]();
  }
});

Deno.test("cluster: a node that ends while the cluster starts does not hold it up", async () => {
  let killed = false;
  const { cluster, system } = compose((text, system) => {
    if (text !== "roles are up; nodes go through their steps" || killed) return;
    killed = true;
    system.spawner.fence("edge/node"); // Whatever it was about to answer is not heard.
    cluster.killRole("edge/node");
  });
  const since = performance.now();
  try {
    await cluster.start();
    assert(killed);
    assert(performance.now() - since < 15_000, `${performance.now() - since} ms`);
    assertEquals(cluster.health().ok, true);
  } finally {
    await system[Symbol.asyncDispose]();
  }
});

Deno.test("cluster: a node that has stopped says so whenever it is asked", async () => {
  const { cluster, system } = compose();
  await cluster.start();
  const first = await system.ask("edge/node", "stopNode") as { step: string };
  const second = await system.ask("edge/node", "stopNode") as { step: string };
  assertEquals([first.step, second.step], ["stopped", "stopped"]);
  await system[Symbol.asyncDispose]();
});
