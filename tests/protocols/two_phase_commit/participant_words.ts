/**
 * The words the rows of the participant are written in: events, ways to each state, effects.
 *
 * @module
 */
import {
  participant,
  type ParticipantEvent,
} from "../../../protocols/two_phase_commit/participant.ts";
import { type Effect, effect, timer } from "../rows.ts";

export const input = { lockTimeoutMs: 100, inquireMs: 10, maxBackoff: 2 };

export type Events = readonly ParticipantEvent[];
const e = (type: "prepare" | "abort" | "uncertain" | "granted" | "forget"): ParticipantEvent => ({
  type,
});
export const [prepare, abort, uncertain] = [e("prepare"), e("abort"), e("uncertain")];
export const [granted, forget] = [e("granted"), e("forget")];
export const commit: ParticipantEvent = { type: "commit", sameStore: false };
export const commitSameStore: ParticipantEvent = { type: "commit", sameStore: true };
export const inquiry = (from: number): ParticipantEvent => ({ type: "inquiry", from });
export const refused = (retryable: boolean): ParticipantEvent => ({ type: "refused", retryable });
export const journaled = (record: "prepared" | "committed" | "refused"): ParticipantEvent => ({
  type: "journaled",
  record,
});
export const recovered = (as: "inDoubt" | "committed" | "aborted"): ParticipantEvent => ({
  type: "recovered",
  as,
});
export const lockTimeout = timer<ParticipantEvent>(participant, "lockTimeout", "acquiring");
export const inquire = timer<ParticipantEvent>(participant, "inquire", "inDoubt");

export const acquiring: Events = [prepare];
export const preparing: Events = [prepare, granted];
export const inDoubt: Events = [...preparing, journaled("prepared")];
export const committing: Events = [...inDoubt, commit];
export const committed: Events = [...committing, journaled("committed")];
export const votedNo: Events = [prepare, refused(false)];
export const refusing: Events = [inquiry(2)];
export const aborted: Events = [...inDoubt, abort];

export const [acquire, withdraw, release, reject] = ["acquire", "withdraw", "release", "reject"]
  .map((t) => effect(t)) as [Effect, Effect, Effect, Effect];
export const journal = (record: string, forced = true) => effect("journal", { record, forced });
export const coordinator = (message: string) => effect("sendCoordinator", { message });
export const voteNo = (retryable: boolean) =>
  effect("sendCoordinator", { message: "voteNo", retryable });
export const peers = (message: string, ...to: number[]) => effect("sendPeers", { message, to });
export const allPeers = (message: string) => effect("sendPeers", { message, to: "all" });

/** A row in brief: description, from, event, state, effects. */
export type Short = readonly [string, Events, ParticipantEvent, string, ...Effect[]];
