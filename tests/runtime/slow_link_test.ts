/** A link that is slow or late holds up those who use it, and nobody else. */
import { assert, assertEquals } from "@std/assert";
import { InFlight } from "../../runtime/in_flight.ts";
import { LOCAL_LINK } from "../../runtime/link_model.ts";
import type { LinkParameters } from "../../runtime/ports.ts";
import { defineRole } from "../../runtime/role.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";

const module = import.meta.url;
const anything = () => true;

export const receiver = defineRole<null>({
  name: "receiver",
  create: (services) => ({
    messages: {
      load: { accepts: anything, handle: () => {} },
      ping: { accepts: anything, handle: (_: unknown, e) => services.reply(e, "pong") },
    },
  }),
});

export const flood = defineRole<null>({
  name: "flood",
  create: (services) => {
    const body = "x".repeat(4000);
    let full = 0;
    const pour = (): void => {
      while (services.send("b/receiver", "load", body) === "accepted");
      full++;
      services.timers.set(services.clock.now() + 5, pour);
    };
    return { messages: {}, serve: pour, stats: () => ({ full }) };
  },
});

const links: Record<string, Partial<LinkParameters>> = {
  "of little bandwidth": { bandwidthMbps: 1, delayMs: 1 },
  "of long delay": { delayMs: 30_000 },
};

for (const [name, link] of Object.entries(links)) {
  Deno.test(`a flooded link ${name} does not make its receiver deaf to others`, async () => {
    await using system = WorkerSystem.create({
      nodes: ["a", "b"],
      links: [{ from: "a", to: "b", ...LOCAL_LINK, ...link }],
    });
    const spec = (address: string, name: string) => ({ address, module, name, config: null });
    await system.spawn(spec("b/receiver", "receiver"));
    await system.spawn(spec("a/flood", "flood"));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assertEquals(await system.ask("b/receiver", "ping", null, 1000), "pong");
    const { full } = await system.ask("a/flood", "$stats") as { full: number };
    assert(full > 10, "the sender is pushed back");
  });
}

Deno.test("in flight: what is due makes room, what is due never does so after a while", () => {
  const wire = new InFlight(100);
  wire.add(0, 1000, 0);
  assertEquals(wire.full(0), false);
  wire.add(5, 60, 0);
  wire.add(1e9, 60, 0);
  assertEquals([wire.full(0), wire.full(4), wire.full(5)], [true, true, false]);
  wire.add(1e9, 60, 5);
  assertEquals([wire.full(9000), wire.full(10_005)], [true, false]);
});
