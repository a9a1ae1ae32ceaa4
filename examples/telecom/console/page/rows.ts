/**
 * From what happened to the rows of a diagram: one row for each moment, and for what one role does
 * at one moment.
 *
 * @module
 */
import type { StoryStep } from "../protocol.ts";

/** A step and its rows. */
export interface Drawn {
  readonly step: StoryStep;
  readonly row: number;
  /** Where a message arrives or a record is on disk; undefined if that never happens. */
  readonly endRow: number | undefined;
}

interface Moment {
  readonly at: number;
  /** Where it happens. */
  readonly who: string;
  /** What may share a row: sends with sends, states with arrivals. */
  readonly kind: string;
  readonly step: StoryStep;
  readonly end: boolean;
}

/** What lies closer together than this, in ms, is one moment. */
const CLOSE_MS = 0.5;

/** The rows, in order of time. */
export function rowsOf(steps: readonly StoryStep[]): { rows: readonly Drawn[]; count: number } {
  const moments = steps.flatMap(momentsOf);
  // A stable sort: what happens at one moment stays in the order in which it is told.
  moments.sort((a, b) => a.at - b.at);
  const starts = new Map<StoryStep, number>(), ends = new Map<StoryStep, number>();
  let row = -1;
  let last: Moment | undefined;
  for (const moment of moments) {
    const together = last !== undefined && moment.at - last.at < CLOSE_MS &&
      moment.kind === last.kind && (moment.kind === "sends" ? moment.who === last.who : false);
    if (!together) row++;
    last = moment;
    (moment.end ? ends : starts).set(moment.step, row);
  }
  const rows = steps.map((step) => ({ step, row: starts.get(step)!, endRow: ends.get(step) }));
  return { rows, count: row + 1 };
}

function momentsOf(step: StoryStep): Moment[] {
  if (step.what === "message") {
    const sent = { at: step.at, who: step.from, kind: "sends", step, end: false };
    if (step.arrived === undefined) return [sent];
    return [sent, { at: step.arrived, who: step.to, kind: "arrives", step, end: true }];
  }
  if (step.what === "state") {
    return [{ at: step.at, who: step.who, kind: "states", step, end: false }];
  }
  const written = { at: step.at, who: step.who, kind: "writes", step, end: false };
  if (step.durable === undefined) return [written];
  return [written, { at: step.durable, who: step.who, kind: "durable", step, end: true }];
}
