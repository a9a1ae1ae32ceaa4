import {
  coordinator,
  type CoordinatorEvent,
} from "../../../protocols/two_phase_commit/coordinator.ts";
import { effect, everyPair, type Row, rows, timer } from "../rows.ts";

const input = { participants: 2, voteTimeoutMs: 100, resendMs: 10, maxBackoff: 2, leaseMs: 50 };

const begin: CoordinatorEvent = { type: "begin" };
const recovered: CoordinatorEvent = { type: "recovered", holders: [7] };
const yes = (from: number, ...holders: number[]): CoordinatorEvent => ({
  type: "voteYes",
  from,
  holders,
});
const yesIf = (from: number, ...holders: number[]): CoordinatorEvent => ({
  type: "voteYes",
  from,
  holders,
  dependent: true,
});
const met: CoordinatorEvent = { type: "dependenciesMet" };
const no: CoordinatorEvent = { type: "voteNo", from: 1, retryable: true };
const abort: CoordinatorEvent = { type: "abort" };
const held = (from: number): CoordinatorEvent => ({ type: "held", from });
const ack = (from: number): CoordinatorEvent => ({ type: "ack", from });
const inquiry = (from: number): CoordinatorEvent => ({ type: "inquiry", from });
const journaled: CoordinatorEvent = { type: "journaled", record: "commit" };
const resend = (path: string) => timer<CoordinatorEvent>(coordinator, "resend", path);
const voteTimeout = timer<CoordinatorEvent>(coordinator, "voteTimeout", "preparing");
const dependingTimeout = timer<CoordinatorEvent>(coordinator, "voteTimeout", "depending");
const leaseWait = timer<CoordinatorEvent>(coordinator, "leaseWait", "holding");

const preparing = [begin];
const holding = [begin, yes(0, 3), yes(1, 5)];
const depending = [begin, yesIf(0), yes(1)];
const deciding = [begin, yes(0), yes(1)];
const committing = [...deciding, journaled];
const committingHeld = [...holding, leaseWait, journaled];

const journal = (record: string) => effect("journal", { record, forced: record === "commit" });
const send = (message: string, ...to: number[]) => effect("send", { message, to });
const hold = (...to: number[]) => effect("sendHolders", { message: "hold", to });
const release = (outcome: string, ...to: number[]) =>
  effect("sendHolders", { message: "release", outcome, to });
const replyAborted = (reason: string, retryable: boolean) =>
  effect("reply", { outcome: "aborted", retryable, reason });
const replyCommitted = effect("reply", { outcome: "committed" });
const [forget, reject] = [effect("forget"), effect("reject")];
const abortAll = [journal("aborted"), send("abort", 0, 1), release("abort"), forget];
const cancelBoth = ["cancel", "cancel"];

const table: Row<CoordinatorEvent>[] = [
  {
    description: "begin asks every participant and waits for nothing on disk",
    from: [],
    event: begin,
    state: { preparing: "asking" },
    effects: [journal("began"), "after 100", send("prepare", 0, 1), "after 10"],
  },
  {
    description: "a decision found after a restart is told again, with no client to answer",
    from: [],
    event: recovered,
    state: { committing: "telling" },
    effects: [release("commit", 7), send("commit", 0, 1), "after 10"],
  },
  {
    description: "a vote is counted and the timers run on",
    from: preparing,
    event: yes(1),
    state: { preparing: "asking" },
    effects: [],
  },
  {
    description: "a repeated vote counts once",
    from: [...preparing, yes(1)],
    event: yes(1),
    state: { preparing: "asking" },
    effects: [],
  },
  {
    description: "a vote from no participant is rejected",
    from: preparing,
    event: yes(2),
    state: { preparing: "asking" },
    effects: [reject],
  },
  {
    description: "the last vote leads to the decision, which is forced",
    from: [...preparing, yes(1)],
    event: yes(0),
    state: "deciding",
    effects: [...cancelBoth, journal("commit")],
  },
  {
    description: "the last vote with leases known leads to a hold first",
    from: [...preparing, yes(1, 5, 3)],
    event: yes(0),
    state: { holding: "asking" },
    effects: [...cancelBoth, "after 50", hold(3, 5), "after 10"],
  },
  {
    description: "a no aborts, and the client learns whether to retry",
    from: [...preparing, yes(0)],
    event: no,
    state: "aborted",
    effects: [...cancelBoth, replyAborted("refused", true), ...abortAll],
  },
  {
    description: "holders named by earlier votes are released when another votes no",
    from: [...preparing, yes(0, 4)],
    event: no,
    state: "aborted",
    effects: [
      ...cancelBoth,
      replyAborted("refused", true),
      journal("aborted"),
      send("abort", 0, 1),
      release("abort", 4),
      forget,
    ],
  },
  {
    description: "a client may withdraw while votes are out",
    from: preparing,
    event: abort,
    state: "aborted",
    effects: [...cancelBoth, replyAborted("requested", false), ...abortAll],
  },
  {
    description: "a deadlock victim may retry",
    from: preparing,
    event: { type: "abort", retryable: true },
    state: "aborted",
    effects: [...cancelBoth, replyAborted("requested", true), ...abortAll],
  },
  {
    description: "an inquiry while undecided waits for the decision",
    from: preparing,
    event: inquiry(0),
    state: { preparing: "asking" },
    effects: [],
  },
  {
    description: "prepare is sent again to those who have not voted, later each time",
    from: [...preparing, yes(0)],
    event: resend("preparing.asking"),
    state: { preparing: "asking" },
    effects: ["cancel", send("prepare", 1), "after 20"],
  },
  {
    description: "the resend delay is capped",
    from: [...preparing, ...Array(5).fill(resend("preparing.asking"))],
    event: resend("preparing.asking"),
    state: { preparing: "asking" },
    effects: ["cancel", send("prepare", 0, 1), "after 40"],
  },
  {
    description: "patience ends in an abort that may be retried",
    from: [...preparing, resend("preparing.asking")],
    event: voteTimeout,
    state: "aborted",
    effects: [...cancelBoth, replyAborted("timeout", true), ...abortAll],
  },
  {
    description: "a condition of any vote keeps all from being enough",
    from: [...preparing, yesIf(1)],
    event: yes(0),
    state: "depending",
    effects: [...cancelBoth, "after 100"],
  },
  {
    description: "so does one of the last vote",
    from: [...preparing, yes(1)],
    event: yesIf(0),
    state: "depending",
    effects: [...cancelBoth, "after 100"],
  },
  {
    description: "conditions that were met before the last vote are forgotten",
    from: [...preparing, yesIf(1), met],
    event: yes(0),
    state: "deciding",
    effects: [...cancelBoth, journal("commit")],
  },
  {
    description: "holders are asked while conditions are open",
    from: [...preparing, yesIf(1, 4)],
    event: yes(0),
    state: { holding: "asking" },
    effects: [...cancelBoth, "after 50", hold(4), "after 10"],
  },
  {
    description: "the last holder's answer is not enough either",
    from: [...preparing, yesIf(1, 4), yes(0)],
    event: held(4),
    state: "depending",
    effects: [...cancelBoth, "after 100"],
  },
  {
    description: "nor is the end of a silent holder's lease",
    from: [...preparing, yesIf(1, 4), yes(0)],
    event: leaseWait,
    state: "depending",
    effects: [...cancelBoth, "after 100"],
  },
  {
    description: "conditions that were met during a hold are forgotten",
    from: [...preparing, yesIf(1, 4), yes(0), met],
    event: held(4),
    state: "deciding",
    effects: [...cancelBoth, journal("commit")],
  },
  {
    description: "the decision follows the last commit it depends on",
    from: depending,
    event: met,
    state: "deciding",
    effects: ["cancel", journal("commit")],
  },
  {
    description: "it aborts with those it depends on, and may be tried again",
    from: depending,
    event: { type: "abort", retryable: true },
    state: "aborted",
    effects: ["cancel", replyAborted("requested", true), ...abortAll],
  },
  {
    description: "a client may withdraw while others decide",
    from: depending,
    event: abort,
    state: "aborted",
    effects: ["cancel", replyAborted("requested", false), ...abortAll],
  },
  {
    description: "patience with others ends too",
    from: depending,
    event: dependingTimeout,
    state: "aborted",
    effects: ["cancel", replyAborted("timeout", true), ...abortAll],
  },
  {
    description: "conditions met while votes are missing start nothing",
    from: [...preparing, yesIf(0)],
    event: met,
    state: { preparing: "asking" },
    effects: [],
  },
  {
    description: "conditions met during a hold start nothing",
    from: [...preparing, yesIf(1, 4), yes(0)],
    event: met,
    state: { holding: "asking" },
    effects: [],
  },
  ...([yes(0), no, held(3), inquiry(0)].map((event) => ({
    description: `${event.type} changes nothing while others decide`,
    from: depending,
    event,
    state: "depending",
    effects: [],
  }))),
  {
    description: "a holder's answer is counted",
    from: holding,
    event: held(5),
    state: { holding: "asking" },
    effects: [],
  },
  {
    description: "an answer from no holder is rejected",
    from: holding,
    event: held(9),
    state: { holding: "asking" },
    effects: [reject],
  },
  {
    description: "the last holder's answer leads to the decision",
    from: [...holding, held(5)],
    event: held(3),
    state: "deciding",
    effects: [...cancelBoth, journal("commit")],
  },
  {
    description: "hold is sent again to those who have not answered",
    from: [...holding, held(5)],
    event: resend("holding.asking"),
    state: { holding: "asking" },
    effects: ["cancel", hold(3), "after 20"],
  },
  {
    description: "a silent holder's lease is waited out",
    from: [...holding, held(5)],
    event: leaseWait,
    state: "deciding",
    effects: [...cancelBoth, journal("commit")],
  },
  {
    description: "an abort during a hold releases the holders",
    from: holding,
    event: abort,
    state: "aborted",
    effects: [
      ...cancelBoth,
      replyAborted("requested", false),
      journal("aborted"),
      send("abort", 0, 1),
      release("abort", 3, 5),
      forget,
    ],
  },
  ...([yes(0), no, inquiry(0)].map((event) => ({
    description: `${event.type} during a hold changes nothing`,
    from: holding,
    event,
    state: { holding: "asking" },
    effects: [],
  }))),
  ...([abort, yes(0), no, held(3), inquiry(0)].map((event) => ({
    description: `${event.type} changes nothing once the decision is being written`,
    from: deciding,
    event,
    state: "deciding",
    effects: [],
  }))),
  {
    description: "the durable decision is told to the client and everyone",
    from: deciding,
    event: journaled,
    state: { committing: "telling" },
    effects: [replyCommitted, release("commit"), send("commit", 0, 1), "after 10"],
  },
  {
    description: "another record's number is no decision",
    from: deciding,
    event: { type: "journaled", record: "began" } as unknown as CoordinatorEvent,
    state: "deciding",
    effects: [reject],
  },
  {
    description: "the durable decision releases every holder, also the silent",
    from: [...holding, held(5), leaseWait],
    event: journaled,
    state: { committing: "telling" },
    effects: [replyCommitted, release("commit", 3, 5), send("commit", 0, 1), "after 10"],
  },
  {
    description: "an ack is counted",
    from: committing,
    event: ack(1),
    state: { committing: "telling" },
    effects: [],
  },
  {
    description: "an ack from no participant is rejected",
    from: committing,
    event: ack(2),
    state: { committing: "telling" },
    effects: [reject],
  },
  {
    description: "commit is sent again to those who have not acknowledged, with no second reply",
    from: [...committing, ack(1)],
    event: resend("committing.telling"),
    state: { committing: "telling" },
    effects: ["cancel", send("commit", 0), "after 20"],
  },
  {
    description: "all have acknowledged: forget",
    from: [...committing, ack(1), ack(1)],
    event: ack(0),
    state: "ended",
    effects: ["cancel", journal("ended"), forget],
  },
  ...([yes(1), inquiry(1)].map((event) => ({
    description: `${event.type} after the decision is answered with it`,
    from: committing,
    event,
    state: { committing: "telling" },
    effects: [send("commit", 1)],
  }))),
  ...([abort, no, held(3)].map((event) => ({
    description: `${event.type} after a commit decision changes nothing`,
    from: committingHeld,
    event,
    state: { committing: "telling" },
    effects: [],
  }))),
];

rows(coordinator, input, table);
everyPair(
  coordinator,
  input,
  {
    idle: [],
    preparing,
    holding,
    depending,
    deciding,
    committing,
    ended: [...committing, ack(0), ack(1)],
    aborted: [begin, no],
  },
  [begin, recovered, yes(0), no, abort, held(3), ack(0), inquiry(0), met, journaled],
  table,
);
