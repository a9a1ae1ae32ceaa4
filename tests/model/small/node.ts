/**
 * A node's life: steps succeed, fail, or are answered when nobody waits for them any more; the
 * operator drains it at any time.
 *
 * @module
 */
import { START_STEPS, STOP_STEPS } from "../../../protocols/lifecycle/messages.ts";
import { Lives } from "../../../runtime/checker/lives.ts";
import type { Emit, Model, Words } from "../../../runtime/checker/model.ts";
import { Recorder } from "../../../runtime/checker/record.ts";
import { stepsOf } from "../timed.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";

const STEPS = [...START_STEPS, ...STOP_STEPS];
/** Where a node is: the number of its step, or beyond. */
const REFUSING = START_STEPS.length;
const COMPLETING = REFUSING + 1;
const SERVING = STEPS.length;
const STOPPED = SERVING + 1;
const FAILED_TO_START = STOPPED + 1;
const PLACES = [...STEPS, "serving", "stopped", "failedToStart"];

const LIFE = 0;
const ASKED = 1; // Bit i: step i is to be answered.
const PLACE = 2; // Where the node has to be.
const FAILED = 3; // Whether a start step failed.
const WIDTH = 4;
const Act = { DONE: 0, FAILED: 32, DRAIN: 64, TIMEOUT: 65 } as const;

/** The model of one node. */
export function nodeModel(machine: AnyStateMachine): Model {
  const lives = new Lives(machine, { completeMs: 1 }, undefined, [
    { event: { type: "stray" }, expect: "rejected" },
    { event: { type: "stepDone", step: "other" }, expect: "rejected" },
    { event: { type: "stepFailed", step: "other" }, expect: "rejected" },
  ]);
  const recorder = new Recorder();
  const [begun] = lives.first.effects;
  const begins = begun?.type === "perform" &&
    (begun.params as { step: string }).step === START_STEPS[0];
  return {
    name: "lifecycle/node",
    width: WIDTH,
    bounds: { symmetry: false },
    initial: () => [Uint16Array.of(lives.start, 1, 0, 0)],
    expand: (state, emit) => expand(lives, recorder, state, emit),
    invariants: [
      { name: "a node begins with its first step", holds: () => begins },
      {
        name: "a node is where its steps have led it",
        holds: (state) => lives.describe(state[LIFE]!) === PLACES[state[PLACE]!],
      },
      {
        name: "requests under way are waited for with a limit, and nothing else is",
        holds: (state) => {
          const limit = lives.timers(state[LIFE]!).some(({ name }) => name === "complete");
          return limit === (state[PLACE] === COMPLETING);
        },
      },
    ],
    tell: (_, action) => {
      const type = action === Act.DRAIN
        ? "drain"
        : action === Act.TIMEOUT
        ? "timeout of completing"
        : `${STEPS[action % 32]} ${action < 32 ? "done" : "failed"}`;
      return { from: action === Act.DRAIN ? "operator" : "host", to: "node", type, text: type };
    },
    steps: stepsOf(recorder, (state, emit) => expand(lives, recorder, state, emit)),
    actors: { node: { machine: machine.id, input: lives.input } },
    show: (state) => [{ name: "node", state: lives.describe(state[LIFE]!) }],
  };
}

function expand(lives: Lives, recorder: Recorder, state: Words, emit: Emit): void {
  const fault = lives.fault(state[LIFE]!);
  if (fault !== undefined) emit(Act.DRAIN, state, fault);
  if (lives.done(state[LIFE]!)) return;
  const attempt = (action: number, event: number, follow: (next: Words) => string[]) => {
    const next = state.slice();
    const owed = follow(next);
    const outcome = lives.step(state[LIFE]!, event);
    const { life, effects } = outcome;
    recorder.note("node", lives, false, state[LIFE]!, event, outcome);
    next[LIFE] = life;
    const said = effects.map(({ type, params }) => {
      const { step, problem } = (params ?? {}) as { step: string; problem?: string };
      return [type, step, problem].filter((it) => it !== undefined).join(" ");
    });
    const broken = said.join() === owed.join()
      ? undefined
      : `after ${PLACES[state[PLACE]!]} a node owes ${owed.join(" and ") || "nothing"}: it did ` +
        `${said.join(" and ") || "nothing"}`;
    emit(action, next, broken);
  };
  for (let step = 0; step < STEPS.length; step++) {
    if (!(state[ASKED]! >> step & 1)) continue;
    const name = STEPS[step]!;
    const done = lives.event({ type: "stepDone", step: name });
    attempt(Act.DONE + step, done, (next) => answered(next, step, true));
    const failed = lives.event({ type: "stepFailed", step: name });
    attempt(Act.FAILED + step, failed, (next) => answered(next, step, false));
  }
  attempt(Act.DRAIN, lives.event({ type: "drain" }), (next) => {
    const starting = next[PLACE]! < REFUSING || next[PLACE] === SERVING;
    return starting ? enter(next, REFUSING) : [];
  });
  for (const { event } of lives.timers(state[LIFE]!)) {
    attempt(Act.TIMEOUT, event, (next) => [
      "report completing timeout",
      ...enter(next, COMPLETING + 1),
    ]);
  }
}

/** What is owed when a step is answered; the state is moved to where that leads. */
function answered(state: Words, step: number, well: boolean): string[] {
  state[ASKED]! &= ~(1 << step);
  if (step !== state[PLACE]) return []; // Cut short by a drain or a time limit.
  const report = well ? [] : [`report ${STEPS[step]} failed`];
  if (step < REFUSING && !well) {
    state[FAILED] = 1;
    return [...report, ...enter(state, REFUSING)];
  }
  if (step === REFUSING - 1) return enter(state, SERVING);
  if (step === STEPS.length - 1) {
    return [...report, ...enter(state, state[FAILED] === 1 ? FAILED_TO_START : STOPPED)];
  }
  return [...report, ...enter(state, step + 1)];
}

function enter(state: Words, place: number): string[] {
  state[PLACE] = place;
  if (place >= STEPS.length) return [];
  state[ASKED]! |= 1 << place;
  return [`perform ${STEPS[place]}`];
}
