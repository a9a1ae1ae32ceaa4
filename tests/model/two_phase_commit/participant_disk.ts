/**
 * What is on a participant's disk, as a set of kinds, and what the shipped rules make of it. The
 * order of records does not matter to recovery, and a checkpoint changes nothing that it reads; both
 * are properties tested where the rules are, and the second is tested once more over every set of this file.
 *
 * @module
 */
import type { Outcome, ParticipantRecord } from "../../../protocols/two_phase_commit/messages.ts";
import {
  recoverParticipant,
  retainedByParticipant,
} from "../../../protocols/two_phase_commit/rules.ts";
import { KINDS } from "./world.ts";

/** What a restarted participant knows of the transaction. */
export interface Recovered {
  readonly inDoubt: boolean;
  readonly outcome: Outcome | undefined;
  /** Whether the watermark has passed it. */
  readonly below: boolean;
}

const id = { log: "log", sequence: 0 };

function recordsOf(bits: number): ParticipantRecord[] {
  return KINDS.filter((_, bit) => bits >> bit & 1).map((kind): ParticipantRecord => {
    if (kind === "watermark") return { kind, log: id.log, lowest: id.sequence + 1 };
    if (kind !== "prepared") return { kind, id };
    const told = { coordinator: "coordinator", peers: [], you: 0, epoch: 0 };
    return { kind, id, ...told, effect: null, entries: [], holders: [] };
  });
}

function read(records: readonly ParticipantRecord[]): Recovered {
  const { inDoubt, finished, watermarks } = recoverParticipant(records);
  const below = (watermarks[id.log] ?? 0) > id.sequence;
  return { inDoubt: inDoubt.length > 0, outcome: finished[0]?.outcome, below };
}

const SETS = [...Array(1 << KINDS.length).keys()];
const RECOVERED = SETS.map((bits) => read(recordsOf(bits)));
const RETAINED = SETS.map((bits) =>
  retainedByParticipant(recordsOf(bits)).reduce(
    (set, { kind }) => set | 1 << KINDS.indexOf(kind as typeof KINDS[number]),
    0,
  )
);

/** What is known again after a restart, by the bits of the durable records. */
export function recovered(bits: number): Recovered {
  return RECOVERED[bits]!;
}

/** The bits that a checkpoint keeps. */
export function retained(bits: number): number {
  return RETAINED[bits]!;
}
