/**
 * One operator's decision at one participant, in discrete time, with its host around it: the real
 * decision, peers and late duplicates come at any time and again, records become durable turns later,
 * and a crash at any moment leaves what is on disk.
 *
 * @module
 */
import type { Outcome } from "../../../protocols/two_phase_commit/messages.ts";
import { Lives, type ModelEvent } from "../../../runtime/checker/lives.ts";
import type { Emit, Model, Words } from "../../../runtime/checker/model.ts";
import { Recorder } from "../../../runtime/checker/record.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";
import { stepsOf, TimedLife } from "../timed.ts";
import {
  COMPLETED,
  CONFIRMED,
  crash,
  CRASHES,
  DECIDED,
  DECISIONS,
  HEARD,
  INPUT,
  MACHINE,
  pauseOf,
  PEER,
  phaseOf,
  REAL,
  realOf,
  RECORDS,
  recover,
  REPORTED,
  SETTLED,
  SINCE,
  step,
  sync,
  UNTOLD,
  WANTED,
  WRITING,
} from "./heuristic_host.ts";

const MAX_CRASHES = 2;
/** What may be heard at any time, and again. */
const NOISE: readonly ModelEvent[] = [
  { type: "inquiry", from: PEER },
  { type: "uncertain" },
  { type: "prepare" },
  { type: "forget" },
];
const Act = { TICK: 0, CRASH: 1, SYNC: 2, REAL: 3, RECOVER: 4, EVENT: 8 } as const;
const ACTS = ["tick", "crash", "sync", "decision", "recover"] as const;

function probes() {
  const events: Readonly<Record<string, ModelEvent>> = {
    resolve: { type: "resolve", decision: "commit" },
    recovered: { type: "recovered", decision: "commit" },
    known: { type: "known" },
    unknown: { type: "unknown" },
    commit: { type: "commit" },
    inquiry: NOISE[0]!,
    heuristic: { type: "journaled", record: "heuristic" },
    settled: { type: "journaled", record: "settled" },
  };
  const host = ["resolve", "recovered", "known", "unknown"];
  const rejected = {
    idle: ["known", "unknown", "commit", "inquiry", "heuristic", "settled"],
    investigating: ["resolve", "recovered", "commit", "inquiry", "heuristic", "settled"],
    recording: [...host, "settled"],
    decided: [...host, "heuristic", "settled"],
    settling: [...host, "heuristic"],
  };
  return [
    { event: { type: "stray" }, expect: "rejected" } as const,
    ...Object.entries(rejected).flatMap(([state, names]) =>
      names.map((name) => ({ state, event: events[name]!, expect: "rejected" }) as const)
    ),
  ];
}

/** The model of one decision. */
export function heuristicModel(machine: AnyStateMachine): Model {
  const lives = new Lives(machine, INPUT, undefined, probes());
  const recorder = new Recorder();
  const life = new TimedLife(lives, MACHINE, 1, { name: "heuristic", recorder });
  const width = MACHINE + life.width;
  const begin = (real: Outcome, salvaged: boolean) => {
    const state = new Uint16Array(width);
    state[REAL] = DECISIONS.indexOf(real);
    if (salvaged) {
      // A salvaged log: what was lost from it may have been applied, and is not applied again.
      state[DECIDED] = DECISIONS.indexOf("hazard");
      state[COMPLETED] = 1;
    }
    return state;
  };
  const expandAll = (state: Words, emit: Emit) => expand(life, state, emit);
  return {
    name: "two_phase_commit/heuristic",
    width,
    bounds: { ...INPUT, crashes: MAX_CRASHES, symmetry: false },
    initial: () =>
      (["commit", "abort"] as const).flatMap((real) => [begin(real, false), begin(real, true)]),
    expand: expandAll,
    invariants: INVARIANTS,
    possibilities: [{
      name: "what was decided here is settled in the end",
      from: (state) => {
        if (!["recording", "decided", "settling"].includes(phaseOf(state))) return undefined;
        const after = state.slice();
        after[CRASHES] = MAX_CRASHES;
        return after;
      },
      goal: (state) => phaseOf(state) === "settled",
    }],
    tell: (_, action) => {
      const event = action >= Act.EVENT ? lives.eventOf(action - Act.EVENT) : undefined;
      const type = event === undefined
        ? ACTS[action]!
        : event.type.startsWith("xstate")
        ? event.type.split(".")[2]!
        : Object.values(event).join(" ");
      return { from: "world", to: "heuristic", type, text: `heuristic: ${type}` };
    },
    steps: stepsOf(recorder, expandAll),
    actors: { heuristic: { machine: machine.id, input: INPUT } },
    show: (state) => [{
      name: "heuristic",
      state: life.life(state) === undefined ? phaseOf(state) : life.describe(state),
      disk: `${DECISIONS[state[DECIDED]!]} here, ${DECISIONS[state[SETTLED]!]} there`,
    }],
  };
}

const INVARIANTS: Model["invariants"] = [
  {
    name: "what the operator was told is durable, and no crash changes it",
    holds: (state) => state[CONFIRMED] === 0 || state[CONFIRMED] === state[DECIDED],
  },
  {
    name: "writes are applied and locks released once, and with the record",
    holds: (state) => state[COMPLETED]! <= 1 && (state[DECIDED] === 0 || state[COMPLETED] === 1),
  },
  {
    name: "a settling is reported once",
    holds: (state) => state[REPORTED] === (phaseOf(state) === "settling" ? 1 : 0),
  },
  {
    name: "the real decision is asked for until it is heard",
    holds: (state) => state[SINCE]! <= pauseOf(state),
  },
];

function expand(life: TimedLife, state: Words, emit: Emit): void {
  const { lives } = life;
  const now = life.life(state);
  const fault = now === undefined ? undefined : lives.fault(now);
  if (fault !== undefined) emit(Act.TICK, state, fault);
  const act = (action: number, change: (next: Words) => string | undefined | void) => {
    const next = state.slice();
    const broken = change(next) ?? undefined;
    emit(action, next, broken);
  };
  const hears = (event: ModelEvent, change: (next: Words) => void = () => {}) => {
    const number = lives.event(event);
    act(Act.EVENT + number, (next) => {
      change(next);
      return step(life, next, number);
    });
  };
  const phase = phaseOf(state);
  if (phase === "settled") return;
  if (state[CRASHES]! < MAX_CRASHES && now !== undefined) {
    act(Act.CRASH, (next) => crash(life, next));
  }
  if (now === undefined) {
    if (state[DECIDED] !== 0) return act(Act.RECOVER, (next) => recover(life, next));
    for (const decision of ["commit", "abort"] as const) {
      hears({ type: "resolve", decision }, (next) => {
        next[WANTED] = DECISIONS.indexOf(decision);
        life.begin(next);
      });
    }
    return;
  }
  const due = life.due(state);
  for (const event of due) act(Act.EVENT + event, (next) => step(life, next, event));
  if (phase === "investigating") {
    // The participant's own chart is in charge: it hears the decision, and the host knows.
    act(Act.REAL, (next) => {
      next[HEARD] = 1;
    });
    hears({ type: "known" });
    if (state[HEARD] === 0) hears({ type: "unknown" });
    return;
  }
  if (phase === "decided" && due.length === 0) {
    act(Act.TICK, (next) => {
      life.tick(next);
      next[SINCE] = Math.min(next[SINCE]! + 1, pauseOf(next) + 1);
    });
  }
  if (state[WRITING] !== 0) act(Act.SYNC, sync);
  RECORDS.forEach((record, i) => {
    if ((state[UNTOLD]! >> i & 1) === 0) return;
    hears({ type: "journaled", record }, (next) => next[UNTOLD]! &= ~(1 << i));
  });
  hears({ type: realOf(state) });
  for (const event of NOISE) hears(event);
}
