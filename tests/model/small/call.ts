/**
 * One remote call in discrete time: answers, reports of unreachable targets and the client's change
 * of mind come at any time.
 *
 * @module
 */
import { Lives } from "../../../runtime/checker/lives.ts";
import type { Emit, Model, Words } from "../../../runtime/checker/model.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";
import { Recorder } from "../../../runtime/checker/record.ts";
import { stepsOf, TimedLife } from "../timed.ts";

const SENT = 0; // Requests sent.
const ELAPSED = 1; // Ticks since the request.
const SINCE = 2; // Ticks since the last request was sent.
const ENDED = 3; // How it ended.
const MACHINE = 4;

const INPUT = { attemptMs: 2, deadlineMs: 5, attempts: 3 };
const ENDS = ["", "answered", "expired", "cancelled"] as const;
const Act = { TICK: 0, REQUEST: 1, ANSWER: 2, CANCEL: 3, UNREACHABLE: 8, DUE: 16 } as const;

/** The model of one call. */
export function callModel(machine: AnyStateMachine): Model {
  const lives = new Lives(machine, INPUT, undefined, [
    { event: { type: "stray" }, expect: "rejected" },
    { event: { type: "unreachable", attempt: INPUT.attempts }, expect: "rejected" },
    { event: { type: "unreachable", attempt: -1 }, expect: "rejected" },
  ]);
  const recorder = new Recorder();
  const call = new TimedLife(lives, MACHINE, 2, { name: "call", recorder });
  const width = MACHINE + call.width;
  return {
    name: "rpc/call",
    width,
    bounds: { ...INPUT, symmetry: false },
    initial: () => {
      const state = new Uint16Array(width);
      call.begin(state);
      return [state];
    },
    expand: (state, emit) => expand(call, state, emit),
    invariants: [
      {
        name: "a call that is not answered expires at its deadline",
        holds: (state) => state[ELAPSED]! <= INPUT.deadlineMs,
      },
      {
        name: "an attempt that is not answered in time is followed by the next",
        holds: (state) => state[SENT]! >= INPUT.attempts || state[SINCE]! <= INPUT.attemptMs,
      },
    ],
    tell: (_, action) => {
      const type = action >= Act.DUE
        ? lives.eventOf(action - Act.DUE).type.split(".")[2]!
        : action >= Act.UNREACHABLE
        ? `unreachable ${action - Act.UNREACHABLE}`
        : ["tick", "request", "answer", "cancel"][action]!;
      return { from: "world", to: "call", type, text: `call: ${type}` };
    },
    steps: stepsOf(recorder, (state, emit) => expand(call, state, emit)),
    actors: { call: { machine: machine.id, input: INPUT } },
    show: (state) => [{
      name: "call",
      state: call.life(state) === undefined ? ENDS[state[ENDED]!]! : call.describe(state),
    }],
  };
}

function expand(call: TimedLife, state: Words, emit: Emit): void {
  const life = call.life(state);
  if (life === undefined) return;
  const fault = call.lives.fault(life);
  if (fault !== undefined) emit(Act.TICK, state, fault);
  const attempt = (action: number, change: (next: Words) => string | undefined | void) => {
    const next = state.slice();
    emit(action, next, change(next) ?? undefined);
  };
  if (state[SENT] === 0) {
    attempt(Act.REQUEST, (next) => step(call, next, call.lives.event({ type: "request" })));
    return;
  }
  const due = call.due(state);
  for (const event of due) attempt(Act.DUE + event, (next) => step(call, next, event));
  if (due.length === 0) {
    attempt(Act.TICK, (next) => {
      call.tick(next);
      next[ELAPSED]!++;
      next[SINCE] = Math.min(next[SINCE]! + 1, INPUT.attemptMs + 1);
    });
  }
  attempt(Act.ANSWER, (next) => step(call, next, call.lives.event({ type: "answer" })));
  attempt(Act.CANCEL, (next) => step(call, next, call.lives.event({ type: "cancel" })));
  for (let sent = 0; sent < state[SENT]!; sent++) {
    const event = call.lives.event({ type: "unreachable", attempt: sent });
    attempt(Act.UNREACHABLE + sent, (next) => step(call, next, event));
  }
}

/** What must come of an event: the effects in order, and how the call ends if it does. */
function owed(state: Words, type: string, attempt: unknown): [string[], string] {
  const send = state[SENT]! < INPUT.attempts ? [`send ${state[SENT]}`] : [];
  if (type === "answer") return [["resolve"], "answered"];
  if (type === "cancel") return [[], "cancelled"];
  if (type.includes("deadline")) return [["expire"], "expired"];
  if (type === "unreachable") return [attempt === state[SENT]! - 1 ? send : [], ""];
  return [send, ""]; // The request, or an attempt that was given up.
}

function step(call: TimedLife, state: Words, event: number): string | undefined {
  const { type, attempt } = call.lives.eventOf(event);
  const [effects, end] = owed(state, type, attempt);
  const outcome = call.stepNumber(state, event);
  const said = outcome.effects.map(({ type, params }) =>
    type === "send" ? `send ${(params as { attempt: number }).attempt}` : type
  );
  for (const text of said) {
    if (!text.startsWith("send")) continue;
    state[SENT]!++;
    state[SINCE] = 0;
  }
  const at = call.describe(state);
  const ended = call.lives.done(outcome.life) ? at : "";
  if (ended !== "") {
    call.end(state);
    state[ENDED] = ENDS.indexOf(ended as (typeof ENDS)[number]);
    // Nothing is counted any more.
    state[ELAPSED] = state[SINCE] = 0;
  }
  if (said.join() === effects.join() && ended === end) return undefined;
  const [owes, ends] = [effects.join(" and ") || "nothing", end || "goes on"];
  return `on ${type.split(".")[2] ?? type} a call owes ${owes} and then ${ends}: it did ` +
    `${said.join(" and ") || "nothing"} and then ${ended || "went on"}`;
}
