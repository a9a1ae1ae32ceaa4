/**
 * The same schedule for both protocols, in virtual time: what a partition does to each, and what the
 * death of the coordinator does.
 */
import { assert, assertEquals } from "@std/assert";
import { seeded } from "../../runtime/random.ts";
import { Coverage } from "./coverage.ts";
import { runSeed } from "./run.ts";
import { cut, threePhaseCommit as scenario } from "./scenarios/three_phase_commit.ts";
import { Recorder } from "./recorder.ts";
import { Stage, stageKeys } from "./stage.ts";
import { drawSwarm } from "./swarm.ts";
import { allInvariants } from "./invariant.ts";
import type { TraceEvent } from "./trace.ts";

const keys = await stageKeys();
const [A, B, CORE] = ["cloud-1/participant", "cloud-2/participant", "core-1/coordinator"];

/** The roles of the scenario without those who look on: here everything is asked, nothing watched. */
async function setStage(seed: number): Promise<Stage> {
  const random = seeded(seed);
  const stage = Stage.set({
    ...keys,
    scenario,
    seed,
    casting: scenario.cast(random),
    swarm: drawSwarm(random, scenario.faults),
    coverage: new Coverage(),
    definitions: [],
    replaced: new Map(),
    recorder: (now) => new Recorder(now, undefined),
  });
  await stage.start();
  await stage.system.advance(50); // The coordinator's numbers are durable.
  return stage;
}

type Protocol = "2pc" | "3pc";

/** Begins a transaction of both participants; what comes of it. */
function transact({ system }: Stage, protocol: Protocol): Promise<unknown> {
  const shards = [0, 1].map((shard) => ({ shard, operations: [{ key: "note", text: protocol }] }));
  const request = { shards, answerShard: 0, protocol };
  return system.ask(CORE, "transact", request, 20_000).catch((error: Error) => error.message);
}

/** The states of the transactions of a role. */
async function census(stage: Stage, address: string, protocol: Protocol): Promise<string[]> {
  const stats = await stage.system.until(stage.system.ask(address, "$stats")) as {
    readonly transactions: Record<string, number>;
    readonly threePhase: Record<string, number>;
  };
  return Object.keys(protocol === "3pc" ? stats.threePhase : stats.transactions);
}

/** Time passes until a role has a transaction in that state. */
async function reach(stage: Stage, at: string, protocol: Protocol, state: string): Promise<void> {
  for (let i = 0; i < 4000; i++) {
    if ((await census(stage, at, protocol)).includes(state)) return;
    await stage.system.advance(0.5);
  }
  throw new Error(`${at} never comes to ${state}: it is in ${await census(stage, at, protocol)}`);
}

const VOTED = { "2pc": "inDoubt", "3pc": "uncertain" } as const;
const text = (stage: Stage, address: string) => {
  const store = `disks/${address.replace("/", ".")}.sqlite`;
  return stage.system.disks.rows(store).get("note");
};

for (const protocol of ["2pc", "3pc"] as const) {
  const says = protocol === "2pc" ? "blocks, and commits once healed" : "splits, for good";
  Deno.test(`${protocol}: a participant cut off after its vote ${says}`, async () => {
    await using stage = await setStage(7);
    const fate = transact(stage, protocol);
    await reach(stage, B, protocol, VOTED[protocol]);
    cut(stage, "cloud-2", "in");
    assertEquals(await stage.system.until(fate), { outcome: "committed", answer: 1 });
    cut(stage, "cloud-2", "out");
    await stage.system.advance(10_000);
    assertEquals(await census(stage, A, protocol), ["committed"]);
    assertEquals(text(stage, A), `"${protocol}"`);
    const alone = protocol === "2pc" ? ["inDoubt"] : ["aborted"];
    assertEquals(await census(stage, B, protocol), alone);
    assertEquals(text(stage, B), undefined);
    for (const way of ["in", "out"] as const) cut(stage, "cloud-2", way, true);
    await stage.system.advance(10_000);
    const healed = protocol === "2pc" ? ["committed"] : ["aborted"];
    assertEquals(await census(stage, B, protocol), healed);
    assertEquals(text(stage, B), protocol === "2pc" ? '"2pc"' : undefined);
  });
}

for (const protocol of ["2pc", "3pc"] as const) {
  const says = protocol === "2pc" ? "block until it is back" : "decide without it";
  Deno.test(`${protocol}: when the coordinator dies after the votes the participants ${says}`, async () => {
    await using stage = await setStage(8);
    const fate = transact(stage, protocol);
    await reach(stage, A, protocol, VOTED[protocol]);
    await reach(stage, B, protocol, VOTED[protocol]);
    stage.company.nodeDown("core-1");
    await stage.system.advance(10_000);
    const alone = protocol === "2pc" ? ["inDoubt"] : ["aborted"];
    assertEquals(await census(stage, A, protocol), alone);
    assertEquals(await census(stage, B, protocol), alone);
    stage.company.nodeUp("core-1");
    await stage.system.advance(10_000);
    assertEquals(await census(stage, A, protocol), ["aborted"]);
    assertEquals(await census(stage, B, protocol), ["aborted"]);
    // It has asked what was decided, told everybody, and forgotten.
    assertEquals(await census(stage, CORE, protocol), []);
    await stage.system.until(fate);
  });
}

Deno.test("3pc: pre-committed participants commit without their coordinator", async () => {
  await using stage = await setStage(9);
  const fate = transact(stage, "3pc");
  await reach(stage, B, "3pc", "preCommitting");
  stage.company.nodeDown("core-1");
  await stage.system.advance(10_000);
  for (const address of [A, B]) {
    assertEquals(await census(stage, address, "3pc"), ["committed"]);
    assertEquals(text(stage, address), '"3pc"');
  }
  stage.company.nodeUp("core-1");
  await stage.system.advance(10_000);
  assertEquals(await census(stage, CORE, "3pc"), []);
  await stage.system.until(fate);
});

Deno.test("3pc: who was down meanwhile asks, and hears", async () => {
  await using stage = await setStage(10);
  const fate = transact(stage, "3pc");
  await reach(stage, B, "3pc", "uncertain");
  stage.company.nodeDown("cloud-2");
  assertEquals(await stage.system.until(fate), { outcome: "committed", answer: 1 });
  stage.company.nodeUp("cloud-2");
  await stage.system.advance(10_000);
  assertEquals(await census(stage, B, "3pc"), ["committed"]);
  assertEquals(text(stage, B), '"3pc"');
  assertEquals(await census(stage, CORE, "3pc"), []);
});

for (const protocol of ["2pc", "3pc"] as const) {
  Deno.test(`${protocol}: a participant that drains begins nothing new, and ends what it began`, async () => {
    await using stage = await setStage(11);
    const first = transact(stage, protocol);
    await reach(stage, B, protocol, VOTED[protocol]);
    const drained = stage.system.ask(B, "$drain");
    const second = transact(stage, protocol);
    assertEquals(await stage.system.until(first), { outcome: "committed", answer: 1 });
    await stage.system.until(drained);
    const answer = await stage.system.until(second) as { readonly outcome: string };
    assertEquals(answer.outcome, "aborted");
    const stats = await stage.system.until(stage.system.ask(B, "$stats")) as {
      readonly committed: number;
      readonly lockedRows: number;
    };
    assertEquals([stats.committed, stats.lockedRows], [1, 0]);
  });
}

for (const protocol of ["2pc", "3pc"] as const) {
  Deno.test(`${protocol}: the age of a doubt is counted from its locks, over a restart`, async () => {
    await using stage = await setStage(12);
    const age = async () => {
      const stats = await stage.system.until(stage.system.ask(B, "$stats"));
      return (stats as { readonly oldestInDoubtMs: number }).oldestInDoubtMs;
    };
    const fate = transact(stage, protocol);
    await reach(stage, B, protocol, VOTED[protocol]);
    stage.company.nodeDown("core-1");
    const before = await age();
    await stage.system.advance(50);
    assert(await age() >= before + 50);
    stage.company.nodeDown("cloud-1");
    stage.company.nodeDown("cloud-2");
    await stage.system.advance(1000);
    stage.company.nodeUp("cloud-2"); // Alone: nobody can tell it what was decided.
    await stage.system.advance(1000);
    assert(await age() >= before + 2050, `${await age()} ms`);
    stage.company.nodeUp("cloud-1");
    stage.company.nodeUp("core-1");
    await stage.system.advance(10_000);
    assertEquals(await age(), 0);
    await stage.system.until(fate);
  });
}

Deno.test("the scenario fails if nothing splits, and says which machines decided what", async () => {
  const parts = { coverage: new Coverage(), definitions: await allInvariants(), ...keys };
  const lines: TraceEvent[] = [];
  const { violations } = await runSeed(scenario, 3, parts, lines);
  assertEquals(violations, []);
  const decided = (state: string) => lines.some(({ state_after }) => state_after === state);
  assert(decided("committed.telling") && decided("aborted"));
  const { act: _, ...calm } = scenario;
  const { violations: [missing] } = await runSeed(calm, 3, parts);
  assertEquals(missing?.message, "it is not broken");
});
