/**
 * A state of two-phase commit as people read it.
 *
 * @module
 */
import type { Shown, Words } from "../../../runtime/checker/model.ts";
import type { Hosts } from "./rules.ts";
import { Copy, Disk, KINDS, LOG, Phase } from "./world.ts";

/** What may still happen, in words. */
const PHASES: Readonly<Record<number, string>> = {
  [Phase.KIND]: "all on its way is lost, faults are over, nobody loses patience",
  [Phase.ALONE]: "no message arrives any more",
  [Phase.UNASKED]: "all on its way is lost, faults are over, nobody loses patience or asks",
  [Phase.WITHOUT_COORDINATOR]: "all on its way is lost, the coordinator is out of reach",
};

/** Who is where, with what on disk. */
export function show(hosts: Hosts, state: Words): readonly Shown[] {
  const { world, coordinator, participant, holder } = hosts;
  const { participants, holders } = world.options;
  const log = state[LOG]!;
  const shown: Shown[] = [{
    name: "coordinator",
    state: coordinator.describe(state),
    disk: list(["commit", "ended"].filter((_, bit) => log >> bit & 1), coordinator.pending(state)),
  }];
  for (let i = 0; i < participants; i++) {
    const disk = state[world.disk(i)]!;
    const records: string[] = KINDS.filter((_, bit) => disk >> bit & 1);
    if (disk & Disk.APPLIED) records.push("applied rows");
    shown.push({
      name: `participant ${i}`,
      state: participant.describe(state, i),
      disk: list(records, participant.pendingCount(state, i)),
    });
  }
  for (let i = 0; i < holders; i++) {
    const copy = state[world.holder(i) + 1]!;
    const kept = copy & Copy.NEW ? "new" : copy & Copy.OLD ? "old" : "no";
    const how = copy & Copy.SUSPENDED ? ", readers wait" : copy & Copy.LEASE ? "" : ", lease over";
    shown.push({
      name: `holder ${i}`,
      state: `${holder.describe(state, i)} (${kept} copy${how})`,
    });
  }
  const phase = PHASES[world.phase(state)];
  // Only in searches for goals.
  if (phase !== undefined) shown.push({ name: "world", state: phase });
  return shown;
}

function list(records: readonly string[], pending: number): string {
  const durable = records.length === 0 ? "nothing" : records.join(", ");
  return pending === 0 ? durable : `${durable}; ${pending} on the way`;
}
