/** Scenarios: a few seeds of each find nothing, and the same seed is the same run. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Coverage } from "./coverage.ts";
import { allInvariants } from "./invariant.ts";
import { runSeed, type SeedResult } from "./run.ts";
import { SCENARIOS } from "./scenarios/mod.ts";
import { stageKeys } from "./stage.ts";
import { Strikes } from "./strikes.ts";
import { FAULTS, SHAPES } from "./swarm.ts";
import type { TraceEvent } from "./trace.ts";
import seeds from "./regression_seeds.json" with { type: "json" };

const parts = {
  coverage: new Coverage(),
  definitions: await allInvariants(),
  ...await stageKeys(),
};

async function play(name: string, seed: number, lines?: TraceEvent[]): Promise<SeedResult> {
  return await runSeed(SCENARIOS.get(name)!, seed, parts, lines);
}

for (const name of SCENARIOS.keys()) {
  Deno.test(`nothing is found in five seeds of ${name}`, async () => {
    for (let seed = 1001; seed <= 1005; seed++) {
      const { violations, unfinished } = await play(name, seed);
      assertEquals(violations, [], `seed ${seed}`);
      assertEquals(unfinished, undefined);
    }
  });
}

for (const { scenario, seed, found } of seeds) {
  Deno.test(`${scenario} seed ${seed} once found: ${found}`, async () => {
    assertEquals((await play(scenario, seed)).violations, []);
  });
}

Deno.test("a seed gives the same trace, line by line, each time", async () => {
  for (const name of ["transfers", "restart_storm", "lifecycle"]) {
    const traces = [0, 1].map((): TraceEvent[] => []);
    const [first, second] = [await play(name, 17, traces[0]), await play(name, 17, traces[1])];
    assertEquals(first.traceHash, second.traceHash, name);
    assertEquals(JSON.stringify(traces[0]), JSON.stringify(traces[1]), name);
    // Nobody listens, and it goes the same way.
    assertEquals((await play(name, 17)).traceHash, first.traceHash, name);
    assertNotEquals((await play(name, 18)).traceHash, first.traceHash, name);
  }
});

Deno.test("a run is what it says: requests are acknowledged, faults happen", async () => {
  const lines: TraceEvent[] = [];
  const { requests, swarm } = await play("crashes", 1, lines);
  assert(requests["acknowledged"]! > 10, `only ${requests["acknowledged"]} acknowledged`);
  assert(swarm.on.has("crash"));
  assert(lines.some(({ from, type }) => from === "fault" && type === "crash"));
  assertEquals(lines.map(({ n }) => n), lines.map((_, i) => i + 1));
  assert(lines.every(({ t }, i) => i === 0 || t >= lines[i - 1]!.t), "time goes backwards");
});

Deno.test("every kind of fault is injected, and strikes", async () => {
  const sum = new Strikes();
  for (const name of ["lifecycle", "crashes", "leases", "pbft"]) {
    for (let seed = 1; seed <= 8; seed++) sum.add((await play(name, seed)).strikes);
  }
  const idle = FAULTS.filter((fault) => sum.faults[fault].struck === 0);
  assertEquals(idle, []);
  assertEquals(SHAPES.filter((shape) => sum.shapes[shape] === 0), []);
  assert(sum.lostTail > 0, "no crash took what was not durable yet");
});
