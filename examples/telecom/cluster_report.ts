/**
 * The report of a run of `cluster`: for programs and for people.
 *
 * @module
 */
import type { ClusterFigures } from "./cluster_figures.ts";
import type { DriverFigures } from "./traffic_driver.ts";

/** The report, as it is printed in JSON. Times in ms unless named otherwise, money in cents. */
export interface ClusterReport {
  readonly profile: string;
  readonly nodes: number;
  readonly workers: number;
  readonly seconds: number;
  /** The traffic of this run. `failed` had no business answer; a refused overdraft is one. */
  readonly requests: Rates & {
    readonly sent: number;
    readonly ok: number;
    readonly failed: number;
  };
  /** Session validations at the edges; times are those of the traffic. */
  readonly edge: {
    readonly hits: number;
    readonly misses: number;
    readonly p50_ms: number;
    readonly p99_ms: number;
  };
  readonly transactions: Rates & {
    readonly started: number;
    readonly committed: number;
    readonly aborted: number;
    readonly in_doubt: number;
  };
  readonly messages: {
    readonly sent: number;
    readonly delivered: number;
    readonly dropped: number;
    readonly dead_letters: number;
  };
  /** What the group that orders the configuration came to, and which of its replicas were caught. */
  readonly configuration: {
    readonly epoch: number;
    readonly evidence: readonly {
      readonly node: string;
      readonly offence: string;
      readonly proved_by: readonly string[];
    }[];
  };
  readonly money: { readonly expected: number; readonly actual: number };
  readonly clean_shutdown: boolean;
}

interface Rates {
  readonly per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** What a report is made of. */
export interface ReportInput {
  readonly profile: string;
  readonly nodes: number;
  /** Nodes with a replica, by its number. */
  readonly group: readonly string[];
  readonly workers: number;
  readonly seconds: number;
  readonly traffic: DriverFigures;
  readonly cluster: ClusterFigures;
  readonly expectedCents: bigint;
  readonly actualCents: bigint;
  readonly clean: boolean;
}

/** Makes the report. */
export function clusterReport(input: ReportInput): ClusterReport {
  const { profile, nodes, workers, traffic, cluster, clean } = input;
  const seconds = round(input.seconds);
  const { sent, ok, failed, latency, validation } = traffic;
  const { started, committed, aborted, inDoubt } = cluster.transactions;
  const { messages } = cluster;
  const perSecond = (count: number) => seconds > 0 ? round(count / seconds) : 0;
  return {
    profile,
    nodes,
    workers,
    seconds,
    requests: { sent, ok, failed, per_s: perSecond(ok), ...percentiles(latency) },
    edge: { hits: cluster.edge.hits, misses: cluster.edge.misses, ...percentiles(validation) },
    transactions: {
      started,
      committed,
      aborted,
      in_doubt: inDoubt,
      per_s: perSecond(committed),
      ...percentiles(cluster.transactions.latency),
    },
    messages: {
      sent: messages.sent,
      delivered: messages.delivered,
      dropped: messages.dropped,
      dead_letters: messages.deadLetters,
    },
    configuration: {
      epoch: cluster.configuration.epoch,
      evidence: cluster.configuration.evidence.map(({ replica, offence, provedBy }) => {
        return { node: input.group[replica] ?? String(replica), offence, proved_by: provedBy };
      }),
    },
    money: { expected: Number(input.expectedCents), actual: Number(input.actualCents) },
    clean_shutdown: clean,
  };
}

function percentiles(latency: DriverFigures["latency"]): { p50_ms: number; p99_ms: number } {
  return { p50_ms: round(latency.percentile(0.5)), p99_ms: round(latency.percentile(0.99)) };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** The report for people. */
export function reportText(report: ClusterReport, traffic: DriverFigures): string {
  const { requests, edge, transactions, messages, money, configuration } = report;
  const whole = (value: number) => value.toLocaleString("en-US");
  const times = (of: { p50_ms: number; p99_ms: number }) =>
    `p50 ${of.p50_ms} ms, p99 ${of.p99_ms} ms`;
  const rows: [string, string][] = [
    [
      "cluster",
      `${report.profile}, ${report.nodes} nodes, ${report.workers} workers, ` +
      `${report.seconds} s`,
    ],
    [
      "requests",
      `${whole(requests.sent)} sent, ${whole(requests.ok)} ok, ` +
      `${whole(requests.failed)} failed, ${requests.per_s}/s, ${times(requests)}`,
    ],
    ["edge", `${whole(edge.hits)} hits, ${whole(edge.misses)} misses, ${times(edge)}`],
    [
      "transactions",
      `${whole(transactions.started)} started, ` +
      `${whole(transactions.committed)} committed, ${whole(transactions.aborted)} aborted, ` +
      `${transactions.in_doubt} in doubt, ${transactions.per_s}/s, ${times(transactions)}`,
    ],
    [
      "messages",
      `${whole(messages.sent)} sent, ${whole(messages.delivered)} delivered, ` +
      `${whole(messages.dropped)} dropped, ${whole(messages.dead_letters)} dead letters`,
    ],
    [
      "money",
      `${whole(money.expected)} cents expected, ${whole(money.actual)} found: ` +
      (money.expected === money.actual ? "equal" : "NOT EQUAL"),
    ],
    ...configuration.evidence.map(({ node, offence, proved_by }): [string, string] => [
      "faulty",
      `${node}: ${offence}, proved by ${proved_by.join(", ")}`,
    ]),
    ["shutdown", report.clean_shutdown ? "clean" : "NOT CLEAN"],
  ];
  const { late, shed, failures } = traffic;
  if (failures.size > 0) {
    rows.push(["failures", [...failures].map(([why, count]) => `${why}: ${count}`).join(", ")]);
  }
  if (late + shed > 0) rows.push(["generator", `${late} late, ${shed} not sent`]);
  return rows.map(([name, text]) => `${name.padEnd(13)} ${text}`).join("\n");
}
