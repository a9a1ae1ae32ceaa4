/**
 * What a new view begins with (section 4.4): computed by the new primary, and again by every backup.
 *
 * @module
 */
import {
  type Assigned,
  type NewView,
  NULL_DIGEST,
  type SentViewChange,
  type ViewChange,
} from "./messages.ts";
import { type Group, isInWindow, isReplica, isSameAssignment, quorum } from "./rules.ts";

/** Where a new view begins. */
export type Beginning = {
  /** The highest stable checkpoint anybody has proved: the paper's min-s. */
  readonly stable: Assigned;
  /** O: for every number from there to the highest that anybody has proved prepared, what it is. */
  readonly assigned: readonly Assigned[];
};

/**
 * Whether a view change is what a correct replica might say; its proofs are the host's business.
 *
 * @param window L, the distance of the watermarks
 */
export function isPossibleViewChange(
  { from, view, stable, prepared }: SentViewChange,
  group: Group,
  window: number,
): boolean {
  return isReplica(from, group) && Number.isInteger(view) && view > 0 &&
    Number.isInteger(stable.sequence) && stable.sequence >= 0 &&
    prepared.every((it, index) =>
      isInWindow(it.sequence, stable.sequence, window) && it.view >= 0 && it.view < view &&
      (index === 0 || it.sequence > prepared[index - 1]!.sequence)
    );
}

/** Min-s and O of view changes that are a quorum's. */
export function beginningOf(viewChanges: readonly ViewChange[]): Beginning {
  const stable = viewChanges.map((it) => it.stable)
    .reduce((a, b) => (b.sequence > a.sequence ? b : a));
  const proved = viewChanges.flatMap((it) => it.prepared)
    .filter(({ sequence }) => sequence > stable.sequence);
  const last = Math.max(stable.sequence, ...proved.map(({ sequence }) => sequence));
  const assigned: Assigned[] = [];
  for (let sequence = stable.sequence + 1; sequence <= last; sequence++) {
    const latest = proved.filter((it) => it.sequence === sequence)
      .reduce((a, b) => (b.view > a.view ? b : a), { view: -1, digest: NULL_DIGEST });
    assigned.push({ sequence, digest: latest.digest });
  }
  return { stable, assigned };
}

/** Whether V is the word of a quorum of different replicas about this view. */
export function isQuorumFor(
  view: number,
  viewChanges: readonly SentViewChange[],
  group: Group,
  window: number,
): boolean {
  return new Set(viewChanges.map(({ from }) => from)).size === viewChanges.length &&
    viewChanges.length >= quorum(group) &&
    viewChanges.every((it) => it.view === view && isPossibleViewChange(it, group, window));
}

/** Whether a new view is what follows from the view changes it shows. */
export function isCorrectNewView(
  { view, viewChanges, assigned }: NewView,
  group: Group,
  window: number,
): boolean {
  if (!isQuorumFor(view, viewChanges, group, window)) return false;
  const due = beginningOf(viewChanges).assigned;
  return due.length === assigned.length &&
    due.every((it, index) => isSameAssignment(it, assigned[index]!));
}

/**
 * The view that a replica joins: the smallest of those that f + 1 others have left it for (section
 * 4.5.2), undefined while it is fewer. f faulty ones cannot move it.
 *
 * @param view the one it is in, or on its way to
 */
export function viewToJoin(
  viewChanges: readonly SentViewChange[],
  view: number,
  { faulty }: Group,
): number | undefined {
  const ahead = viewChanges.filter((it) => it.view > view);
  const replicas = new Set(ahead.map(({ from }) => from));
  return replicas.size > faulty ? Math.min(...ahead.map((it) => it.view)) : undefined;
}
