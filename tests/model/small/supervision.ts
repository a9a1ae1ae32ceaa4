/**
 * A supervised role in discrete time: its threads start, fail to start, end and hang when they like;
 * the operator holds, resumes and retires it.
 *
 * | promise                                                              |
 * | -------------------------------------------------------------------- |
 * | no thread is started beside one that may still act                   |
 * | who ended is started again after a pause, each twice the one before  |
 * | what has run for a while is forgiven                                 |
 * | after too many restarts in a row it is given up, and that is said once |
 * | a held role has no thread, and gets one when it is resumed           |
 * | a retired role ends, and that is said once                           |
 *
 * @module
 */
import { Lives } from "../../../runtime/checker/lives.ts";
import type { Emit, Model, Words } from "../../../runtime/checker/model.ts";
import { Recorder } from "../../../runtime/checker/record.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";
import { stepsOf, TimedLife } from "../timed.ts";

const THREAD = 0; // {@link Thread}
const WANT = 1; // {@link Want}
const RESTARTS = 2; // In a row.
const RAN = 3; // Ticks that the thread has run.
const PAUSE = 4; // Ticks since there was none.
const SAID = 5; // That it is over.
const MACHINE = 6;

const INPUT = { backoffMs: 1, maxBackoffMs: 3, maxRestarts: 3, provenMs: 2 };

/** The one thread that may act. */
const Thread = {
  NONE: 0,
  STARTING: 1,
  RUNS: 2,
  HANGS: 3,
  // Told to end: the spawner does not let it act beside a successor.
  DOOMED: 4,
  DOOMED_HANGS: 5,
  // Nobody hears it any more; it may end all the same.
  FENCED: 6,
} as const;
const THREADS = [
  "none",
  "starting",
  "runs",
  "hangs",
  "to start, then end",
  "to end",
  "hangs, to end",
];
const Want = { RUN: 0, HELD: 1, RETIRED: 2 } as const;
const Act = { TICK: 0, SPAWNED: 1, EXITED: 2, HANGS: 3, HUNG: 4, HOLD: 5, RESUME: 6, RETIRE: 7 };
const NAMES = ["tick", "spawned", "exited", "hangs", "hung", "hold", "resume", "retire"];
const DUE = 16;

/** The model of one supervised role. */
export function supervisionModel(machine: AnyStateMachine): Model {
  const recorder = new Recorder();
  const lives = new Lives(machine, INPUT, undefined, [
    { event: { type: "stray" }, expect: "rejected" },
  ]);
  const supervision = new TimedLife(lives, MACHINE, 1, { name: "supervision", recorder });
  const width = MACHINE + supervision.width;
  const expand = (state: Words, emit: Emit) => expandAll(supervision, state, emit);
  return {
    name: "lifecycle/supervision",
    width,
    bounds: { ...INPUT, symmetry: false },
    initial: () => {
      const state = new Uint16Array(width);
      const { effects } = supervision.begin(state);
      for (const { type } of effects) if (type === "spawn") state[THREAD] = Thread.STARTING;
      return [state];
    },
    expand,
    invariants: [
      {
        name: "a role that is to run has a thread, or gets one after its pause, or is given up",
        holds: (state) =>
          state[WANT] !== Want.RUN || state[THREAD] !== Thread.NONE || state[SAID] === 1 ||
          state[PAUSE]! <= pauseOf(state[RESTARTS]!),
      },
    ],
    possibilities: [{
      name: "a role that is retired ends",
      from: (state) => state[WANT] === Want.RETIRED ? state.slice() : undefined,
      goal: (state) => state[SAID] === 1,
    }],
    tell: (_, action) => {
      const type = action >= DUE ? lives.eventOf(action - DUE).type.split(".")[2]! : NAMES[action]!;
      const from = action >= Act.HOLD && action < DUE ? "operator" : "spawner";
      return { from, to: "supervision", type, text: `supervision: ${type}` };
    },
    steps: stepsOf(recorder, expand),
    actors: { supervision: { machine: machine.id, input: INPUT } },
    show: (state) => [{
      name: "supervision",
      state: `${supervision.describe(state)} (thread ${THREADS[state[THREAD]!]})`,
    }],
  };
}

function pauseOf(restarts: number): number {
  return Math.min(INPUT.maxBackoffMs, INPUT.backoffMs * 2 ** restarts);
}

function expandAll(life: TimedLife, state: Words, emit: Emit): void {
  const at = life.life(state);
  if (at === undefined) return;
  const fault = life.lives.fault(at);
  if (fault !== undefined) emit(Act.TICK, state, fault);
  const attempt = (action: number, event: number, change: (next: Words) => void) => {
    const next = state.slice();
    change(next);
    emit(action, next, step(life, state, next, event));
  };
  const event = (type: string) => life.lives.event({ type });
  const due = life.due(state);
  for (const timer of due) attempt(DUE + timer, timer, () => {});
  if (due.length === 0) emit(Act.TICK, ticked(life, state));
  const thread = state[THREAD]!;
  if (thread === Thread.STARTING) {
    attempt(Act.SPAWNED, event("spawned"), (next) => {
      next[THREAD] = Thread.RUNS;
      next[RAN] = 0;
    });
  }
  if (thread !== Thread.NONE) {
    attempt(Act.EXITED, event("exited"), (next) => next[THREAD] = Thread.NONE);
  }
  if (thread === Thread.RUNS || thread === Thread.DOOMED) {
    const next = state.slice();
    next[THREAD] = thread === Thread.RUNS ? Thread.HANGS : Thread.DOOMED_HANGS;
    emit(Act.HANGS, next);
  }
  const hangs = thread === Thread.HANGS || thread === Thread.DOOMED_HANGS;
  if (hangs) attempt(Act.HUNG, event("hung"), () => {});
  if (state[WANT] === Want.RUN) {
    attempt(Act.HOLD, event("hold"), (next) => next[WANT] = Want.HELD);
  } else if (state[WANT] === Want.HELD) {
    attempt(Act.RESUME, event("resume"), (next) => next[WANT] = Want.RUN);
  } else {
    // Whoever retires it need not know what others ask of it.
    for (const [action, type] of [[Act.HOLD, "hold"], [Act.RESUME, "resume"]] as const) {
      attempt(action, event(type), () => {});
    }
  }
  attempt(Act.RETIRE, event("retire"), (next) => next[WANT] = Want.RETIRED);
}

function ticked(life: TimedLife, state: Words): Words {
  const next = state.slice();
  life.tick(next);
  const runs = state[THREAD] === Thread.RUNS || state[THREAD] === Thread.HANGS;
  next[RAN] = runs ? Math.min(next[RAN]! + 1, INPUT.provenMs + 1) : 0;
  const none = state[THREAD] === Thread.NONE || state[THREAD] === Thread.FENCED;
  next[PAUSE] = none && state[WANT] === Want.RUN
    ? Math.min(next[PAUSE]! + 1, INPUT.maxBackoffMs + 1)
    : 0;
  return next;
}

/** Steps the chart and does what it names; the rule that is broken, if any. */
function step(life: TimedLife, before: Words, state: Words, event: number): string | undefined {
  const { type } = life.lives.eventOf(event);
  const { effects } = life.stepNumber(state, event);
  const does = (effect: string) => effects.filter((it) => it.type === effect).length;
  if (does("reject") > 0) return `a supervisor that hears ${type} knows what to do`;
  // The end of one that was fenced is no news.
  const dead = type === "exited" && before[THREAD] !== Thread.FENCED || type === "hung";
  const unwanted = before[WANT] !== Want.RUN;
  const held = before[WANT] === Want.HELD;
  let broken = ends(state, {
    type,
    dead,
    unwanted,
    held,
    gaveUp: does("giveUp"),
    retired: does("retired"),
  });
  const fences = type === "hung";
  if (does("fence") !== (fences ? 1 : 0)) broken ??= "a thread that hangs is fenced, and no other";
  if (fences) state[THREAD] = Thread.FENCED;
  if (does("terminate") > 0) doom(state);
  if (dead) state[PAUSE] = 0;
  if (does("spawn") > 0) broken ??= spawned(before, state, type);
  const unfit = state[WANT] === Want.HELD || type === "spawned" && unwanted;
  if (unfit && state[THREAD] === Thread.RUNS) broken ??= "a thread that nobody wants is ended";
  if (life.lives.done(life.life(state)!)) {
    life.end(state);
    if (state[SAID] === 0) broken ??= "nobody's supervision ends without a word";
    state[PAUSE] = state[RAN] = state[RESTARTS] = 0;
  }
  return broken;
}

interface End {
  readonly type: string;
  readonly dead: boolean;
  readonly unwanted: boolean;
  readonly held: boolean;
  readonly gaveUp: number;
  readonly retired: number;
}

/** Given up after too many restarts in a row, and only then; retired when asked to. */
function ends(
  state: Words,
  { type, dead, unwanted, held, gaveUp, retired }: End,
): string | undefined {
  // It ran for long enough: what was before does not count.
  if (type.includes("proven")) {
    if (state[RAN]! < INPUT.provenMs) return "only who ran for a while is forgiven";
    state[RESTARTS] = 0;
  } else if (state[RAN]! > INPUT.provenMs && dead && state[RESTARTS]! > 0 && !unwanted) {
    return "who ran for a while is forgiven";
  }
  const hopeless = dead && !unwanted && state[RESTARTS] === INPUT.maxRestarts;
  if (gaveUp !== (hopeless ? 1 : 0)) return "a role is given up after too many restarts in a row";
  if (gaveUp + retired > 0) state[SAID] = 1;
  if (type === "hung" && state[WANT] === Want.RETIRED && retired === 0) {
    return "the end of one that hangs is not waited for";
  }
  // A held one that still starts is ended by the host when it has.
  const late = state[THREAD] === Thread.STARTING && held;
  const acts = !late && state[THREAD] !== Thread.NONE && type !== "hung" &&
    state[THREAD] !== Thread.FENCED;
  if (retired > 0 && acts && !doomed(state)) return "who is said to have retired has ended";
  return retired > 0 && state[WANT] !== Want.RETIRED
    ? "only who is retired is said to have retired"
    : undefined;
}

/** Its spawner ends it, whenever that is. */
function doomed(state: Words): boolean {
  return state[THREAD] === Thread.DOOMED || state[THREAD] === Thread.DOOMED_HANGS;
}

function doom(state: Words): void {
  if (state[THREAD] === Thread.RUNS) state[THREAD] = Thread.DOOMED;
  if (state[THREAD] === Thread.HANGS) state[THREAD] = Thread.DOOMED_HANGS;
}

function spawned(before: Words, state: Words, type: string): string | undefined {
  // One that is to end may still be ending: its successor's spawner sees to that.
  // One that still starts is ended when it has, if another was asked for meanwhile.
  const beside = before[THREAD] === Thread.RUNS || before[THREAD] === Thread.HANGS;
  if (beside) return "no thread is started beside one that may still act";
  if (state[WANT] !== Want.RUN) return "no thread is started for a role that is not to run";
  const paused = before[PAUSE]! >= pauseOf(before[RESTARTS]!);
  state[THREAD] = Thread.STARTING;
  state[RAN] = state[PAUSE] = 0;
  if (type === "resume") return undefined;
  if (!paused) return "a restart waits for its pause";
  state[RESTARTS]!++;
  return undefined;
}
