/**
 * One suspected deadlock in discrete time: answers, decisions and the news that it is over come at
 * any time, twice, or never.
 *
 * @module
 */
import { Lives } from "../../../runtime/checker/lives.ts";
import type { Emit, Model, Words } from "../../../runtime/checker/model.ts";
import { Recorder } from "../../../runtime/checker/record.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";
import { stepsOf, TimedLife } from "../timed.ts";

const PHASE = 0; // Where it has to be, as an index of PHASES.
const ANSWERED = 1; // Bits of those who have reported, then of victims that are decided.
const SAID = 2; // How often the present message was said.
const SINCE = 3; // Ticks since it was said last.
const ELAPSED = 4; // Ticks since the suspicion.
const MACHINE = 5;

const PHASES = ["idle", "confirming", "aborting", "resolved", "phantom", "dropped"] as const;
const COUNT = 2; // Reporters, and victims.
const ALL = 2 ** COUNT - 1;
const INPUT = { resendMs: 2, attempts: 2 };
const Act = { TICK: 0, SUSPECT: 1, DISSOLVED: 2, WAITS: 4, FINISHED: 8, DUE: 16 } as const;

type Phase = typeof PHASES[number];

function probes() {
  const rejected = (state: Phase, event: { type: string; [field: string]: unknown }) =>
    ({ state, event, expect: "rejected" }) as const;
  const suspect = { type: "suspect", reporters: COUNT };
  const waits = (from: number) => ({ type: "waits", from, victims: COUNT });
  const finished = (from: number) => ({ type: "finished", from });
  return [
    { event: { type: "stray" }, expect: "rejected" } as const,
    ...[waits(0), finished(0), { type: "dissolved" }].map((event) => rejected("idle", event)),
    ...[suspect, waits(COUNT), waits(-1), finished(0)].map((event) =>
      rejected("confirming", event)
    ),
    ...[suspect, finished(COUNT), finished(-1)].map((event) => rejected("aborting", event)),
  ];
}

/** The model of one suspicion. */
export function deadlockModel(machine: AnyStateMachine): Model {
  const lives = new Lives(machine, INPUT, undefined, probes());
  const recorder = new Recorder();
  const life = new TimedLife(lives, MACHINE, 1, { name: "detector", recorder });
  const width = MACHINE + life.width;
  return {
    name: "deadlock/detector",
    width,
    bounds: { ...INPUT, reporters: COUNT, victims: COUNT, symmetry: false },
    initial: () => {
      const state = new Uint16Array(width);
      life.begin(state);
      return [state];
    },
    expand: (state, emit) => expand(life, state, emit),
    invariants: [
      {
        name: "nobody is aborted before everyone has confirmed the cycle",
        holds: (state) =>
          life.describe(state) !== "aborting" || PHASES[state[PHASE]!] === "aborting",
      },
      {
        name: "what is not answered is said again, and in the end dropped",
        holds: (state) =>
          state[SINCE]! <= INPUT.resendMs &&
          state[ELAPSED]! <= 2 * INPUT.attempts * INPUT.resendMs,
      },
    ],
    tell: (_, action) => {
      const type = action >= Act.DUE
        ? lives.eventOf(action - Act.DUE).type.split(".")[2]!
        : action >= Act.FINISHED
        ? `finished ${action - Act.FINISHED}`
        : action >= Act.WAITS
        ? `waits ${action - Act.WAITS}`
        : ["tick", "suspect", "dissolved"][action]!;
      return { from: "world", to: "detector", type, text: `detector: ${type}` };
    },
    steps: stepsOf(recorder, (state, emit) => expand(life, state, emit)),
    actors: { detector: { machine: machine.id, input: INPUT } },
    show: (state) => [{
      name: "detector",
      state: life.life(state) === undefined ? PHASES[state[PHASE]!]! : life.describe(state),
    }],
  };
}

function expand(life: TimedLife, state: Words, emit: Emit): void {
  const now = life.life(state);
  if (now === undefined) return;
  const fault = life.lives.fault(now);
  if (fault !== undefined) emit(Act.TICK, state, fault);
  const attempt = (action: number, event: number) => {
    const next = state.slice();
    emit(action, next, step(life, next, event));
  };
  const { lives } = life;
  if (PHASES[state[PHASE]!] === "idle") {
    return attempt(Act.SUSPECT, lives.event({ type: "suspect", reporters: COUNT }));
  }
  const due = life.due(state);
  for (const event of due) attempt(Act.DUE + event, event);
  if (due.length === 0) {
    const next = state.slice();
    life.tick(next);
    next[ELAPSED]!++;
    next[SINCE] = Math.min(next[SINCE]! + 1, INPUT.resendMs + 1);
    emit(Act.TICK, next, undefined);
  }
  attempt(Act.DISSOLVED, lives.event({ type: "dissolved" }));
  for (let from = 0; from < COUNT; from++) {
    attempt(Act.WAITS + from, lives.event({ type: "waits", from, victims: COUNT }));
    if (PHASES[state[PHASE]!] !== "aborting") continue;
    attempt(Act.FINISHED + from, lives.event({ type: "finished", from }));
  }
}

function missing(answered: number): number[] {
  return Array.from({ length: COUNT }, (_, i) => i).filter((i) => (answered >> i & 1) === 0);
}

/** Where an event has to lead, and what has to be said. */
function owed(
  state: Words,
  type: string,
  from: number,
): { next: Phase; answered: number; say: string } {
  const phase = PHASES[state[PHASE]!]!;
  const answered = state[ANSWERED]!;
  const heard = answered | 1 << from;
  const say = (message: "refresh" | "victim", done: number) => `${message} ${missing(done)}`;
  const concluded = (as: Phase) => ({ next: as, answered: 0, say: `conclude ${as}` });
  const stays = { next: phase, answered, say: "" };
  const message = phase === "confirming" ? "refresh" : "victim";
  if (type === "suspect") return { next: "confirming", answered: 0, say: say("refresh", 0) };
  if (type === "dissolved") return concluded(phase === "confirming" ? "phantom" : "resolved");
  if (type.includes("resend")) {
    return state[SAID]! < INPUT.attempts
      ? { ...stays, say: say(message, answered) }
      : concluded("dropped");
  }
  if (type === "waits" && phase === "confirming") {
    if (heard !== ALL) return { ...stays, answered: heard };
    return { next: "aborting", answered: 0, say: say("victim", 0) };
  }
  if (type === "finished") {
    return heard === ALL ? concluded("resolved") : { ...stays, answered: heard };
  }
  return stays;
}

function step(life: TimedLife, state: Words, event: number): string | undefined {
  const { type, from = 0 } = life.lives.eventOf(event) as { type: string; from?: number };
  const { next, answered, say } = owed(state, type, from);
  const outcome = life.stepNumber(state, event);
  const said = outcome.effects.map(({ type, params }) => {
    const { to, as } = params as { to?: number[]; as?: string };
    return `${type} ${as ?? String(to)}`;
  }).join(" and ");
  const at = life.describe(state);
  const ends = next !== "confirming" && next !== "aborting";
  if (say !== "") {
    state[SAID] = next === PHASES[state[PHASE]!] ? state[SAID]! + 1 : 1;
    state[SINCE] = 0;
  }
  state[PHASE] = PHASES.indexOf(next);
  state[ANSWERED] = answered;
  if (ends) {
    life.end(state);
    state[SAID] = state[SINCE] = state[ELAPSED] = 0; // Nothing is counted any more.
  }
  if (said === say && at === next && life.lives.done(outcome.life) === ends) return undefined;
  const name = type.split(".")[2] ?? type;
  return `on ${name} a suspicion owes ${say || "nothing"} and is then ${next}: it did ` +
    `${said || "nothing"} and was then ${at}`;
}
