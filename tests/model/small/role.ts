/**
 * A role's life in its host: told to start, drain and stop at any moment and twice, while its own
 * work takes its time.
 *
 * | promise                                          | to whom                  |
 * | ------------------------------------------------ | ------------------------ |
 * | it recovers once, and before it serves           | whoever sends it work    |
 * | it takes no new work once it is told to drain    | the operator             |
 * | who asks it to drain is answered when all is done | the operator            |
 * | it lets go of what it holds once, and then ends  | its supervisor           |
 *
 * @module
 */
import { Lives } from "../../../runtime/checker/lives.ts";
import type { Emit, Model, Words } from "../../../runtime/checker/model.ts";
import { Recorder } from "../../../runtime/checker/record.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";
import { stepsOf } from "../timed.ts";

const LIFE = 0;
const FACTS = 1;
const WIDTH = 2;

/** What was done so far, and what is under way. */
const Fact = {
  RECOVERING: 1, // The host reads the store.
  RECOVERED: 2,
  SERVES: 4,
  DRAINING: 8, // The host finishes what was accepted.
  DRAINED: 16,
  STOPPING: 32, // The host lets go.
  ASKED_TO_START: 64,
  ASKED_TO_DRAIN: 128,
  ASKED_TO_STOP: 256,
  UNANSWERED: 512, // Somebody waits to hear that all is drained.
} as const;

const EVENTS = ["start", "drain", "stop", "recovered", "drained", "stopped", "failed"] as const;
/** What answers what the host has under way. */
const ANSWERS: Readonly<Record<string, number>> = {
  recovered: Fact.RECOVERING,
  drained: Fact.DRAINING,
  stopped: Fact.STOPPING,
};

/** The model of one role. */
export function roleModel(machine: AnyStateMachine): Model {
  const lives = new Lives(machine, undefined, undefined, [
    { event: { type: "stray" }, expect: "rejected" },
  ]);
  const recorder = new Recorder();
  const expand = (state: Words, emit: Emit) => expandRole(lives, recorder, state, emit);
  return {
    name: "lifecycle/role",
    width: WIDTH,
    bounds: { symmetry: false },
    initial: () => [Uint16Array.of(lives.start, 0)],
    expand,
    invariants: [],
    possibilities: [{
      name: "who is told to stop ends",
      from: (state) => state[FACTS]! & Fact.ASKED_TO_STOP ? state.slice() : undefined,
      goal: (state) => lives.done(state[LIFE]!),
    }],
    tell: (_, action) => {
      const type = EVENTS[action]!;
      return { from: action < 3 ? "operator" : "host", to: "role", type, text: `role: ${type}` };
    },
    steps: stepsOf(recorder, expand),
    actors: { role: { machine: machine.id, input: undefined } },
    show: (state) => [{ name: "role", state: lives.describe(state[LIFE]!) }],
  };
}

function expandRole(lives: Lives, recorder: Recorder, state: Words, emit: Emit): void {
  const fault = lives.fault(state[LIFE]!);
  if (fault !== undefined) emit(0, state, fault);
  if (lives.done(state[LIFE]!)) return;
  EVENTS.forEach((type, action) => {
    const facts = state[FACTS]!;
    const needs = ANSWERS[type] ?? 0;
    if (needs !== 0 && !(facts & needs)) return;
    // Its host fails whoever asks one to start that drains, stops, or serves already.
    const late = Fact.ASKED_TO_DRAIN | Fact.ASKED_TO_STOP;
    if (type === "start" && facts & late) return;
    // It looks whether the role drains still before it says that all is done.
    if (type === "drained" && facts & Fact.ASKED_TO_STOP) return;
    const next = state.slice();
    next[FACTS]! &= ~needs;
    const event = lives.event({ type });
    const outcome = lives.step(state[LIFE]!, event);
    recorder.note("role", lives, state[LIFE] === lives.start, state[LIFE]!, event, outcome);
    next[LIFE] = outcome.life;
    const effects = outcome.effects.map(({ type }) => type);
    const ended = lives.done(outcome.life);
    const at = ended ? lives.describe(outcome.life) : undefined;
    emit(action, next, perform(next, type, effects) ?? ends(type, at));
  });
}

function ends(type: string, ended: string | undefined): string | undefined {
  if (type === "stopped" || type === "failed") {
    return ended === type
      ? undefined
      : "a role that has let go, or failed, is over, and says which";
  }
  return ended !== undefined ? "a role ends by letting go of what it holds" : undefined;
}

/** Does what the machine names; the rule that is broken by it, or by what it does not name. */
function perform(state: Words, type: string, effects: readonly string[]): string | undefined {
  const before = state[FACTS]!;
  const has = (fact: number) => (before & fact) !== 0;
  const does = (effect: string) => effects.includes(effect);
  const asked = Fact.ASKED_TO_DRAIN | Fact.ASKED_TO_STOP;
  const set = (fact: number) => state[FACTS]! |= fact;
  if (does("reject")) return `a role that got ${type} knows what to do`;
  if (type === "start") set(Fact.ASKED_TO_START);
  if (type === "drain") set(Fact.ASKED_TO_DRAIN | Fact.UNANSWERED);
  if (type === "stop") set(Fact.ASKED_TO_STOP);
  if (does("recover") !== (type === "start" && !has(Fact.ASKED_TO_START))) {
    return "a role recovers once, when it is told to start";
  }
  if (does("recover")) set(Fact.RECOVERING);
  if (type === "recovered") set(Fact.RECOVERED);
  if (does("serve") !== (type === "recovered" && !has(asked))) {
    return "a role serves as soon as it has recovered, unless it is to end";
  }
  if (does("serve")) set(Fact.SERVES);
  const drains = type === "drain" && has(Fact.SERVES) && !has(asked);
  if (does("drain") !== drains) return "a role that serves drains when it is first told to";
  if (drains) set(Fact.DRAINING);
  const done = type === "drained";
  if (done) set(Fact.DRAINED);
  const answers = done || type === "drain" && has(Fact.DRAINED) && !has(Fact.ASKED_TO_STOP);
  if (does("answerDrain") !== answers) return "who asks to drain is answered when all is done";
  if (answers) state[FACTS]! &= ~Fact.UNANSWERED;
  // One that never served has nothing to drain: it goes.
  const idle = type === "drain" && !has(Fact.SERVES);
  const stops = (type === "stop" || idle) && !has(Fact.ASKED_TO_STOP) &&
    (has(Fact.SERVES) || !has(Fact.ASKED_TO_DRAIN));
  if (does("stop") !== stops) return "a role lets go of what it holds once, when told to end";
  if (stops) set(Fact.STOPPING | Fact.ASKED_TO_STOP);
  return undefined;
}
