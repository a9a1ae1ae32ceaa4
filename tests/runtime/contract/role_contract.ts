/** What spawners, clocks and random sources promise. */
import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { RoleSpec } from "../../../runtime/ports.ts";
import { AskFailed } from "../../../runtime/role.ts";
import type { Implementation, TestSystem } from "./implementation.ts";
import { ROLES } from "./roles.ts";

const ADDRESS = "n/subject";

function system(implementation: Implementation, seed = 1): TestSystem {
  return implementation.createSystem({ nodes: ["n"], seed });
}

function subject(implementation: Implementation): RoleSpec {
  return { address: ADDRESS, module: ROLES, name: "subject", config: implementation.stallable() };
}

async function deadLetters(s: TestSystem, address: string): Promise<Record<string, number>> {
  const stats = await s.ask(address, "$stats") as { deadLetters: Record<string, number> };
  return stats.deadLetters;
}

/** The cases, by what they show. */
export const roleContract: Record<string, (i: Implementation) => Promise<void>> = {
  "a spawned role answers": async (implementation) => {
    await using s = system(implementation);
    const spawned = await s.spawn(subject(implementation));
    assertEquals([spawned.address, spawned.incarnation], [ADDRESS, 1]);
    assertEquals(await s.ask(ADDRESS, "echo", { a: [1, "x"] }), { a: [1, "x"] });
  },

  "an ask fails with the answerer's reason, or in time": async (implementation) => {
    await using s = system(implementation);
    await s.spawn(subject(implementation));
    const refused = await assertRejects(() => s.ask(ADDRESS, "refuse", "tooBusy"), AskFailed);
    assertEquals(refused.reason, "tooBusy");
    const unknown = await assertRejects(() => s.ask(ADDRESS, "constructor"), AskFailed);
    assertEquals(unknown.reason, "unknownType");
    const nobody = await assertRejects(() => s.ask("n/nobody", "echo"), AskFailed);
    assertEquals(nobody.reason, "unreachable");
    const { release } = await s.stall(ADDRESS);
    const late = await assertRejects(() => s.ask(ADDRESS, "echo", 1, 20), AskFailed);
    assertEquals(late.reason, "timeout");
    release();
  },

  "a role that was not started serves nothing": async (implementation) => {
    await using s = system(implementation);
    await s.spawn(subject(implementation), false);
    const error = await assertRejects(() => s.ask(ADDRESS, "echo", 1), AskFailed);
    assertEquals(error.reason, "notServing");
    assertEquals((await deadLetters(s, ADDRESS))["notServing"], 1);
  },

  "the end of a role that throws is seen, with its reason": async (implementation) => {
    await using s = system(implementation);
    const spawned = await s.spawn(subject(implementation));
    s.tell(ADDRESS, "throw", "out of cheese");
    assertStringIncludes(await s.until(spawned.exited), "out of cheese");
    assertEquals(s.tell(ADDRESS, "echo"), "unreachable");
  },

  "an orderly stop is seen as such": async (implementation) => {
    await using s = system(implementation);
    const spawned = await s.spawn(subject(implementation));
    await s.ask(ADDRESS, "$stop");
    assertEquals(await s.until(spawned.exited), "stopped");
  },

  "a terminated role is seen to end": async (implementation) => {
    await using s = system(implementation);
    const spawned = await s.spawn(subject(implementation));
    spawned.terminate();
    assertEquals(await s.until(spawned.exited), "exited without a word");
  },

  "a restart is a new incarnation, and old mail is not for it": async (implementation) => {
    await using s = system(implementation);
    const first = await s.spawn(subject(implementation));
    const { kill } = await s.stall(ADDRESS);
    for (let i = 0; i < 3; i++) assertEquals(s.tell(ADDRESS, "echo", i), "accepted");
    await s.flushed();
    kill();
    await s.until(first.exited);
    const second = await s.spawn(subject(implementation));
    assertGreater(second.incarnation, first.incarnation);
    assertEquals(await deadLetters(s, ADDRESS), { oldIncarnation: 3 });
    assertEquals(await s.ask(ADDRESS, "echo", "alive"), "alive");
  },

  "a fenced role is replaced while it hangs": async (implementation) => {
    await using s = system(implementation);
    const first = await s.spawn(subject(implementation));
    const { release } = await s.stall(ADDRESS);
    s.fence(ADDRESS);
    const second = await s.spawn(subject(implementation));
    assertGreater(second.incarnation, first.incarnation);
    assertEquals(await s.ask(ADDRESS, "echo", 1), 1);
    release();
    await s.until(first.exited);
    assertEquals(await s.ask(ADDRESS, "echo", 2), 2);
  },

  "an unknown export is one clear error": async (implementation) => {
    await using s = system(implementation);
    await assertRejects(
      () => s.spawn({ ...subject(implementation), name: "nothing" }),
      Error,
      `Cannot start ${ADDRESS}: ${ROLES} exports no role nothing`,
    );
    assertEquals(s.tell(ADDRESS, "echo"), "unreachable");
  },

  "records come back after a restart, and answers follow the commit": async (implementation) => {
    await using s = system(implementation);
    const store = implementation.newStore();
    const spec = { address: "n/keeper", module: ROLES, name: "keeper", config: undefined, store };
    const first = await s.spawn(spec);
    const answers = [s.ask(spec.address, "keep", "a"), s.ask(spec.address, "keep", "b")];
    for (const [i, durable] of (await Promise.all(answers)).entries()) {
      assert(durable as number >= i + 1, "answered before it was durable");
    }
    first.terminate();
    await s.until(first.exited);
    await s.spawn(spec);
    assertEquals(await s.ask(spec.address, "recovered"), ["a", "b"]);
  },

  "a clock never goes back": async (implementation) => {
    await using s = system(implementation);
    await s.spawn(subject(implementation));
    let last = -Infinity;
    for (let i = 0; i < 200; i++) {
      const now = s.clock.now();
      assert(now >= last);
      last = now;
      if (i % 20 === 0) await s.ask(ADDRESS, "echo", i);
    }
    assert(Number.isSafeInteger(s.clock.wall()));
  },

  "a random source repeats for its seed": (implementation) => {
    const draw = (seed: number) => {
      const random = implementation.random(seed);
      return Array.from({ length: 50 }, () => random.next());
    };
    assertEquals(draw(5), draw(5));
    assert(draw(5).some((value, i) => value !== draw(6)[i]));
    assert(draw(5).every((value) => value >= 0 && value < 1));
    assertEquals(implementation.random(1).bytes(16).length, 16);
    return Promise.resolve();
  },

  "a role draws the same numbers for the same seed, others after a restart": async (
    implementation,
  ) => {
    const draw = async (seed: number) => {
      await using s = system(implementation, seed);
      const first = await s.spawn(subject(implementation));
      const drawn = [await s.ask(ADDRESS, "draw", 5)];
      first.terminate();
      await s.until(first.exited);
      await s.spawn(subject(implementation));
      return [...drawn, await s.ask(ADDRESS, "draw", 5)].map(String);
    };
    const [first, second] = await draw(3);
    assertEquals(await draw(3), [first, second]);
    assert(first !== second);
    assert((await draw(4))[0] !== first);
  },
};
