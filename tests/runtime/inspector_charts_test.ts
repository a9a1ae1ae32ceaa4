/** Drawings: of a chart, and those that are kept in the repository. */
import { assert, assertEquals } from "@std/assert";
import { createMachine, setup } from "xstate";
import { chartOf } from "../../runtime/inspector/chart.ts";
import { chartMermaid } from "../../runtime/inspector/chart_mermaid.ts";
import { chartSvg } from "../../runtime/inspector/chart_svg.ts";
import { FONT, Layouter } from "../../runtime/inspector/layout.ts";
import { CHARTS, drawings } from "../../tools/charts.ts";
import { inspectorPage } from "../../tools/inspector_page.ts";

const machine = setup({
  guards: { ready: () => true },
  actions: { reject: () => {}, ring: () => {} },
  delays: { pause: 10 },
}).createMachine({
  id: "bell",
  initial: "quiet",
  on: { "*": { actions: "reject" }, smash: ".broken" },
  states: {
    quiet: {
      on: { push: { guard: "ready", target: "loud" }, wait: {}, look: { actions: "ring" } },
    },
    loud: {
      entry: "ring",
      initial: "first",
      states: { first: { after: { pause: "second" } }, second: { always: "#bell.quiet" } },
      on: { push: "quiet", stop: "quiet" },
    },
    broken: { type: "final" },
  },
});

Deno.test("chart: states, arrows, and what is handled on the spot", () => {
  const chart = chartOf(machine);
  assertEquals(chart.states.map(({ path, type, initial }) => `${path} ${type} ${initial}`), [
    "quiet atomic true",
    "loud compound false",
    "loud.first atomic true",
    "loud.second atomic false",
    "broken final false",
  ]);
  assertEquals(
    chart.edges.map(({ from, to, labels }) => [from, to, ...labels.map((it) => it.text)]),
    [
      ["quiet", "loud", "push [ready]"],
      ["loud", "quiet", "push", "stop"],
      ["loud.first", "loud.second", "after pause"],
      ["loud.second", "quiet", "always"],
    ],
  );
  assertEquals(chart.states[0]!.lines, ["look / ring", "ignores wait"]);
  assertEquals(chart.states[1]!.lines, ["entry / ring"]);
  assertEquals(chart.anywhere.toSorted(), ["* / reject", "smash → broken"]);
});

Deno.test("chart: everything has a place, inside of what it is part of", async () => {
  using layouter = new Layouter();
  const placed = await layouter.place(chartOf(machine));
  const boxes = new Map(placed.states.map(({ path, box }) => [path, box]));
  for (const { path, parent, box } of placed.states) {
    assert(box.width > 0 && box.height > 0, path);
    const outer = boxes.get(parent) ?? { x: 0, y: 0, width: placed.width, height: placed.height };
    assert(box.x >= outer.x && box.x + box.width <= outer.x + outer.width, path);
    assert(box.y >= outer.y && box.y + box.height <= outer.y + outer.height, path);
  }
  assertEquals(placed.edges.filter(({ points }) => points.length < 2), []);
  assertEquals(placed.starts.length, 2);
  const svg = chartSvg(placed);
  for (const path of boxes.keys()) assert(svg.includes(`data-state="${path}"`), path);
});

Deno.test("chart: a state is as wide as what is written in it, with states in it or without", async () => {
  using layouter = new Layouter();
  const event = "anEventWithANameThatIsRatherLong";
  const on = { [event]: { actions: "remember" } };
  const wide = createMachine({
    id: "wide",
    initial: "outer",
    states: { outer: { on, initial: "a", states: { a: {} } }, leaf: { on } },
  });
  const { states } = await layouter.place(chartOf(wide));
  for (const { path, lines, box } of states) {
    const longest = Math.max(0, ...lines.map((line) => line.length));
    assert(box.width > longest * FONT.line * 0.6, `${path}: ${lines} in ${box.width} px`);
  }
  assert(states[0]!.lines[0]!.includes(event));
});

Deno.test("chart: a name cannot bring markup into a page", async () => {
  using layouter = new Layouter();
  const name = `<img src=x onerror="alert(1)">`;
  const hostile = createMachine({
    id: name,
    initial: name,
    states: { [name]: { on: { [name]: "b" } }, b: {} },
  });
  const svg = chartSvg(await layouter.place(chartOf(hostile)));
  assertEquals(svg.match(/<img/g), null);
  assert(!/"alert/.test(svg));
});

Deno.test("chart: as Mermaid", () => {
  assertEquals(
    chartMermaid(chartOf(machine)),
    `stateDiagram-v2
  [*] --> quiet
  quiet: look / ring
  quiet: ignores wait
  state "loud" as loud
  state loud {
    [*] --> loud_first
    state "first" as loud_first
    state "second" as loud_second
  }
  loud: entry / ring
  broken --> [*]
  quiet --> loud: push [ready]
  loud --> quiet: push<br>stop
  loud_first --> loud_second: after pause
  loud_second --> quiet: always
`,
  );
});

Deno.test("docs/charts is what deno task charts draws", async () => {
  const wanted = await drawings();
  const there = (await Array.fromAsync(Deno.readDir(CHARTS))).map(({ name }) => name).sort();
  assertEquals(there, [...wanted.keys()].sort());
  const stale: string[] = [];
  for (const [name, text] of wanted) {
    if (await Deno.readTextFile(new URL(name, CHARTS)) !== text) stale.push(name);
  }
  assertEquals(stale, [], "run deno task charts");
});

Deno.test("the inspector's page is bundled from its sources", async () => {
  assert(await inspectorPage.isFresh(), "run deno task inspector-page");
});
