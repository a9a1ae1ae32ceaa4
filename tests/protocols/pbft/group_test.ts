/**
 * Whole groups, by chance: with f liars of every kind, losses, partitions and crashes, no two correct
 * replicas ever execute different batches at one number, and every request is answered once it can be.
 */
import { assert } from "@std/assert";
import { seeded } from "../../../runtime/random.ts";
import { lie, silence, twoFaces } from "./lies.ts";
import { World } from "./world.ts";

const SEEDS = 60;
const STEPS = 3000;
/** Steps after which a healed group counts as stuck. */
const STUCK = 60_000;

function partition(world: World): ReadonlySet<string> {
  if (world.random() < 0.5) return new Set();
  const side = world.members.map(() => world.random() < 0.5);
  return new Set(
    world.members.flatMap(({ index: a }) =>
      world.members.filter(({ index: b }) => side[a] !== side[b])
        .map(({ index: b }) => `${a}>${b}`)
    ),
  );
}

/** Lets faults happen. @throws {Error} when something that must hold does not */
function trouble(world: World): void {
  const { random } = world;
  world.faults = {
    loss: random() * 0.3,
    duplicate: random() * 0.2,
    crash: random() < 0.5 ? 0.002 : 0,
  };
  const impatience = 0.02 * random();
  for (let step = 0; step < STEPS; step++) {
    if (random() < 0.02 && world.asked.length < 30) {
      world.ask(`c${Math.floor(random() * 4)}`, world.asked.length + 1, random() < 0.5);
    }
    if (step % 400 === 0) world.cut = partition(world);
    world.tick(impatience);
    world.check();
  }
}

/** Faults are over, but for the liars: clients ask until they are answered. */
function recovery(world: World): boolean {
  world.faults = { loss: 0, duplicate: 0, crash: 0 };
  world.cut = new Set();
  const last = new Map(world.asked.map((it) => [it.client, it]));
  for (let step = 0; step < STUCK && !world.isDone; step++) {
    if (step % 500 === 0) {
      for (const { client, timestamp } of last.values()) world.ask(client, timestamp, true);
    }
    world.tick(0);
    world.check();
  }
  return world.isDone;
}

function group(seed: number, replicas: number, faulty: number, liars: number): World {
  const random = seeded(seed);
  const who = new Set<number>();
  while (who.size < liars) who.add(Math.floor(random() * replicas));
  const kinds = [lie, lie, silence, twoFaces];
  return new World(replicas, faulty, who, random, kinds[Math.floor(random() * kinds.length)]!);
}

for (const [replicas, faulty] of [[4, 1], [5, 1], [7, 2]] as const) {
  Deno.test(`pbft: ${replicas} replicas with ${faulty} liars agree, and answer in the end`, () => {
    for (let seed = 1; seed <= SEEDS / 3; seed++) {
      const liars = seed % 5 === 0 ? 0 : faulty;
      const world = group(seed * 100 + replicas, replicas, faulty, liars);
      try {
        trouble(world);
        assert(recovery(world), "requests are not answered");
      } catch (error) {
        const views = world.correct.map(({ context }) => `${context.view}:${context.executed}`);
        const who = [...world.liars].join();
        throw new Error(`seed ${seed}, liars ${who}, view:executed ${views}`, { cause: error });
      }
    }
  });
}

Deno.test("pbft: with f + 1 liars the promise is broken", () => {
  const broken = Array.from({ length: 60 }, (_, seed) => {
    const random = seeded(seed + 1);
    const world = new World(4, 1, new Set([0, 3]), random, twoFaces);
    try {
      for (let i = 0; i < 4; i++) world.ask(`c${i}`, 1, true);
      trouble(world);
      return false;
    } catch (error) {
      return /executes .* others|never asked/.test((error as Error).message);
    }
  });
  assert(broken.includes(true), "two liars of four never break agreement");
});
