/** What benches measure and how it is shown: medians with their spread, never a lone figure. */

/** A figure measured once a round. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** One line of the table for people. */
export interface Row {
  readonly name: string;
  /** Text, or a figure with its spread over the rounds. */
  readonly value: string | Spread;
  readonly unit?: string;
  /** What is to be reached, and whether it was: computed from the run. */
  readonly goal?: Goal;
}

/** A target and whether the run met it. */
export interface Goal {
  readonly text: string;
  readonly met: boolean;
}

/** What a bench gives. */
export interface Outcome {
  /** The machine-readable report. */
  readonly report: Readonly<Record<string, unknown>>;
  readonly rows: readonly Row[];
}

/** What a bench is told. */
export interface BenchOptions {
  /** How often each side is measured; undefined: as often as the bench thinks fit. */
  readonly rounds: number | undefined;
  readonly progress: (text: string) => void;
  /** What to measure ours beside, if anything further. */
  readonly vs?: string;
  /** Whether to measure how it grows, instead. */
  readonly growth?: boolean;
}

/** What the bench needs is not on this machine; the message says how to get it. */
export class Unavailable extends Error {}

/** A benchmark. */
export interface Bench {
  readonly summary: string;
  /** What `--vs` may name. */
  readonly peers?: readonly string[];
  /** Whether there is a table for `--growth`. */
  readonly grows?: boolean;
  run(options: BenchOptions): Promise<Outcome>;
}

/** The spread of one figure over the rounds. @throws {RangeError} if there was no round. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) throw new RangeError("Cannot take the median of nothing");
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted[sorted.length - 1]! };
}

/** The spread of one field over the rounds. */
export function spreadOf<T>(rounds: readonly T[], figure: (round: T) => number): Spread {
  return spread(rounds.map(figure));
}

/** The value that a share `p` of sorted samples does not exceed. */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? 0;
}

/** Three significant digits: more would be noise. */
export function round(value: number): number {
  return Number(value.toPrecision(Math.abs(value) >= 1000 ? 4 : 3));
}

/** A spread, rounded, for reports. */
export function rounded({ median, min, max }: Spread): Spread {
  return { median: round(median), min: round(min), max: round(max) };
}

/** A goal that is reached from below. */
export function atLeast(value: number, wanted: number, text = `>= ${format(wanted)}`): Goal {
  return { text, met: value >= wanted };
}

/** A goal that is reached from above. */
export function atMost(value: number, wanted: number, text = `<= ${format(wanted)}`): Goal {
  return { text, met: value <= wanted };
}

function format(value: number): string {
  return round(value).toLocaleString("en-US", { maximumSignificantDigits: 4 });
}

/** The table for people. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map(({ name, value, unit = "", goal }) => {
    const plain = typeof value === "string";
    return [
      name,
      plain ? value : format(value.median),
      unit,
      plain ? "" : `${format(value.min)} .. ${format(value.max)}`,
      goal === undefined ? "" : `${goal.text}: ${goal.met ? "met" : "not met"}`,
    ];
  });
  const head = ["", "median", "", "min .. max", "to reach"];
  const widths = head.map((_, i) => Math.max(...[head, ...cells].map((row) => row[i]!.length)));
  return [head, ...cells]
    .map((row) =>
      row.map((cell, i) => i === 1 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))
        .join("  ").trimEnd()
    ).join("\n");
}
