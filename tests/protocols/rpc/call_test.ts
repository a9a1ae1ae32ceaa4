import { call, type CallEvent } from "../../../protocols/rpc/call.ts";
import { effect, everyPair, type Row, rows, timer } from "../rows.ts";

const input = { attemptMs: 10, deadlineMs: 100, attempts: 2 };
const request: CallEvent = { type: "request" };
const answer: CallEvent = { type: "answer" };
const cancel: CallEvent = { type: "cancel" };
const unreachable = (attempt: number): CallEvent => ({ type: "unreachable", attempt });
const attempt = timer<CallEvent>(call, "attempt", "waiting.attempting");
const deadline = timer<CallEvent>(call, "deadline", "waiting");
const attempting = [request];
const exhausted = [request, attempt, attempt];
const send = (attempt: number) => effect("send", { attempt });

const table: Row<CallEvent>[] = [
  {
    description: "a request goes out under two timers",
    from: [],
    event: request,
    state: { waiting: "attempting" },
    effects: ["after 100", send(0), "after 10"],
  },
  {
    description: "an unanswered attempt is followed by the next, under the same deadline",
    from: attempting,
    event: attempt,
    state: { waiting: "attempting" },
    effects: ["cancel", send(1), "after 10"],
  },
  {
    description: "an undeliverable attempt is followed by the next at once",
    from: attempting,
    event: unreachable(0),
    state: { waiting: "attempting" },
    effects: ["cancel", send(1), "after 10"],
  },
  {
    description: "a late report about an earlier attempt does not use up another",
    from: [request, attempt],
    event: unreachable(0),
    state: { waiting: "attempting" },
    effects: [],
  },
  {
    description: "when the last is undeliverable an earlier one may yet be answered",
    from: [request, attempt],
    event: unreachable(1),
    state: { waiting: "attempting" },
    effects: [],
  },
  {
    description: "a report about an attempt never made is rejected",
    from: attempting,
    event: unreachable(1),
    state: { waiting: "attempting" },
    effects: [effect("reject")],
  },
  {
    description: "after the last attempt it only waits",
    from: [request, attempt],
    event: attempt,
    state: { waiting: "exhausted" },
    effects: ["cancel"],
  },
  {
    description: "a late report finds nothing to try",
    from: exhausted,
    event: unreachable(1),
    state: { waiting: "exhausted" },
    effects: [],
  },
  ...([["attempting", attempting, ["cancel", "cancel"]], ["exhausted", exhausted, [
    "cancel",
  ]]] as const).flatMap(([state, from, cancels]) => [
    {
      description: `an answer resolves the call (${state})`,
      from,
      event: answer,
      state: "answered",
      effects: [...cancels, effect("resolve")],
    },
    {
      description: `the deadline expires the call (${state})`,
      from,
      event: deadline,
      state: "expired",
      effects: [...cancels, effect("expire")],
    },
    {
      description: `a cancelled call tells nobody (${state})`,
      from,
      event: cancel,
      state: "cancelled",
      effects: [...cancels],
    },
  ]),
];
rows(call, input, table);
everyPair(
  call,
  input,
  {
    idle: [],
    attempting,
    exhausted,
    answered: [request, answer],
    expired: [request, deadline],
    cancelled: [request, cancel],
  },
  [request, answer, unreachable(0), cancel],
  table,
);
