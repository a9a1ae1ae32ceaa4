/**
 * The two engines agree, and agree with a running XState actor, on random lives of every machine
 * that ships.
 */
import { coordinator as threePhaseCoordinator } from "../../protocols/three_phase_commit/coordinator.ts";
import { participant as threePhaseParticipant } from "../../protocols/three_phase_commit/participant.ts";
import { coordinator } from "../../protocols/two_phase_commit/coordinator.ts";
import { holder } from "../../protocols/two_phase_commit/holder.ts";
import { participant } from "../../protocols/two_phase_commit/participant.ts";
import { emitter } from "../../protocols/heartbeat/emitter.ts";
import { monitor } from "../../protocols/heartbeat/monitor.ts";
import { node, START_STEPS, STOP_STEPS } from "../../protocols/lifecycle/node.ts";
import { call } from "../../protocols/rpc/call.ts";
import { supervisionMachine } from "../../runtime/supervisor_machine.ts";
import { assertEnginesAgree } from "./engines.ts";

const peers = [0, 1, 2];

Deno.test("engines agree on the coordinator", () => {
  const input = { voteTimeoutMs: 500, resendMs: 20, maxBackoff: 2, leaseMs: 100 };
  assertEnginesAgree(coordinator, [1, 2, 3].map((participants) => ({ ...input, participants })), [
    { type: "begin" },
    { type: "begin" },
    ...peers.map((from) => ({ type: "voteYes", from, holders: [] })),
    ...peers.map((from) => ({ type: "voteYes", from, holders: [from] })),
    ...peers.map((from) => ({ type: "held", from })),
    ...peers.map((from) => ({ type: "ack", from })),
    ...peers.map((from) => ({ type: "inquiry", from })),
    { type: "voteNo", from: 1, retryable: true },
    { type: "journaled", record: "commit" },
    { type: "journaled", record: "commit" },
    { type: "abort" },
    { type: "recovered", holders: [0] },
    { type: "stray" },
  ]);
});

Deno.test("engines agree on the participant", () => {
  const input = { lockTimeoutMs: 50, inquireMs: 30, maxBackoff: 2 };
  assertEnginesAgree(participant, [input, { ...input, maxBackoff: 0 }], [
    { type: "prepare" },
    { type: "prepare" },
    { type: "granted" },
    { type: "granted" },
    { type: "refused", retryable: true },
    { type: "journaled", record: "prepared" },
    { type: "journaled", record: "committed" },
    { type: "journaled", record: "refused" },
    { type: "commit", sameStore: true },
    { type: "commit", sameStore: false },
    { type: "abort" },
    ...peers.map((from) => ({ type: "inquiry", from })),
    { type: "uncertain" },
    { type: "recovered", as: "inDoubt" },
    { type: "recovered", as: "committed" },
    { type: "recovered", as: "aborted" },
    { type: "forget" },
    { type: "stray" },
  ]);
});

Deno.test("engines agree on the coordinator of three-phase commit", () => {
  const input = { voteTimeoutMs: 500, ackTimeoutMs: 60, resendMs: 20, maxBackoff: 2 };
  assertEnginesAgree(
    threePhaseCoordinator,
    [1, 2].map((participants) => ({ ...input, participants })),
    [
      { type: "begin" },
      { type: "begin" },
      ...["began", "began", "commit", "abort"].map((record) => ({ type: "journaled", record })),
      ...peers.map((from) => ({ type: "voteYes", from })),
      ...peers.map((from) => ({ type: "preCommitAck", from })),
      ...peers.map((from) => ({ type: "ack", from, outcome: "commit" })),
      ...peers.map((from) => ({ type: "ack", from, outcome: "abort" })),
      { type: "inquiry", from: 0 },
      { type: "voteNo", from: 1, retryable: true },
      { type: "abort" },
      ...["undecided", "commit", "abort"].map((as) => ({ type: "recovered", as })),
      { type: "stray" },
    ],
  );
});

Deno.test("engines agree on the participant of three-phase commit", () => {
  const times = { lockTimeoutMs: 50, decisionTimeoutMs: 60, answerTimeoutMs: 20, resendMs: 10 };
  const input = { ...times, participants: 3, maxBackoff: 2 };
  const states = ["uncertain", "preCommitted"];
  assertEnginesAgree(threePhaseParticipant, peers.map((index) => ({ ...input, index })), [
    { type: "prepare" },
    { type: "prepare" },
    { type: "granted" },
    { type: "granted" },
    { type: "refused", retryable: true },
    ...["prepared", "prepared", "preCommitted", "committed", "aborted"]
      .map((record) => ({ type: "journaled", record })),
    ...[-1, ...peers].map((from) => ({ type: "preCommit", from })),
    { type: "commit", sameStore: false },
    { type: "abort", sameStore: true },
    ...peers.map((from) => ({ type: "stateRequest", from })),
    ...peers.flatMap((from) => states.map((state) => ({ type: "stateReport", from, state }))),
    ...peers.flatMap((from) => states.map((state) => ({ type: "inquiry", from, state }))),
    { type: "inquiry", from: -1 },
    ...[...states, "committed", "aborted"].map((as) => ({ type: "recovered", as })),
    { type: "forget" },
    { type: "stray" },
  ]);
});

Deno.test("engines agree on the holder", () => {
  assertEnginesAgree(holder, [{ leaseMs: 100 }], [
    { type: "hold" },
    { type: "release", outcome: "commit" },
    { type: "release", outcome: "abort" },
    { type: "stray" },
  ]);
});

Deno.test("engines agree on heartbeats", () => {
  assertEnginesAgree(monitor, [{ intervalMs: 10, missedLimit: 3 }], [
    { type: "heartbeat", newer: false, older: false },
    { type: "heartbeat", newer: true, older: false },
    { type: "heartbeat", newer: false, older: true },
    { type: "stray" },
  ]);
  assertEnginesAgree(emitter, [{ intervalMs: 10 }], [
    { type: "start" },
    { type: "probe" },
    { type: "stop" },
  ]);
});

Deno.test("engines agree on calls", () => {
  assertEnginesAgree(call, [{ attemptMs: 20, deadlineMs: 50, attempts: 3 }], [
    { type: "request" },
    { type: "answer" },
    { type: "cancel" },
    { type: "unreachable", attempt: 0 },
    { type: "unreachable", attempt: 1 },
    { type: "stray" },
  ]);
});

Deno.test("engines agree on a node's life", () => {
  const steps = [...START_STEPS, ...STOP_STEPS];
  assertEnginesAgree(node, [{ completeMs: 50 }], [
    ...steps.map((step) => ({ type: "stepDone", step })),
    ...steps.map((step) => ({ type: "stepDone", step })),
    { type: "stepFailed", step: "connecting" },
    { type: "drain" },
  ]);
});

Deno.test("engines agree on supervision", () => {
  const input = { backoffMs: 5, maxBackoffMs: 20, maxRestarts: 3, provenMs: 40 };
  assertEnginesAgree(supervisionMachine, [input], [
    { type: "spawned" },
    { type: "exited" },
    { type: "hung" },
    { type: "hold" },
    { type: "resume" },
    { type: "retire" },
  ]);
});
