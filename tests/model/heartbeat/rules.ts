/**
 * What a monitor owes to those who listen, step by step.
 *
 * @module
 */
import type { Effect } from "../../../runtime/engine.ts";

/** The heartbeat that arrived, compared with the newest incarnation heard. */
export interface Heard {
  readonly newer: boolean;
  readonly older: boolean;
}

/** The rule that a step of a monitor breaks, if any. */
export function monitorFault(
  before: string,
  after: string,
  effects: readonly Effect[],
  heard: Heard | undefined,
): string | undefined {
  if (effects.some(({ type }) => type === "reject")) return "no heartbeat is unexpected";
  const notices = effects.filter(({ type }) => type === "notify");
  const because = notices.map(({ params }) => (params as { because: string }).because).join();
  if (heard?.older) {
    return after === before && effects.length === 0
      ? undefined
      : "a heartbeat of an earlier life changes nothing";
  }
  if (after === "suspected" && !effects.some(({ type }) => type === "probe")) {
    return "a suspect is probed, so that it can refute";
  }
  if (heard === undefined) {
    return because === "silence" ? undefined : "whoever falls silent is reported as silent";
  }
  if (after !== "alive") return "whoever is heard is alive";
  const expected = before === "failed"
    ? "recovered"
    : before === "waiting"
    ? "heard"
    : heard.newer
    ? "restarted"
    : before === "suspected"
    ? "refuted"
    : "";
  return because === expected ? undefined : `it is said why a peer is alive: ${expected || "-"}`;
}
