/**
 * What the test network is made of, and the records its nodes write.
 *
 * @module
 */
import type { AnyMachineSnapshot } from "xstate";
import type {
  CoordinatorRecord,
  ParticipantRecord,
} from "../../../protocols/two_phase_commit/messages.ts";

export type Event = { readonly type: string; readonly [key: string]: unknown };
export type Effect = { readonly type: string; readonly params?: unknown };
export type Message = { readonly to: number; readonly event: Event };
export type JournalRecord = CoordinatorRecord | ParticipantRecord;
export type Instance = { snapshot: AnyMachineSnapshot; readonly timers: Map<string, Event> };
export type Node = {
  instance: Instance | undefined;
  journal: JournalRecord[];
  durable: number;
  lowest: number;
  /** How often the commit became durable: at most once, whatever is forgotten. */
  applied: number;
};

/** The one transaction of the network. */
export const id = { log: "log", sequence: 0 };

/** The record a participant or the coordinator writes as `kind`. */
export function record(kind: string, participants: number, you: number): JournalRecord {
  const names = [...Array(participants).keys()].map(String);
  if (kind === "commit") {
    return { kind, id, participants: names, stores: names, holders: [], entries: [] };
  }
  if (kind === "prepared") {
    const told = { coordinator: "coordinator", peers: names, you, epoch: 0 };
    return { kind, id, ...told, effect: null, entries: [], holders: [] };
  }
  return {
    kind: kind as "ended" | "began" | "committed" | "aborted" | "refused",
    id,
  } as JournalRecord;
}
