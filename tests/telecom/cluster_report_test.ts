import { assert, assertEquals } from "@std/assert";
import { FigureKeeper } from "../../examples/telecom/cluster_figures.ts";
import { clusterReport, reportText } from "../../examples/telecom/cluster_report.ts";
import { statusBlock, statusLine } from "../../examples/telecom/status_text.ts";
import type { DriverFigures } from "../../examples/telecom/traffic_driver.ts";
import { Histogram } from "../../runtime/histogram.ts";

function histogram(...ms: number[]): Histogram {
  const made = new Histogram();
  for (const one of ms) made.record(one);
  return made;
}

const traffic: DriverFigures = {
  sent: 10,
  ok: 8,
  failed: 2,
  late: 1,
  shed: 0,
  open: 0,
  latency: histogram(1, 2, 3, 100),
  validation: histogram(0.5),
  failures: new Map([["timeout", 2]]),
};

const replica = (epoch: number, ...evidence: readonly unknown[]) => ({
  configuration: { epoch, generation: 1 },
  evidence,
});

const stats = {
  "core-1/configuration": replica(4),
  "core-2/configuration": replica(5, { replica: 0, offence: "equivocation" }),
  "main/client": { messages: { sent: 5, delivered: 5, dropped: 0 } },
  "edge-1/gateway": {
    messages: { sent: 9, delivered: 10, dropped: 1 },
    deadLetters: { full: 1, unknownType: 2 },
    mailbox: { messages: 4 },
    hits: 7,
    misses: 3,
    latency: histogram(5).toJSON(),
  },
  "core-1/coordinator": {
    messages: { sent: 19, delivered: 20, dropped: 0 },
    transactions: { "preparing.asking": 2, holding: 1, deciding: 1, "committing.telling": 3 },
    started: 30,
    committed: 20,
    aborted: 3,
    latency: histogram(40).toJSON(),
  },
  "cloud-1/participant": {
    messages: { sent: 0, delivered: 0, dropped: 0 },
    committed: 99,
    inDoubt: 4,
  },
};

Deno.test("figures of roles add up; only coordinators count transactions", () => {
  const keeper = new FigureKeeper();
  keeper.observe(stats);
  const { edge, transactions, messages } = keeper.current();
  assertEquals(edge, { hits: 7, misses: 3 });
  const { latency, ...counts } = transactions;
  assertEquals(latency.count, 1);
  assertEquals(counts, {
    started: 30,
    committed: 20,
    aborted: 3,
    inDoubt: 4,
    voting: 3,
    committing: 4,
  });
  // An answer with figures is not in them: one more was sent by each role that was asked.
  assertEquals(messages, { sent: 38, delivered: 35, dropped: 1, deadLetters: 3, waiting: 4 });
});

Deno.test("what a role counted before it was restarted still counts", () => {
  const keeper = new FigureKeeper();
  keeper.observe(stats);
  keeper.observe({ "core-1/coordinator": { messages: { sent: 2 }, started: 5, committed: 4 } });
  const { transactions } = keeper.current();
  assertEquals([transactions.started, transactions.committed], [35, 24]);
  assertEquals(transactions.latency.count, 1);
  // One that does not answer keeps its last figures.
  keeper.observe({});
  assertEquals(keeper.current().transactions.started, 35);
});

function report() {
  const keeper = new FigureKeeper();
  keeper.observe(stats);
  return clusterReport({
    profile: "carrier",
    nodes: 10,
    group: ["core-1", "core-2"],
    workers: 30,
    seconds: 2,
    traffic,
    cluster: keeper.current(),
    expectedCents: 1000n,
    actualCents: 999n,
    clean: true,
  });
}

Deno.test("the report has exactly the fields that are promised", () => {
  const made = report();
  const shape = Object.fromEntries(
    Object.entries(made).map(([key, value]) => [
      key,
      typeof value === "object" ? Object.keys(value) : typeof value,
    ]),
  );
  assertEquals(shape, {
    profile: "string",
    nodes: "number",
    workers: "number",
    seconds: "number",
    requests: ["sent", "ok", "failed", "per_s", "p50_ms", "p99_ms"],
    edge: ["hits", "misses", "p50_ms", "p99_ms"],
    transactions: ["started", "committed", "aborted", "in_doubt", "per_s", "p50_ms", "p99_ms"],
    messages: ["sent", "delivered", "dropped", "dead_letters"],
    configuration: ["epoch", "evidence"],
    money: ["expected", "actual"],
    clean_shutdown: "boolean",
  });
  assertEquals(made.requests.per_s, 4);
  assertEquals(made.transactions.per_s, 10);
  assertEquals(made.money, { expected: 1000, actual: 999 });
  assertEquals(JSON.parse(JSON.stringify(made)), made);
});

Deno.test("the report for people says when money is missing and why requests failed", () => {
  const text = reportText(report(), traffic);
  assert(text.includes("NOT EQUAL"), text);
  assert(text.includes("timeout: 2"), text);
  assert(text.includes("1 late"), text);
});

Deno.test("what was proved of a replica is reported, also when its judge was restarted since", () => {
  const keeper = new FigureKeeper();
  keeper.observe(stats);
  keeper.observe({ "core-2/configuration": replica(6) });
  const { configuration } = keeper.current();
  const provedBy = ["core-2"];
  assertEquals(configuration, {
    epoch: 6,
    evidence: [{ replica: 0, offence: "equivocation", provedBy }],
  });
  const evidence = [{ node: "core-1", offence: "equivocation", proved_by: provedBy }];
  assertEquals(report().configuration, { epoch: 5, evidence });
  assert(reportText(report(), traffic).includes("core-1: equivocation, proved by core-2"));
});

Deno.test("the status counts nodes that are up by tier", () => {
  const keeper = new FigureKeeper();
  keeper.observe(stats);
  const status = {
    profile: "carrier",
    url: "http://127.0.0.1:1",
    workers: 30,
    seconds: 3723,
    group: ["core-1", "core-2"],
    nodes: [
      { tier: "edge", up: true },
      { tier: "edge", up: false },
      { tier: "core", up: true },
      { tier: "cloud", up: true },
    ],
    traffic,
    cluster: keeper.current(),
    requestsPerS: 201.2,
    transactionsPerS: 4.25,
  };
  for (const text of [statusLine(status), statusBlock(status).join("\n")]) {
    for (
      const part of [
        "Edge 1/2  Core 1/1  Cloud 1/1",
        "201/s",
        "voting 3",
        "committing 4",
        "done 23",
        "core-1: equivocation, proved by 1",
      ]
    ) assert(text.includes(part), `${part} in ${text}`);
  }
  assert(statusBlock(status).join("\n").includes("01:02:03"));
});
