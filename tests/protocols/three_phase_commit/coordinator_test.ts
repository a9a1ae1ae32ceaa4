import {
  coordinator,
  type CoordinatorEvent,
} from "../../../protocols/three_phase_commit/coordinator.ts";
import { type Effect, effect, type Row, rows, timer } from "../rows.ts";

const input = {
  participants: 2,
  voteTimeoutMs: 500,
  ackTimeoutMs: 100,
  resendMs: 20,
  maxBackoff: 1,
};
type Events = readonly CoordinatorEvent[];
type Record = "began" | "commit" | "abort";

const begin: CoordinatorEvent = { type: "begin" };
const abort: CoordinatorEvent = { type: "abort", retryable: true };
const yes = (from: number): CoordinatorEvent => ({ type: "voteYes", from });
const no = (from: number): CoordinatorEvent => ({ type: "voteNo", from, retryable: true });
const preCommitAck = (from: number): CoordinatorEvent => ({ type: "preCommitAck", from });
const inquiry = (from: number): CoordinatorEvent => ({ type: "inquiry", from });
const ack = (from: number, outcome: "commit" | "abort"): CoordinatorEvent => {
  return { type: "ack", from, outcome };
};
const journaled = (record: Record): CoordinatorEvent => ({ type: "journaled", record });
const recovered = (as: "undecided" | "commit" | "abort"): CoordinatorEvent => {
  return { type: "recovered", as };
};
const after = (delay: string, path: string) => timer<CoordinatorEvent>(coordinator, delay, path);

const waiting: Events = [begin, journaled("began")];
const preCommitted: Events = [...waiting, yes(0), yes(1)];
const committing: Events = [...preCommitted, preCommitAck(0), preCommitAck(1)];
const committed: Events = [...committing, journaled("commit")];
const aborting: Events = [...waiting, no(1)];
const aborted: Events = [...aborting, journaled("abort")];
const recovering: Events = [recovered("undecided")];

const journal = (record: string, forced = true) => effect("journal", { record, forced });
const send = (message: string, ...to: number[]) => effect("send", { message, to });
const reply = (outcome: string, reason?: string, retryable?: boolean) =>
  effect("reply", reason === undefined ? { outcome } : { outcome, retryable, reason });
const reject = effect("reject");

type Short = readonly [
  string,
  Events,
  CoordinatorEvent,
  Row<CoordinatorEvent>["state"],
  ...Effect[],
];
const WAITING = { waiting: "asking" };
const PRE_COMMITTED = { preCommitted: "telling" };
const COMMITTED = { committed: "telling" };
const ABORTED = { aborted: "telling" };

const table: readonly Short[] = [
  ["nobody is asked before the start is durable", [], begin, "beginning", journal("began")],
  [
    "the start durable, all are asked",
    [begin],
    journaled("began"),
    WAITING,
    "after 500",
    send("prepare", 0, 1),
    "after 20",
  ],
  ["a yes that is not the last waits", waiting, yes(0), WAITING],
  ["a yes from nobody does not count", [...waiting, yes(0)], yes(2), WAITING, reject],
  [
    "the last yes pre-commits all, and decides nothing",
    [...waiting, yes(0)],
    yes(1),
    PRE_COMMITTED,
    "cancel",
    "cancel",
    "after 100",
    send("preCommit", 0, 1),
    "after 20",
  ],
  ["a no aborts, durably first", waiting, no(1), "aborting", "cancel", "cancel", journal("abort")],
  [
    "a vote that is missing aborts",
    waiting,
    after("voteTimeout", "waiting"),
    "aborting",
    "cancel",
    "cancel",
    journal("abort"),
  ],
  ["an acknowledgement is counted", preCommitted, preCommitAck(0), PRE_COMMITTED],
  [
    "the last acknowledgement decides, durably first",
    [...preCommitted, preCommitAck(0)],
    preCommitAck(1),
    "committing",
    "cancel",
    "cancel",
    journal("commit"),
  ],
  [
    "one who does not acknowledge has failed: it commits without it",
    [...preCommitted, preCommitAck(0)],
    after("ackTimeout", "preCommitted"),
    "committing",
    "cancel",
    "cancel",
    journal("commit"),
  ],
  [
    "without any acknowledgement it goes on asking",
    preCommitted,
    after("ackTimeout", "preCommitted"),
    PRE_COMMITTED,
    "cancel",
    "cancel",
    "after 100",
    send("preCommit", 0, 1),
    "after 20",
  ],
  ["a client is too late once all have voted yes", preCommitted, abort, PRE_COMMITTED],
  [
    "participants that aborted without it are followed",
    preCommitted,
    ack(0, "abort"),
    "aborting",
    "cancel",
    "cancel",
    journal("abort"),
  ],
  [
    "the decision durable, client and participants hear of it",
    committing,
    journaled("commit"),
    COMMITTED,
    reply("committed"),
    send("commit", 0, 1),
    "after 20",
  ],
  [
    "an abort of one when it commits is a split decision",
    committed,
    ack(0, "abort"),
    COMMITTED,
    reject,
  ],
  ["who asks is told", committed, inquiry(1), COMMITTED, send("commit", 1)],
  [
    "the last ack ends it",
    [...committed, ack(0, "commit")],
    ack(1, "commit"),
    "ended",
    "cancel",
    journal("ended", false),
    effect("forget"),
  ],
  [
    "an abort durable, client and participants hear of it",
    aborting,
    journaled("abort"),
    ABORTED,
    reply("aborted", "refused", true),
    send("abort", 0, 1),
    "after 20",
  ],
  ["a no is an ack of the abort", aborted, no(1), ABORTED],
  [
    "a commit of one when it aborts is a split decision",
    aborted,
    ack(0, "commit"),
    ABORTED,
    reject,
  ],
  [
    "back undecided it asks, and decides nothing",
    [],
    recovered("undecided"),
    { recovering: "asking" },
    send("inquiry", 0, 1),
    "after 20",
  ],
  ["and does as they did", recovering, ack(1, "commit"), "committing", "cancel", journal("commit")],
  ["but aborts nothing itself", recovering, abort, { recovering: "asking" }],
  ["or as one that had not voted", recovering, no(0), "aborting", "cancel", journal("abort")],
  [
    "a recovered commit is told again",
    [],
    recovered("commit"),
    COMMITTED,
    send("commit", 0, 1),
    "after 20",
  ],
  [
    "a recovered abort is told again",
    [],
    recovered("abort"),
    ABORTED,
    send("abort", 0, 1),
    "after 20",
  ],
];

rows(
  coordinator,
  input,
  table.map(([description, from, event, state, ...effects]) => {
    return { description, from, event, state, effects };
  }),
);
