/** Traces in the console: what was up, cut and under way at any moment, and bad files. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { openTrace } from "../../examples/telecom/console/page/replay.ts";
import type { TraceEvent } from "../../runtime/trace.ts";
import { formatTrace } from "../../runtime/trace.ts";

const T1 = "82f9bd01-cf17-5f2c-277f-5b81a5b7ba50:0";
const header = {
  format: "trunkline-trace",
  version: 1,
  kind: "simulate",
  build: "b",
  scenario: "partitions",
  seed: 5,
} as const;

type Row = readonly [
  t: number,
  from: string,
  to: string,
  type: string,
  states?: string,
  note?: string,
];

function traceOf(...rows: readonly Row[]): string {
  const events = rows.map(([t, from, to, type, states = ">", note = ""], index): TraceEvent => {
    const [before = "", after = ""] = states.split(">");
    return { n: index + 1, t, from, to, type, state_before: before, state_after: after, note };
  });
  return formatTrace({ header, events });
}

const TRACE = traceOf(
  [1, "edge-1/gateway", "core-1/coordinator", "transact", "idle>preparing", `${T1}: journal send`],
  [2, "core-1/coordinator", "cloud-1/participant", "prepare", "idle>preparing", `${T1}: journal`],
  [
    3,
    "cloud-1/participant",
    "cloud-1/participant",
    "journaled",
    "preparing>inDoubt",
    `${T1}: send`,
  ],
  [4, "fault", "core-1>cloud-1 cloud-1>core-1", "partition"],
  [5, "fault", "cloud-1/participant", "crash"],
  [8, "fault", "core-1>cloud-1 cloud-1>core-1", "partition over"],
  [9, "fault", "cloud-1/participant", "crash over"],
  [10, "cloud-1/participant", "core-1/coordinator", "voteNo", "preparing>aborted", `${T1}: reply`],
);

Deno.test("at any moment of a trace it is told what was down, cut and under way", () => {
  const replay = openTrace(TRACE);
  assertEquals([replay.title, replay.unit, replay.end], ["partitions, seed 5", "ms", 10]);
  const names = replay.at(0).state.topology.nodes.map(({ name, tier }) => `${tier} ${name}`);
  assertEquals(names, ["edge edge-1", "core core-1", "cloud cloud-1"]);
  const cut = (instant: number) =>
    replay.at(instant).state.links.filter(({ up }) => !up).map(({ from, to }) => `${from}>${to}`);
  const down = (instant: number) => replay.at(instant).state.down;
  assertEquals([cut(3.9), cut(8)], [[], []]);
  assertEquals(cut(4).sort(), ["cloud-1>core-1", "core-1>cloud-1"]);
  assertEquals([down(4), down(5), down(8), down(9)], [[], ["cloud-1"], ["cloud-1"], []]);
  const open = (instant: number) => {
    const { voting, inDoubt, nodesUp } = replay.at(instant).latest!.cluster;
    return [voting, inDoubt, nodesUp];
  };
  assertEquals([open(2), open(3), open(6), open(10)], [[1, 0, 3], [1, 1, 3], [1, 1, 2], [0, 1, 3]]);
  const log = replay.at(10).state.log;
  const kinds = log.map(({ kind, text }) => `${kind} ${text}`);
  assert(kinds.includes("failure Transaction ABORTED"), kinds.join());
  assert(kinds.some((line) => line.startsWith("warning Injecting crash")), kinds.join());
});

Deno.test("a transaction of a trace has its messages and what was on disk when", () => {
  const { lanes, steps } = openTrace(TRACE).story(T1);
  assertEquals(lanes, ["edge-1/gateway", "core-1/coordinator", "cloud-1/participant"]);
  const told = steps.map((step) =>
    step.what === "message"
      ? `${step.type} at ${step.at}`
      : step.what === "state"
      ? `${step.who} is ${step.after}`
      : `${step.who} writes at ${step.at}, durable at ${step.durable}`
  );
  assertEquals(told, [
    "transact at 0",
    "core-1/coordinator is preparing",
    "core-1/coordinator writes at 0, durable at undefined",
    "prepare at 1",
    "cloud-1/participant is preparing",
    "cloud-1/participant writes at 1, durable at 2",
    "cloud-1/participant is inDoubt",
    "voteNo at 9",
    "core-1/coordinator is aborted",
  ]);
});

Deno.test("a checker's path is one story, and says what it breaks", () => {
  const [, ...lines] = TRACE.trimEnd().split("\n");
  const check = { ...header, kind: "check", model: "two_phase_commit" };
  const violation = { invariant: "x", message: "no client hears too early" };
  const text = [JSON.stringify({ ...check, violation }), ...lines].join("\n");
  const replay = openTrace(text);
  assertEquals([replay.title, replay.unit], ["two_phase_commit", "steps"]);
  assertEquals(replay.violation, "no client hears too early");
  assertEquals(replay.at(10).state.log.at(-1)?.text, "no client hears too early");
  assertEquals(replay.story("").steps.length, 9);
});

const [first = "", second = "", third = ""] = TRACE.split("\n");
const bad: readonly (readonly [name: string, text: string, says: RegExp])[] = [
  ["an empty file", "", /line 1 is no object/],
  ["another format", '{"format":"har"}', /line 1 is no header of a trunkline-trace 1/],
  ["a picture", "\x89PNG\r\n", /line 1 is no object/],
  ["a kind of the future", first.replace("simulate", "live"), /unknown kind "live"/],
  ["a header alone", first, /has no events/],
  ["half a line", `${first}\n${second.slice(0, 30)}`, /line 2 is no object/],
  ["an event without a type", `${first}\n{"n":1,"t":1}`, /line 2 is no event/],
  [
    "an event without a time",
    `${first}\n${second.replace('"t":1', '"t":"1"')}`,
    /line 2 is no event/,
  ],
  ["time that runs back", `${first}\n${third}\n${second}`, /line 3 goes back in time/],
];

for (const [name, text, says] of bad) {
  Deno.test(`a trace that cannot be shown is refused in words: ${name}`, () => {
    assertMatch((assertThrows(() => openTrace(text), SyntaxError) as Error).message, says);
  });
}
