import type { Undecided } from "../../../protocols/three_phase_commit/messages.ts";
import {
  participant,
  type ParticipantEvent,
  type ParticipantJournal,
} from "../../../protocols/three_phase_commit/participant.ts";
import { type Effect, effect, type Row, rows, timer } from "../rows.ts";

const times = { lockTimeoutMs: 100, decisionTimeoutMs: 60, answerTimeoutMs: 20, resendMs: 10 };
const input = { participants: 3, index: 1, maxBackoff: 1, ...times };
type Events = readonly ParticipantEvent[];

const prepare: ParticipantEvent = { type: "prepare" };
const granted: ParticipantEvent = { type: "granted" };
const commit: ParticipantEvent = { type: "commit", sameStore: false };
const abort: ParticipantEvent = { type: "abort", sameStore: false };
const refused: ParticipantEvent = { type: "refused", retryable: false };
const forget: ParticipantEvent = { type: "forget" };
const preCommit = (from: number): ParticipantEvent => ({ type: "preCommit", from });
const request = (from: number): ParticipantEvent => ({ type: "stateRequest", from });
const report = (from: number, state: Undecided): ParticipantEvent => {
  return { type: "stateReport", from, state };
};
const inquiry = (from: number, state: Undecided): ParticipantEvent => {
  return { type: "inquiry", from, state };
};
const journaled = (record: ParticipantJournal): ParticipantEvent => ({ type: "journaled", record });
const recovered = (as: Undecided | "committed" | "aborted"): ParticipantEvent => {
  return { type: "recovered", as };
};
const after = (delay: string, path: string) => timer<ParticipantEvent>(participant, delay, path);

const preparing: Events = [prepare, granted];
const uncertain: Events = [...preparing, journaled("prepared")];
const preCommitting: Events = [...uncertain, preCommit(-1)];
const preCommitted: Events = [...preCommitting, journaled("preCommitted")];
const silence = (state: string) => after("decisionTimeout", state);
/** The coordinator and participant 0 are silent: participant 1 leads. */
const collecting: Events = [...uncertain, silence("uncertain"), silence("uncertain")];
const collectingPreCommitted: Events = [
  ...preCommitted,
  silence("preCommitted"),
  silence("preCommitted"),
];
const joining: Events = [...collecting, report(0, "preCommitted"), report(2, "uncertain")];
const spreading: Events = [...joining, journaled("preCommitted")];
const recovering: Events = [recovered("uncertain"), granted];
const committed: Events = [...preCommitted, commit, journaled("committed")];
const aborted: Events = [...uncertain, abort, journaled("aborted")];

const journal = (record: string) => effect("journal", { record, forced: true });
const send = (message: string, to: readonly number[], more: object = {}) =>
  effect("send", { message, to, ...more });
const nothing = (message: string) => send(message, []);
const [acquire, release, apply, reject] = ["acquire", "release", "apply", "reject"]
  .map((type) => effect(type)) as [Effect, Effect, Effect, Effect];
const COLLECTING = { collecting: "asking" };
const SPREADING = { spreading: "telling" };
const lost = ["cancel", "cancel"] as const;

type Short = readonly [
  string,
  Events,
  ParticipantEvent,
  Row<ParticipantEvent>["state"],
  ...Effect[],
];

const table: readonly Short[] = [
  ["a prepare asks for the locks", [], prepare, "acquiring", acquire, "after 100"],
  ["granted, it forces prepared", [prepare], granted, "preparing", "cancel", journal("prepared")],
  [
    "and votes when that is durable",
    preparing,
    journaled("prepared"),
    "uncertain",
    send("voteYes", [-1]),
    nothing("preCommitAck"),
    "after 60",
  ],
  [
    "a no is durable before it is said",
    [prepare],
    refused,
    "refusing",
    "cancel",
    release,
    journal("aborted"),
  ],
  [
    "then it is said",
    [prepare, refused],
    journaled("aborted"),
    "aborted",
    send("voteNo", [-1], { retryable: false }),
    nothing("abort"),
  ],
  [
    "asked before it voted it refuses",
    [prepare],
    request(2),
    "refusing",
    "cancel",
    effect("withdraw"),
    release,
    journal("aborted"),
  ],
  [
    "and tells the leader that asked",
    [prepare, request(2)],
    journaled("aborted"),
    "aborted",
    send("voteNo", [-1], { retryable: true }),
    send("abort", [2]),
  ],
  [
    "an abort of what it has not heard of is remembered",
    [],
    abort,
    "aborting",
    release,
    journal("aborted"),
  ],
  ["a commit of what it never saw is rejected", [], commit, "initial", reject],
  [
    "a preCommit is durable before it is acknowledged",
    uncertain,
    preCommit(-1),
    "preCommitting",
    "cancel",
    journal("preCommitted"),
  ],
  [
    "then it is acknowledged",
    preCommitting,
    journaled("preCommitted"),
    "preCommitted",
    send("preCommitAck", [-1]),
    "after 60",
  ],
  [
    "pre-committed it obeys an abort",
    preCommitted,
    abort,
    "aborting",
    "cancel",
    release,
    journal("aborted"),
  ],
  [
    "a commit is applied with its record",
    preCommitted,
    commit,
    "committing",
    "cancel",
    apply,
    journal("committed"),
  ],
  [
    "a silent coordinator is followed by participant 0",
    uncertain,
    silence("uncertain"),
    "uncertain",
    "cancel",
    "after 60",
  ],
  [
    "no preCommit is taken from one that was given up",
    [...uncertain, silence("uncertain")],
    preCommit(-1),
    "uncertain",
  ],
  [
    "asked by the new leader it reports, and waits anew",
    uncertain,
    request(0),
    "uncertain",
    "cancel",
    send("stateReport", [0], { state: "uncertain" }),
    "after 60",
  ],
  ["an older leader is not answered", [...uncertain, request(2)], request(0), "uncertain"],
  [
    "its turn come, it asks all others",
    [...uncertain, silence("uncertain")],
    silence("uncertain"),
    COLLECTING,
    "cancel",
    "after 20",
    send("stateRequest", [0, 2]),
    "after 10",
  ],
  ["one report is not all", collecting, report(0, "uncertain"), COLLECTING],
  [
    "all uncertain: abort",
    [...collecting, report(0, "uncertain")],
    report(2, "uncertain"),
    "aborting",
    ...lost,
    release,
    journal("aborted"),
  ],
  [
    "all that live uncertain: abort",
    [...collecting, report(2, "uncertain")],
    after("answerTimeout", "collecting"),
    "aborting",
    "cancel",
    "cancel",
    release,
    journal("aborted"),
  ],
  ["one has aborted: abort", collecting, abort, "aborting", ...lost, release, journal("aborted")],
  [
    "one has committed: commit",
    collecting,
    commit,
    "committing",
    ...lost,
    apply,
    journal("committed"),
  ],
  [
    "one pre-committed: the leader becomes so first",
    [...collecting, report(0, "preCommitted")],
    report(2, "uncertain"),
    "joining",
    ...lost,
    journal("preCommitted"),
  ],
  [
    "then it makes the others so",
    joining,
    journaled("preCommitted"),
    SPREADING,
    "after 20",
    send("preCommit", [2]),
    "after 10",
  ],
  [
    "then it commits",
    spreading,
    report(2, "preCommitted"),
    "committing",
    ...lost,
    apply,
    journal("committed"),
  ],
  [
    "without those that have failed meanwhile",
    spreading,
    after("answerTimeout", "spreading"),
    "committing",
    "cancel",
    "cancel",
    apply,
    journal("committed"),
  ],
  [
    "pre-committed and alone it commits",
    collectingPreCommitted,
    after("answerTimeout", "collecting"),
    "committing",
    "cancel",
    "cancel",
    apply,
    journal("committed"),
  ],
  [
    "a leader that has decided tells all",
    [...spreading, report(2, "preCommitted")],
    journaled("committed"),
    "committed",
    release,
    send("ack", [-1], { outcome: "commit" }),
    send("commit", [0, 2]),
  ],
  [
    "one that failed undecided asks all, and says in what",
    [],
    recovered("preCommitted"),
    "recovering",
    acquire,
    send("inquiry", [-1, 0, 2], { state: "preCommitted" }),
    "after 10",
  ],
  ["it has no say", recovering, request(2), "recovering"],
  ["and takes no preCommit", recovering, preCommit(-1), "recovering"],
  [
    "it hears the outcome",
    recovering,
    commit,
    "committing",
    "cancel",
    apply,
    journal("committed"),
  ],
  ["some are missing: they may have decided", recovering, inquiry(0, "preCommitted"), "recovering"],
  [
    "all failed, and one pre-committed: commit",
    [...recovering, inquiry(0, "preCommitted")],
    inquiry(2, "uncertain"),
    "committing",
    "cancel",
    apply,
    journal("committed"),
  ],
  [
    "all failed uncertain: abort",
    [...recovering, inquiry(0, "uncertain")],
    inquiry(2, "uncertain"),
    "aborting",
    "cancel",
    release,
    journal("aborted"),
  ],
  ["who asks is told", committed, inquiry(2, "uncertain"), "committed", send("commit", [2])],
  ["a leader that asks is told", aborted, request(2), "aborted", send("abort", [2])],
  ["an abort after a commit is a split decision", committed, abort, "committed", reject],
  ["a commit after an abort is a split decision", aborted, commit, "aborted", reject],
  [
    "a prepare after an abort gets a no",
    aborted,
    prepare,
    "aborted",
    send("voteNo", [-1], { retryable: true }),
  ],
  ["the watermark ends the memory", committed, forget, "forgotten"],
  ["nothing undecided is forgotten", uncertain, forget, "uncertain", reject],
];

rows(
  participant,
  input,
  table.map(([description, from, event, state, ...effects]) => {
    return { description, from, event, state, effects };
  }),
);
