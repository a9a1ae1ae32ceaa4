/**
 * Cycles are found, all of them, and nothing else; victims end them, one a cycle, none for ever.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { deadlocks, type Graph, without } from "../../../protocols/deadlock/cycles.ts";
import {
  chooseVictims,
  compareVictims,
  type Merits,
  VICTIM_POLICIES,
  type VictimPolicy,
} from "../../../protocols/deadlock/victims.ts";

function graph(edges: Readonly<Record<string, readonly string[]>>): Graph {
  return new Map(Object.entries(edges));
}

function merit(id: string, change: Partial<Merits> = {}): Merits {
  return { id, work: 1, priority: 0, begunAt: 0, chosen: 0, ...change };
}

function meritsOf(of: Graph, change: (id: string) => Partial<Merits> = () => ({})) {
  const ids = new Set([...of].flatMap(([node, targets]) => [node, ...targets]));
  return new Map([...ids].map((id) => [id, merit(id, change(id))]));
}

const FOUR_AND_TWO = graph({
  T1: ["T2"],
  T2: ["T3"],
  T3: ["T4"],
  T4: ["T1"],
  T5: ["T6"],
  T6: ["T5"],
});

const ROWS: readonly {
  readonly name: string;
  readonly graph: Graph;
  readonly cycles: readonly (readonly string[])[];
  readonly victims: readonly string[];
}[] = [
  { name: "nobody waits", graph: graph({}), cycles: [], victims: [] },
  { name: "a queue", graph: graph({ T1: ["T2"], T2: ["T3"] }), cycles: [], victims: [] },
  { name: "itself", graph: graph({ T1: ["T1"] }), cycles: [["T1"]], victims: ["T1"] },
  {
    name: "a cycle of four and one of two",
    graph: FOUR_AND_TWO,
    cycles: [["T1", "T2", "T3", "T4"], ["T5", "T6"]],
    victims: ["T1", "T5"],
  },
  {
    name: "who waits for a deadlocked one is not deadlocked",
    graph: graph({ T1: ["T2"], T2: ["T1"], T7: ["T1"] }),
    cycles: [["T1", "T2"]],
    victims: ["T1"],
  },
  {
    name: "whom a deadlocked one waits for besides is not deadlocked",
    graph: graph({ T0: ["T9"], T1: ["T2", "T0"], T2: ["T1"] }),
    cycles: [["T1", "T2"]],
    victims: ["T1"],
  },
  {
    name: "two cycles through one transaction: it alone is enough",
    graph: graph({ A: ["B"], B: ["A", "C"], C: ["B"] }),
    cycles: [["A", "B", "C"]],
    victims: ["B"],
  },
];

for (const { name, graph, cycles, victims } of ROWS) {
  Deno.test(`deadlocks: ${name}`, () => {
    assertEquals(deadlocks(graph), cycles);
    // In the row of two cycles B has done the least; in the others all are the same.
    const merits = meritsOf(graph, (id) => ({ work: id === "B" ? 0 : 1 }));
    assertEquals(chooseVictims(graph, merits, "least-work"), victims);
  });
}

Deno.test("a victim without which all cycles are broken by others is spared", () => {
  // A does the least, so its cycle with B is broken by it first; but C with B needs B (work 1).
  const shared = graph({ A: ["B"], B: ["A", "C"], C: ["B"] });
  const merits = meritsOf(shared, (id) => ({ work: { A: 0, B: 1, C: 2 }[id]! }));
  assertEquals(chooseVictims(shared, merits, "least-work"), ["B"]);
});

Deno.test("a queue of 100,000 that bites its tail does not overflow the stack", () => {
  const count = 100_000;
  const ring = new Map(Array.from({ length: count }, (_, i) => [`${i}`, [`${(i + 1) % count}`]]));
  assertEquals(deadlocks(ring).map(({ length }) => length), [count]);
});

const POLICY_ROWS: readonly (readonly [VictimPolicy, Partial<Merits>, Partial<Merits>])[] = [
  ["least-work", { work: 1, priority: 9, begunAt: 9 }, { work: 2, priority: 0, begunAt: 0 }],
  ["lowest-priority", { priority: 1, work: 9, begunAt: 9 }, { priority: 2 }],
  ["oldest", { begunAt: 1, work: 9, priority: 9 }, { begunAt: 2 }],
];

for (const [policy, victim, survivor] of POLICY_ROWS) {
  Deno.test(`${policy}: whom it chooses, and that ageing comes first`, () => {
    const pair = graph({ x: ["y"], y: ["x"] });
    const choose = (x: Partial<Merits>, y: Partial<Merits>) =>
      chooseVictims(pair, new Map([["x", merit("x", x)], ["y", merit("y", y)]]), policy);
    assertEquals(choose(victim, survivor), ["x"]);
    assertEquals(choose(survivor, victim), ["y"]);
    assertEquals(choose({ ...victim, chosen: 1 }, survivor), ["y"]);
    assertEquals(choose({}, {}), ["x"]); // All the same: by id.
  });
}

Deno.test("an unknown policy and a member nobody knows are refused", () => {
  const pair = graph({ x: ["y"], y: ["x"] });
  assertThrows(
    () => chooseVictims(pair, meritsOf(pair), "youngest" as VictimPolicy),
    RangeError,
    'the policy is "youngest", must be one of least-work, lowest-priority, oldest',
  );
  assertThrows(() => chooseVictims(pair, new Map(), "oldest"), RangeError, "has no merits");
});

// Properties ---------------------------------------------------------------------------------

const NODES = 7;
const graphs = fc.array(
  fc.tuple(fc.nat(NODES - 1), fc.nat(NODES - 1)),
  { maxLength: 14 },
).map((pairs): Graph => {
  const edges = new Map<string, string[]>();
  for (const [a, b] of pairs) {
    if (!edges.has(`T${a}`)) edges.set(`T${a}`, []);
    edges.get(`T${a}`)!.push(`T${b}`);
  }
  return edges;
});

/** Whether a node can come back to itself, by looking at every path. */
function comesBack(of: Graph, node: string): boolean {
  const walk = (at: string, seen: ReadonlySet<string>): boolean =>
    [...of.get(at) ?? []].some((next) =>
      next === node || (!seen.has(next) && walk(next, new Set([...seen, next])))
    );
  return walk(node, new Set());
}

Deno.test("exactly those who can come back to themselves are deadlocked", () => {
  fc.assert(fc.property(graphs, (any) => {
    const expected = [...any.keys()].filter((node) => comesBack(any, node)).sort();
    assertEquals(deadlocks(any).flat().sort(), expected);
  }));
});

Deno.test("victims leave no cycle, none is needless, and the order of the reports is nothing", () => {
  const figures = fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(2)), {
    minLength: NODES,
    maxLength: NODES,
  });
  const policy = fc.constantFrom(...VICTIM_POLICIES);
  fc.assert(fc.property(graphs, figures, policy, (any, drawn, by) => {
    const merits = meritsOf(any, (id) => {
      const [work, priority, begunAt, chosen] = drawn[Number(id.slice(1))]!;
      return { work, priority, begunAt, chosen };
    });
    const victims = chooseVictims(any, merits, by);
    assertEquals(deadlocks(without(any, new Set(victims))), []);
    for (const spared of victims) {
      const others = new Set(victims.filter((id) => id !== spared));
      assert(deadlocks(without(any, others)).length > 0, `${spared} is aborted for nothing`);
    }
    for (const id of victims) assert(comesBack(any, id), `${id} is innocent`);
    const turned: Graph = new Map([...any].reverse().map(([k, v]) => [k, [...v].reverse()]));
    assertEquals(chooseVictims(turned, merits, by), victims);
  }));
});

/** Deadlocks of random transactions; survivors commit. Returns how often each was chosen. */
function tournament(count: number, draws: readonly number[], policy: VictimPolicy): number[] {
  const alive = Array.from(
    { length: count },
    (_, i) => merit(`T${i}`, { work: i, priority: i, begunAt: i }),
  );
  let victims = [0];
  for (let i = 0; alive.length > 1; i++) {
    const size = Math.min(alive.length, 2 + draws[i % draws.length]! % 3);
    const start = draws[(i * 7 + 3) % draws.length]!;
    const members = Array.from(
      { length: size },
      (_, j) => alive.splice((start + 31 * j) % alive.length, 1)[0]!,
    );
    const ring: Graph = new Map(members.map(({ id }, j) => [id, [members[(j + 1) % size]!.id]]));
    const [loser] = chooseVictims(ring, new Map(members.map((it) => [it.id, it])), policy);
    const lost = members.find(({ id }) => id === loser)!;
    const again = { ...lost, chosen: lost.chosen + 1 };
    victims = [...victims, again.chosen];
    alive.push(again);
  }
  return victims;
}

Deno.test("nobody is chosen more often than log2 of how many take part", () => {
  const draws = fc.array(fc.nat(10_000), { minLength: 5, maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 200 }), draws, fc.constantFrom(...VICTIM_POLICIES), (
      count,
      drawn,
      policy,
    ) => {
      assert(Math.max(...tournament(count, drawn, policy)) <= Math.log2(count));
    }),
  );
});

Deno.test("the weakest of all loses once, not each time, against an endless row of newcomers", () => {
  let weakest = merit("weakest", { work: 0 });
  for (let i = 0; i < 100; i++) {
    const newcomer = merit(`newcomer ${i}`, { work: 1000 });
    if (compareVictims("least-work", weakest, newcomer) < 0) {
      weakest = { ...weakest, chosen: weakest.chosen + 1 };
    }
  }
  assertEquals(weakest.chosen, 1);
});
