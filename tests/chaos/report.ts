/**
 * What a run of `chaos` tells.
 *
 * @module
 */
import type { Violation } from "./book.ts";
import type { RunResult } from "./run.ts";

/** The report, as it is printed in JSON. */
export interface ChaosReport {
  /** Roles and processes killed. */
  readonly kills: number;
  /** Writes that were acknowledged, each counted once. */
  readonly acknowledged: number;
  /** Of these, how many are not there. */
  readonly lost: number;
  /** Changes that are there more often than they were asked for. */
  readonly duplicated: number;
  /** Age of the oldest transaction that was seen in doubt, in seconds; sampled. */
  readonly in_doubt_max_s: number;
  /** From a kill until what was killed served again, in seconds. */
  readonly recovery_p50_s: number;
  readonly recovery_max_s: number;
  readonly violations: readonly Violation[];
  readonly kills_by_kind: { readonly exit: number; readonly process: number };
  readonly partitions: number;
  /** Directed links that were cut. */
  readonly links_cut: number;
  /** From healing until nothing was in doubt, locked or down, in seconds. */
  readonly settle_s: number;
  /** Outcomes that had to be asked for at the end. */
  readonly settled: number;
  /** Times the cluster asked to be started again. */
  readonly restarts_asked: number;
  /** Answers by outcome: acknowledged, no_answer, or the reason of an error. */
  readonly requests: Readonly<Record<string, number>>;
  readonly seed: number;
  readonly profile: string;
  readonly seconds: number;
  /** Hash of the sources. */
  readonly build: string;
}

/** Makes the report. */
export function report(
  result: RunResult,
  about: Pick<ChaosReport, "seed" | "profile" | "seconds" | "build">,
): ChaosReport {
  const { book, deeds, recoveriesMs, lost, duplicated, settled, restartsAsked } = result;
  const sorted = [...recoveriesMs].sort((a, b) => a - b);
  const median = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  return {
    kills: deeds.kills.exit + deeds.kills.process,
    acknowledged: book.acknowledged.size,
    lost,
    duplicated,
    in_doubt_max_s: seconds(result.inDoubtMaxMs),
    recovery_p50_s: seconds(median),
    recovery_max_s: seconds(sorted.at(-1) ?? 0),
    violations: book.violations,
    kills_by_kind: deeds.kills,
    partitions: deeds.partitions,
    links_cut: deeds.links,
    settle_s: seconds(result.settleMs),
    settled,
    restarts_asked: restartsAsked,
    requests: book.outcomes,
    ...about,
    seconds: seconds(about.seconds * 1000),
  };
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}

/** The report for people. */
export function table(figures: ChaosReport): string {
  const { kills_by_kind: { exit, process } } = figures;
  const rows: readonly (readonly [string, string | number])[] = [
    ["kills", `${figures.kills} (${exit} roles, ${process} processes)`],
    ["partitions", `${figures.partitions} (${figures.links_cut} links)`],
    ["acknowledged", figures.acknowledged],
    ["lost", figures.lost],
    ["duplicated", figures.duplicated],
    ["longest in doubt", `${figures.in_doubt_max_s} s`],
    ["recovery", `median ${figures.recovery_p50_s} s, longest ${figures.recovery_max_s} s`],
    ["settled after", `${figures.settle_s} s, ${figures.settled} outcomes asked for`],
    ["violations", figures.violations.length],
    ["seed", figures.seed],
  ];
  return rows.map(([name, value]) => `${name.padEnd(18)} ${value}`).join("\n");
}
