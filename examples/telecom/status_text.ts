/**
 * The words of the status that `cluster` shows while it runs.
 *
 * @module
 */
import { type Tier, tiers } from "./profiles.ts";
import type { ClusterFigures } from "./cluster_figures.ts";
import type { DriverFigures } from "./traffic_driver.ts";

/** What a status is made of. */
export interface Status {
  readonly profile: string;
  readonly url: string;
  readonly workers: number;
  readonly seconds: number;
  /** Nodes with a replica of the configuration, by its number. */
  readonly group: readonly string[];
  readonly nodes: readonly { readonly tier: string; readonly up: boolean }[];
  readonly traffic: DriverFigures;
  readonly cluster: ClusterFigures;
  /** Since the status before. */
  readonly requestsPerS: number;
  readonly transactionsPerS: number;
}

const TITLES: Readonly<Record<Tier, string>> = { edge: "Edge", core: "Core", cloud: "Cloud" };

/** The block on a terminal. */
export function statusBlock(status: Status): string[] {
  const { traffic, cluster: { transactions, messages, edge } } = status;
  return [
    "",
    `Trunkline  ${status.profile}, ${status.nodes.length} nodes, ${status.workers} workers  ` +
    `${status.url}  ${clock(status.seconds)}`,
    `Nodes         ${tierCounts(status)}`,
    `Requests      ${rate(status.requestsPerS)}  ${times(traffic.latency)}  ` +
    `failed ${traffic.failed}`,
    `Transactions  ${rate(status.transactionsPerS)}  voting ${transactions.voting}  ` +
    `committing ${transactions.committing}  done ${done(status)}  ${times(transactions.latency)}`,
    `Sessions      ${edge.hits} validated at the edge, ${edge.misses} in the cloud`,
    `Mailboxes     ${messages.waiting} messages waiting  ${messages.deadLetters} dead letters`,
    ...faulty(status).map((text) => `Faulty        ${text}`),
    "Ctrl-C stops in order",
  ];
}

/** The line where there is no terminal. */
export function statusLine(status: Status): string {
  const { traffic, cluster: { transactions, messages } } = status;
  return `${clock(status.seconds)}  ${tierCounts(status)}  requests ${rate(status.requestsPerS)} ` +
    `${times(traffic.latency)} failed ${traffic.failed}  transactions ` +
    `${rate(status.transactionsPerS)} voting ${transactions.voting} committing ` +
    `${transactions.committing} done ${done(status)} ${times(transactions.latency)}  ` +
    `mailboxes ${messages.waiting}${faulty(status).map((text) => `  FAULTY ${text}`).join("")}`;
}

function faulty({ cluster: { configuration }, group }: Status): string[] {
  return configuration.evidence.map(({ replica, offence, provedBy }) =>
    `${group[replica] ?? replica}: ${offence}, proved by ${provedBy.length}`
  );
}

function done({ cluster: { transactions } }: Status): number {
  return transactions.committed + transactions.aborted;
}

function tierCounts({ nodes }: Status): string {
  return tiers.map((tier) => {
    const there = nodes.filter((node) => node.tier === tier);
    return `${TITLES[tier]} ${there.filter(({ up }) => up).length}/${there.length}`;
  }).join("  ");
}

function times(latency: DriverFigures["latency"]): string {
  const ms = (share: number) => `${latency.percentile(share).toFixed(1)} ms`;
  return latency.count === 0 ? "p50 -  p99 -" : `p50 ${ms(0.5)}  p99 ${ms(0.99)}`;
}

function rate(perSecond: number): string {
  return `${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s`;
}

function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}
