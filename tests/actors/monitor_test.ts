/** What a heartbeat monitor tells the roles of its node. */
import { assertEquals } from "@std/assert";
import { defineRole } from "../../runtime/role.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";

const module = import.meta.url;

export const listener = defineRole<null>({
  name: "listener",
  create: (services) => {
    const failed = new Set<string>();
    return {
      messages: {
        peerStatus: {
          accepts: () => true,
          handle: ({ node, status }: { node: string; status: string }) => {
            if (status === "failed") failed.add(node);
            else failed.delete(node);
          },
        },
        failed: {
          accepts: () => true,
          handle: (_: unknown, envelope) => services.reply(envelope, [...failed]),
        },
      },
    };
  },
});

Deno.test("monitor: a subscriber that was restarted hears of the dead again", async () => {
  await using system = WorkerSystem.create({ nodes: ["n", "m"] });
  const spec = { address: "n/listener", module, name: "listener", config: null };
  const heard = async (): Promise<unknown> => {
    for (let i = 0; i < 60; i++) {
      const failed = await system.ask(spec.address, "failed") as string[];
      if (failed.length > 0) return failed;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return [];
  };
  const first = await system.spawn(spec);
  await system.spawn({
    address: "n/monitor",
    module: new URL("../../actors/monitor.ts", import.meta.url).href,
    name: "monitorRole",
    config: {
      peers: ["m/monitor"],
      intervalMs: 100,
      missedLimit: 3,
      subscribers: [spec.address],
      overseer: "main/client",
    },
  });
  assertEquals(await heard(), ["m"]);
  first.terminate();
  await first.exited;
  await system.spawn(spec);
  assertEquals(await heard(), ["m"]);
});
