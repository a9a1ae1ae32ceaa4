/** What links do to messages, seen from roles. */
import { assert, assertEquals } from "@std/assert";
import type { LinkParameters } from "../../../runtime/ports.ts";
import { type Implementation, link, type TestSystem } from "./implementation.ts";
import { type Burst, ROLES, type Seen } from "./roles.ts";

const A = "a/source", B = "b/source", SINK_A = "a/sink", SINK_B = "b/sink";

/** Two nodes with a source and a sink each. */
async function twoNodes(
  implementation: Implementation,
  change: Partial<LinkParameters> = {},
): Promise<TestSystem> {
  const system = implementation.createSystem({
    nodes: ["a", "b"],
    links: [link("a", "b", change), link("b", "a")],
  });
  const spawn = (address: string, name: string) =>
    system.spawn({ address, module: ROLES, name, config: undefined });
  await Promise.all([
    spawn(A, "source"),
    spawn(B, "source"),
    spawn(SINK_A, "sink"),
    spawn(SINK_B, "sink"),
  ]);
  return system;
}

function burst(system: TestSystem, from: string, burst: Burst): Promise<unknown> {
  return system.ask(from, "burst", burst);
}

async function seen(system: TestSystem, at: string, count: number): Promise<readonly Seen[]> {
  return await system.ask(at, "whenSeen", count) as Seen[];
}

interface Stats {
  readonly messages: Record<"sent" | "delivered" | "dropped" | "duplicated", number>;
}

async function statsOf(system: TestSystem, address: string): Promise<Stats> {
  return await system.ask(address, "$stats") as Stats;
}

function values(all: readonly Seen[]): unknown[] {
  return all.map(({ value }) => value);
}

/** The cases, by what they show. */
export const linkContract: Record<string, (i: Implementation) => Promise<void>> = {
  "a link that does nothing delivers in order": async (implementation) => {
    await using system = await twoNodes(implementation);
    const sent = Array.from({ length: 200 }, (_, i) => i);
    await burst(system, A, { to: SINK_B, values: sent });
    assertEquals(values(await seen(system, SINK_B, 200)), sent);
  },

  "loss 1 loses everything, and the sender counts it": async (implementation) => {
    await using system = await twoNodes(implementation, { loss: 1 });
    const results = await burst(system, A, { to: SINK_B, values: [1, 2, 3] });
    assertEquals(results, ["accepted", "accepted", "accepted"]);
    assertEquals((await statsOf(system, A)).messages.dropped, 3);
    assertEquals((await statsOf(system, SINK_B)).messages.delivered, 2); // $start and $stats
  },

  "duplicate 1 delivers everything twice": async (implementation) => {
    await using system = await twoNodes(implementation, { duplicate: 1 });
    await burst(system, A, { to: SINK_B, values: ["x"] });
    assertEquals(values(await seen(system, SINK_B, 2)), ["x", "x"]);
    assertEquals((await statsOf(system, A)).messages.duplicated, 1);
  },

  "a link that is down one way works the other": async (implementation) => {
    await using system = await twoNodes(implementation, { up: false });
    await burst(system, A, { to: SINK_B, values: ["lost"] });
    await burst(system, B, { to: SINK_A, values: ["found"] });
    assertEquals(values(await seen(system, SINK_A, 1)), ["found"]);
    assertEquals((await statsOf(system, A)).messages.dropped, 1);
  },

  "delay holds a message back": async (implementation) => {
    await using system = await twoNodes(implementation, { delayMs: 40 });
    await burst(system, A, { to: SINK_B, values: [1, 2] });
    const all = await seen(system, SINK_B, 2);
    assertEquals(values(all), [1, 2]);
    for (const { sentAt, receivedAt } of all) {
      assert(receivedAt - sentAt >= 39.9, `came after ${receivedAt - sentAt} ms`);
    }
  },

  "a constant delay keeps the order of many frames": async (implementation) => {
    await using system = await twoNodes(implementation, { delayMs: 3 });
    for (let i = 0; i < 40; i++) system.tell(A, "burst", { to: SINK_B, values: [i] });
    const all = await seen(system, SINK_B, 40);
    assertEquals(values(all), Array.from({ length: 40 }, (_, i) => i));
  },

  "a change takes effect at once, while everything runs": async (implementation) => {
    await using system = await twoNodes(implementation);
    await burst(system, A, { to: SINK_B, values: ["before"] });
    await seen(system, SINK_B, 1);
    system.switchboard.set("a", "b", { up: false });
    await burst(system, A, { to: SINK_B, values: ["during"] });
    system.switchboard.set("a", "b", { up: true });
    await burst(system, A, { to: SINK_B, values: ["after"] });
    assertEquals(values(await seen(system, SINK_B, 2)), ["before", "after"]);
  },

  "nodes without a link cannot talk": async (implementation) => {
    await using system = implementation.createSystem({ nodes: ["a", "b"] });
    const role = { module: ROLES, config: undefined };
    await system.spawn({ ...role, address: A, name: "source" });
    await system.spawn({ ...role, address: SINK_B, name: "sink" });
    assertEquals(await burst(system, A, { to: SINK_B, values: [1] }), ["unreachable"]);
  },
};
