/**
 * Figures of all roles as one Prometheus page (text exposition format 0.0.4).
 *
 * @module
 */
import { Histogram, type HistogramData } from "../runtime/histogram.ts";
import { isRecord } from "./guards.ts";

/** Figures by address of the role that gave them. */
export type RoleStats = Readonly<Record<string, unknown>>;

const QUANTILES = [0.5, 0.9, 0.99] as const;

/** What is shown, in order: name, type, help, and where in a role's figures it is found. */
const SERIES: readonly (readonly [string, "counter" | "gauge", string, readonly string[]])[] = [
  ["messages_sent_total", "counter", "Messages sent", ["messages", "sent"]],
  ["messages_delivered_total", "counter", "Messages delivered", ["messages", "delivered"]],
  ["messages_dropped_total", "counter", "Messages lost on links", ["messages", "dropped"]],
  ["mailbox_messages", "gauge", "Messages waiting in the mailbox", ["mailbox", "messages"]],
  ["mailbox_bytes", "gauge", "Bytes waiting in the mailbox", ["mailbox", "bytes"]],
  ["outbox_bytes", "gauge", "Bytes that full mailboxes have not taken yet", ["outboxBytes"]],
  ["transactions_started_total", "counter", "Transactions begun", ["started"]],
  ["transactions_committed_total", "counter", "Transactions committed", ["committed"]],
  ["transactions_aborted_total", "counter", "Transactions aborted", ["aborted"]],
  ["transactions_retried_total", "counter", "Transactions begun again", ["retried"]],
  ["transactions_shed_total", "counter", "Transactions refused: too many", ["shed"]],
  ["transactions_in_doubt", "gauge", "Transactions waiting for a decision", ["inDoubt"]],
  ["recovery_ms", "gauge", "How long doubts of the last restart lasted", ["recoveryMs"]],
  ["heuristics_open", "gauge", "Heuristic decisions not judged yet", ["heuristicsOpen"]],
  ["heuristics_mixed_total", "counter", "Heuristic decisions that were wrong", ["heuristicsMixed"]],
  ["oldest_in_doubt_ms", "gauge", "Age of the oldest of them, in ms", ["oldestInDoubtMs"]],
  ["deadlocks_total", "counter", "Deadlocks found", ["deadlocks"]],
  ["deadlock_victims_total", "counter", "Transactions chosen to give way", ["victims"]],
  ["deadlock_phantoms_total", "counter", "Suspicions that were no deadlock", ["phantoms"]],
  ["waits_for", "gauge", "Edges of the wait-for graph", ["waits"]],
  ["lock_waiters", "gauge", "Owners that wait for a row", ["lockWaiters"]],
  ["locked_rows", "gauge", "Rows that are locked", ["lockedRows"]],
  ["cache_hits_total", "counter", "Sessions validated at the edge", ["hits"]],
  ["cache_misses_total", "counter", "Sessions validated in the cloud", ["misses"]],
  ["cache_entries", "gauge", "Entries in the cache", ["cacheEntries"]],
  ["requests_total", "counter", "Requests answered", ["answered"]],
  ["request_errors_total", "counter", "Requests answered with an error", ["errors"]],
  ["requests_open", "gauge", "Requests being worked on", ["open"]],
  ["journal_bytes", "gauge", "Bytes of journal since the last checkpoint", ["journalBytes"]],
];

/** The page. */
export function prometheus(stats: RoleStats): string {
  const lines: string[] = [];
  const roles = Object.entries(stats).filter((entry): entry is [string, Record<string, unknown>] =>
    isRecord(entry[1])
  );
  for (const [name, type, help, path] of SERIES) {
    const samples = roles.flatMap(([address, figures]) => {
      const value = at(figures, path);
      // A participant counts the commits it applied; only coordinators count transactions.
      if (name.startsWith("transactions_committed") && !("started" in figures)) return [];
      return typeof value === "number" ? [`trunkline_${name}${labels(address)} ${value}`] : [];
    });
    if (samples.length > 0) lines.push(...head(name, type, help), ...samples);
  }
  lines.push(...deadLetters(roles), ...latencies(roles));
  return lines.join("\n") + "\n";
}

function head(name: string, type: string, help: string): string[] {
  return [`# HELP trunkline_${name} ${help}.`, `# TYPE trunkline_${name} ${type}`];
}

function deadLetters(roles: readonly (readonly [string, Record<string, unknown>])[]): string[] {
  const samples = roles.flatMap(([address, figures]) =>
    Object.entries(isRecord(figures["deadLetters"]) ? figures["deadLetters"] : {}).map(
      ([reason, count]) => `trunkline_dead_letters_total${labels(address, { reason })} ${count}`,
    )
  );
  return [...head("dead_letters_total", "counter", "Messages that were not handled"), ...samples];
}

function latencies(roles: readonly (readonly [string, Record<string, unknown>])[]): string[] {
  const name = "latency_ms";
  const samples = roles.flatMap(([address, figures]) => {
    if (!Array.isArray(figures["latency"])) return [];
    const histogram = new Histogram().merge(figures["latency"] as HistogramData);
    return [
      ...QUANTILES.map((quantile) => {
        const value = histogram.percentile(quantile).toFixed(3);
        return `trunkline_${name}${labels(address, { quantile: `${quantile}` })} ${value}`;
      }),
      `trunkline_${name}_count${labels(address)} ${histogram.count}`,
    ];
  });
  return [...head(name, "summary", "Time from request to answer, in milliseconds"), ...samples];
}

function labels(address: string, more: Readonly<Record<string, string>> = {}): string {
  const [node = "", role = ""] = address.split("/");
  const pairs = Object.entries({ node, role, ...more }).map(([key, value]) => `${key}="${value}"`);
  return `{${pairs.join(",")}}`;
}

function at(figures: Record<string, unknown>, path: readonly string[]): unknown {
  let value: unknown = figures;
  for (const name of path) value = isRecord(value) ? value[name] : undefined;
  return value;
}
