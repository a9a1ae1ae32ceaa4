/** From inspection records to stories and lines, from figures to samples. */
import { assertEquals } from "@std/assert";
import { Sampler } from "../../examples/telecom/console/sampler.ts";
import { storyOf, tellOf } from "../../examples/telecom/console/story.ts";
import type { InspectionRecord } from "../../runtime/inspection/records.ts";

const T = "log:7";
const C = "core-1/coordinator", P = "cloud-1/participant", Q = "cloud-2/participant";
const head = (at: number, role: string) => ({ at, role, incarnation: 1 });
const sent = (at: number, role: string, to: string, type: string): InspectionRecord => (
  { ...head(at, role), kind: "sent", to, type, about: T, bytes: 9, copies: 1 }
);
const received = (at: number, role: string, from: string, type: string): InspectionRecord => (
  { ...head(at, role), kind: "received", from, type, about: T, bytes: 9 }
);
const step = (at: number, role: string, before: string, after: string): InspectionRecord => ({
  ...head(at, role),
  kind: "step",
  machine: role === C ? "twoPhaseCommit.coordinator" : "twoPhaseCommit.participant",
  about: T,
  event: "e",
  before,
  after,
  effects: [],
});
const written = (at: number, role: string, type: string, number: number): InspectionRecord => (
  { ...head(at, role), kind: "journaled", about: T, type, number, forced: true }
);
const durable = (at: number, role: string, number: number): InspectionRecord => (
  { ...head(at, role), kind: "durable", number }
);

const RECORDS: readonly InspectionRecord[] = [
  sent(100, C, P, "prepare"),
  sent(100, C, Q, "prepare"),
  { ...head(101, C), kind: "lost", to: Q, type: "prepare", about: T, bytes: 9, copies: 0 },
  received(110, P, C, "prepare"),
  written(111, P, "prepared", 4),
  durable(112, P, 3),
  durable(113, P, 5),
  step(113.5, P, "preparing", "inDoubt"),
  sent(114, P, C, "voteYes"),
  received(120, C, P, "voteYes"),
  received(121, C, Q, "voteNo"),
  step(122, C, "preparing", "aborted"),
  sent(123, C, P, "abort"),
  { ...received(124, C, P, "voteYes"), about: "log:8" } as InspectionRecord,
];

Deno.test("a story joins what was sent with what arrived, and records with when they were on disk", () => {
  const { lanes, steps } = storyOf(T, RECORDS.toReversed());
  assertEquals(lanes, [C, P, Q]);
  const told = steps.map((each) =>
    each.what === "message"
      ? `${each.at} ${each.type}>${each.to.slice(0, 7)} ${each.lost ? "lost" : each.arrived}`
      : each.what === "state"
      ? `${each.at} ${each.after}`
      : `${each.at} ${each.type} ${each.durable}`
  );
  assertEquals(told, [
    "0 prepare>cloud-1 10",
    "0 prepare>cloud-2 undefined",
    "1 prepare>cloud-2 lost",
    "11 prepared 13",
    "13.5 inDoubt",
    "14 voteYes>core-1/ 20",
    "21 voteNo>core-1/ 21",
    "22 aborted",
    "23 abort>cloud-1 undefined",
  ]);
});

Deno.test("the log tells of a transaction in the words and colours of its phases", () => {
  const lines = tellOf(T, RECORDS, (at) => at + 1000);
  assertEquals(lines.map(({ at, kind, text }) => `${at} ${kind} ${text}`), [
    "1100 info Phase 1: PREPARE sent to cloud-1, cloud-2",
    "1120 info cloud-1 votes YES",
    "1121 failure cloud-2 votes NO",
    "1122 failure Transaction ABORTED",
    "1123 failure Phase 2: ABORT sent to cloud-1",
  ]);
  assertEquals(new Set(lines.map(({ transaction }) => transaction)), new Set([T]));
  const commit = tellOf(T, [step(1, C, "deciding", "committing.telling")], (at) => at);
  assertEquals(commit.map(({ kind, text }) => `${kind} ${text}`), [
    "success Transaction COMMITTED",
  ]);
});

const usage = (cpuMs: number) => ({
  cpuMs,
  memoryBytes: 512 * 1024 * 1024,
  machineBytes: 1024 * 1024 * 1024,
  processors: 2,
});

function gateway(answered: number, sentTo: number, latency: [number, number][], cpuMs: number) {
  return {
    answered,
    errors: 0,
    latency,
    cpuMs,
    heapBytes: 1024 * 1024,
    state: "serving",
    messages: { sent: sentTo, delivered: 0, to: { "core-1": sentTo } },
    mailbox: { messages: 3, bytes: 10 },
    deadLetters: { full: 2 },
  };
}

Deno.test("a sample is what was counted since the last, by the clock, and percentiles of that alone", () => {
  const sampler = new Sampler();
  const nodes = ["edge-1", "core-1"];
  const coordinator = (committed: number) => ({
    committed,
    transactions: { "preparing.asking": 2, deciding: 1, idle: 1 },
    messages: { sent: 5 },
    inDoubt: 0,
  });
  // 1000 slow requests long ago must not show.
  const slow: [number, number] = [600, 1000], quick: [number, number] = [350, 40];
  const first = { "edge-1/gateway": gateway(1000, 50, [slow], 900), [C]: coordinator(10) };
  const zero = sampler.take(first, nodes, usage(1000), 5000, 1);
  assertEquals([zero.cluster.requestsPerS, zero.cluster.p50Ms], [0, undefined]);
  const second = {
    "edge-1/gateway": gateway(1040, 70, [quick, slow], 1400),
    [C]: coordinator(30),
  };
  const { cluster, nodes: [edge, core], traffic } = sampler.take(
    second,
    nodes,
    usage(3000),
    7000,
    2,
  );
  assertEquals([cluster.requestsPerS, cluster.commitsPerS], [20, 10]);
  assertEquals([cluster.voting, cluster.committing, cluster.nodesUp], [3, 1, 2]);
  assertEquals([cluster.cpuPercent, cluster.memoryPercent], [50, 50]);
  assertEquals(cluster.p50Ms, cluster.p99Ms);
  assertEquals([edge?.cpuPercent, edge?.heapMb, core?.transactionsPerS], [25, 1, 10]);
  assertEquals(traffic, { "edge-1>core-1": 10 });
  // Restarted, it counts from nothing: that is no negative rate.
  const third = sampler.take(
    { "edge-1/gateway": gateway(3, 1, [], 5) },
    nodes,
    usage(3500),
    8000,
    3,
  );
  assertEquals([third.cluster.requestsPerS, third.nodes[0]?.cpuPercent], [0, 0]);
  assertEquals([third.cluster.nodesUp, third.nodes[1]?.roles], [1, []]);
});

Deno.test("a role that answers late does not make a second of the others look like none", async () => {
  const sampler = new Sampler();
  let now = 0;
  // Asked once a second; once it takes almost all of one until the last has answered.
  const requests = async (second: number, tookMs: number) => {
    now = 1000 * second;
    const ask = () => {
      now += tookMs;
      return Promise.resolve({ "edge-1/gateway": gateway(100 * second, 50, [], 900) });
    };
    const { cluster } = await sampler.look(ask, ["edge-1"], () => usage(1000), () => now);
    return cluster.requestsPerS;
  };
  const rates: number[] = [];
  for (const tookMs of [5, 5, 990, 5, 5]) rates.push(await requests(rates.length, tookMs));
  assertEquals(rates, [0, 100, 100, 100, 100]);
});
