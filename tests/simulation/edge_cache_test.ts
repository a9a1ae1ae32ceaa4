/**
 * The cache of an edge alone.
 */
import { assert, assertEquals } from "@std/assert";
import type { AnyStateMachine } from "xstate";
import { EdgeCache } from "../../actors/edge_cache.ts";
import { TableEngine } from "../../runtime/engine.ts";
import type { Envelope } from "../../runtime/codec.ts";
import type { Services } from "../../runtime/role.ts";
import { Timers } from "../../runtime/timers.ts";

const COORDINATOR = "core-1/coordinator";

function cacheAt(clock: { ms: number }, capacity: number): EdgeCache {
  const services = {
    address: "edge-1/gateway",
    incarnation: 1,
    clock: { now: () => clock.ms, wall: () => clock.ms },
    timers: new Timers(),
    observe: () => undefined,
    engine: (machine: AnyStateMachine) => new TableEngine(machine),
    send: () => "accepted",
    deadLetter: () => {},
  } as unknown as Services;
  const survives = () => true;
  const coordinators = [COORDINATOR];
  return new EdgeCache(services, { leaseMs: 1000, driftPpm: 0, capacity, survives, coordinators });
}

Deno.test("the cache is bounded by its answers, not only by its entries", () => {
  const clock = { ms: 0 };
  const cache = cacheAt(clock, 100);
  for (let i = 0; i < 10_000; i++) {
    clock.ms += 1;
    cache.fill("one subscriber", `session-${i}`, i, cache.ticket());
    assert(cache.answers <= 100, `${cache.answers} answers`);
  }
  assertEquals(cache.look("session-9999").found, "answer");
});

Deno.test("only a coordinator holds an entry, and only who holds it releases it", () => {
  const cache = cacheAt({ ms: 0 }, 100);
  cache.fill("entry", "key", 1, cache.ticket());
  const id = { log: "l", sequence: 1 };
  const say = (from: string, type: "hold" | "release", body: unknown) =>
    cache.messages[type]!.handle(body as never, { from } as Envelope);
  say("core-1/gateway", "hold", { id, entry: ["entry"] });
  assertEquals(cache.look("key").found, "answer");
  say(COORDINATOR, "hold", { id, entry: ["entry"] });
  assertEquals(cache.look("key").found, "held");
  say("core-2/coordinator", "release", { id, outcome: "abort" });
  assertEquals(cache.look("key").found, "held");
  say(COORDINATOR, "release", { id, outcome: "abort" });
  assertEquals(cache.look("key").found, "answer");
});
