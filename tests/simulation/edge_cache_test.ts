/**
 * The cache of an edge alone.
 */
import { assert, assertEquals } from "@std/assert";
import { EdgeCache } from "../../actors/edge_cache.ts";
import type { Services } from "../../runtime/role.ts";
import { Timers } from "../../runtime/timers.ts";

function cacheAt(clock: { ms: number }, capacity: number): EdgeCache {
  const services = {
    clock: { now: () => clock.ms, wall: () => clock.ms },
    timers: new Timers(),
    observe: () => undefined,
  } as unknown as Services;
  const survives = () => true;
  const coordinators = ["core-1/coordinator"];
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
