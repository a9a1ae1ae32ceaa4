/**
 * What a detector makes of reports that are lost, late, doubled or from an earlier life.
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { deadlocks } from "../../../protocols/deadlock/cycles.ts";
import { WaitForGraph } from "../../../protocols/deadlock/graph.ts";
import type { Edge, Standing, Wait } from "../../../protocols/deadlock/messages.ts";

function standing(id: string, change: Partial<Standing> = {}): Standing {
  return { id, coordinator: "c", held: 1, priority: 0, begunAt: 0, chosen: 0, ...change };
}

function wait(waiter: string, holder: string): Wait {
  return { waiter: standing(waiter), holder: standing(holder), resource: "row" };
}

function report(number: number, full: boolean, added: readonly Wait[], removed: Edge[] = []) {
  return { number, full, added, removed };
}

function edges(graph: WaitForGraph): string[] {
  return [...graph.edges()].flatMap(([from, to]) => [...to].map((it) => `${from}>${it}`)).sort();
}

Deno.test("edges come and go with reports that follow one another", () => {
  const graph = new WaitForGraph();
  assertEquals(graph.take("p", 1, report(0, false, [wait("a", "b"), wait("c", "b")])), "taken");
  assertEquals(graph.take("p", 1, report(1, false, [wait("d", "c")], [["a", "b"]])), "taken");
  assertEquals(edges(graph), ["c>b", "d>c"]);
  assertEquals(graph.size, 2);
});

Deno.test("a report that comes twice or late changes nothing", () => {
  const graph = new WaitForGraph();
  const first = report(0, true, [wait("a", "b")]);
  graph.take("p", 1, first);
  graph.take("p", 1, report(1, true, []));
  assertEquals(graph.take("p", 1, first), "stale");
  assertEquals(graph.take("p", 1, report(1, true, [wait("x", "y")])), "stale");
  assertEquals(edges(graph), []);
});

Deno.test("after a loss only a full report is taken", () => {
  const graph = new WaitForGraph();
  graph.take("p", 1, report(0, true, [wait("a", "b")]));
  assertEquals(graph.take("p", 1, report(2, false, [wait("c", "a")])), "gap");
  assertEquals(edges(graph), ["a>b"]);
  assertEquals(graph.take("p", 1, report(3, true, [wait("c", "a")])), "taken");
  assertEquals(edges(graph), ["c>a"]);
});

Deno.test("parts of a report count together, when the last has come", () => {
  const graph = new WaitForGraph();
  graph.take("p", 1, report(0, true, [wait("a", "b"), wait("b", "c")]));
  const part = { ...report(1, true, [wait("a", "b")]), more: true };
  assertEquals(graph.take("p", 1, part), "part");
  assertEquals(edges(graph), ["a>b", "b>c"]);
  assertEquals(graph.take("p", 1, report(3, false, [])), "gap"); // The second part is lost.
  assertEquals(edges(graph), ["a>b", "b>c"]);
  graph.take("p", 1, { ...report(4, true, [wait("a", "b")]), more: true });
  assertEquals(graph.take("p", 1, report(5, false, [wait("c", "d")])), "taken");
  assertEquals(edges(graph), ["a>b", "c>d"]);
});

Deno.test("reports that overtake one another are put in order", () => {
  const parts = [
    report(0, false, [wait("x", "y")]),
    { ...report(4, true, [wait("a", "b")]), more: true },
    { ...report(5, false, [wait("b", "c")]), more: true },
    report(6, false, [wait("c", "d")]),
    report(7, false, [], [["a", "b"]]),
  ];
  const order = fc.shuffledSubarray(parts, { minLength: parts.length });
  fc.assert(fc.property(order, (shuffled) => {
    const graph = new WaitForGraph();
    for (const each of shuffled) graph.take("p", 1, each);
    assertEquals(edges(graph), ["b>c", "c>d"]);
  }));
});

Deno.test("what waits for a lost report is bounded, and a full report ends the wait", () => {
  const graph = new WaitForGraph();
  graph.take("p", 1, report(0, true, []));
  for (let number = 2; number < 1000; number++) {
    assertEquals(graph.take("p", 1, report(number, false, [wait("a", "b")])), "gap");
  }
  assertEquals(graph.take("p", 1, report(1000, true, [wait("c", "d")])), "taken");
  assertEquals(edges(graph), ["c>d"]);
  assertEquals(graph.take("p", 1, report(1, false, [wait("e", "f")])), "stale");
});

Deno.test("a restarted participant has forgotten its waiters; its earlier life is not heard", () => {
  const graph = new WaitForGraph();
  graph.take("p", 1, report(7, true, [wait("a", "b")]));
  assertEquals(graph.take("p", 2, report(0, true, [wait("c", "d")])), "taken");
  assertEquals(graph.take("p", 1, report(8, true, [wait("a", "b")])), "stale");
  assertEquals(edges(graph), ["c>d"]);
});

Deno.test("edges of a finished transaction are phantoms, reported before or after its end", () => {
  const graph = new WaitForGraph();
  graph.take("p", 1, report(0, true, [wait("a", "b")]));
  graph.finish("b");
  assertEquals(edges(graph), []);
  graph.take("q", 1, report(0, true, [wait("b", "a"), wait("c", "a")]));
  assertEquals(edges(graph), ["c>a"]);
  assertEquals(graph.reportersAmong(new Set(["c", "a"])), ["q"]);
});

Deno.test("work adds up over participants, and who knows nothing spoils nothing", () => {
  const graph = new WaitForGraph();
  const known = standing("a", { held: 2, priority: 3, begunAt: 50, chosen: 1 });
  const bare = standing("a", { held: 4, coordinator: "" });
  const other = standing("b");
  graph.take("p", 1, report(0, true, [{ waiter: known, holder: other, resource: "x" }]));
  graph.take("q", 1, report(0, true, [{ waiter: other, holder: bare, resource: "y" }]));
  assertEquals(graph.merits().get("a"), {
    id: "a",
    coordinator: "c",
    work: 6,
    priority: 3,
    begunAt: 50,
    chosen: 1,
  });
});

/** What a participant did: an edge that came (true) or went, then what became of the report. */
type Act = readonly [boolean, number, number, "arrives" | "lost" | "twice"];

Deno.test("whatever is lost or doubled, a full report puts it right", () => {
  const id = fc.nat(4);
  const fate = fc.constantFrom("arrives" as const, "lost" as const, "twice" as const);
  const act: fc.Arbitrary<Act> = fc.tuple(fc.boolean(), id, id, fate);
  fc.assert(fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
    const graph = new WaitForGraph();
    const truth = new Map<string, Wait>();
    let number = 0;
    for (const [came, a, b, what] of acts) {
      const it = wait(`t${a}`, `t${b}`);
      if (came) truth.set(`t${a}>t${b}`, it);
      else truth.delete(`t${a}>t${b}`);
      const said = report(number++, false, came ? [it] : [], came ? [] : [[`t${a}`, `t${b}`]]);
      if (what !== "lost") graph.take("p", 1, said);
      if (what === "twice") graph.take("p", 1, said);
    }
    graph.take("p", 1, report(number, true, [...truth.values()]));
    assertEquals(edges(graph), [...truth.keys()].sort());
    deadlocks(graph.edges());
  }));
});
