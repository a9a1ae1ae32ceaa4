/**
 * One operator's decision at one participant, in discrete time, with its host around it: the real
 * decision, peers and late duplicates come at any time and again, records become durable turns later,
 * and a crash at any moment leaves what is on disk.
 *
 * @module
 */
import type {
  HeuristicOutcome,
  Outcome,
  ParticipantRecord,
  PreparedRecord,
} from "../../../protocols/two_phase_commit/messages.ts";
import { recoverParticipant } from "../../../protocols/two_phase_commit/recovery.ts";
import type { Effect } from "../../../runtime/engine.ts";
import { Lives, type ModelEvent } from "../../../runtime/checker/lives.ts";
import type { Emit, Model, Words } from "../../../runtime/checker/model.ts";
import { Recorder } from "../../../runtime/checker/record.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";
import { stepsOf, TimedLife } from "../timed.ts";

const PHASE = 0; // Where it has to be, as an index of PHASES.
const REAL = 1; // What the coordinator decides, as an index of DECISIONS.
const HEARD = 2; // Whether the participant's own chart has heard it during the investigation.
const WANTED = 3; // What the operator decides; 0 is nothing.
const CONFIRMED = 4; // What the operator was told is done: a crash does not undo it.
const COMPLETED = 5; // How often writes were applied, if any, and locks released.
const REPORTED = 6; // How often this settling was reported.
const WRITING = 7; // Bits of RECORDS that are not durable yet.
const UNTOLD = 8; // Bits of RECORDS that are durable, but it was not told.
const DECIDED = 9; // On disk: what was decided here.
const SETTLED = 10; // On disk: what was heard at last.
const ASKED = 11; // Questions that count for the pause, up to `maxBackoff`.
const SINCE = 12; // Ticks since the last question, or since there was something to ask.
const CRASHES = 13;
const MACHINE = 14;

/** In doubt is the participant's own chart; settled is that chart again. */
const PHASES = ["inDoubt", "investigating", "recording", "decided", "settling", "settled"] as const;
const DECISIONS = ["none", "commit", "abort", "hazard"] as const;
const RECORDS = ["heuristic", "settled"] as const;
const PEER = 1;
const MAX_CRASHES = 2;
const INPUT = { inquireMs: 1, maxBackoff: 2 };
/** What may be heard at any time, and again. */
const NOISE: readonly ModelEvent[] = [
  { type: "inquiry", from: PEER },
  { type: "uncertain" },
  { type: "prepare" },
  { type: "forget" },
];
const Act = { TICK: 0, CRASH: 1, SYNC: 2, REAL: 3, RECOVER: 4, EVENT: 8 } as const;
const ACTS = ["tick", "crash", "sync", "decision", "recover"] as const;
const ID = { log: "log", sequence: 1 };

type Phase = typeof PHASES[number];

function phaseOf(state: Words): Phase {
  return PHASES[state[PHASE]!]!;
}

function realOf(state: Words): Outcome {
  return DECISIONS[state[REAL]!] as Outcome;
}

function pauseOf(state: Words): number {
  return INPUT.inquireMs * 2 ** state[ASKED]!;
}

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

function sync(state: Words): void {
  if ((state[WRITING]! & 1) !== 0) state[DECIDED] = state[WANTED]!;
  if ((state[WRITING]! & 2) !== 0) state[SETTLED] = state[REAL]!;
  state[UNTOLD]! |= state[WRITING]!;
  state[WRITING] = 0;
}

/** What recovery makes of the disk. */
function recovered(state: Words): ReturnType<typeof recoverParticipant> {
  const prepared: PreparedRecord = {
    ...{ kind: "prepared", id: ID, coordinator: "c", peers: ["here", "peer"], you: 0, epoch: 0 },
    ...{ effect: undefined, entries: [], holders: [] },
  };
  const records: ParticipantRecord[] = [prepared];
  const decision = DECISIONS[state[DECIDED]!] as HeuristicOutcome | "none";
  if (decision !== "none") {
    records.push({ kind: "heuristic", id: ID, decision, operator: "o", reason: "r", at: 0 });
  }
  if (state[SETTLED] !== 0) {
    records.push({ kind: realOf(state) === "commit" ? "committed" : "aborted", id: ID });
  }
  return recoverParticipant(records);
}

/** Rows and record are one write: what is not durable was not applied. */
function crash(life: TimedLife, state: Words): void {
  end(life, state);
  if (state[DECIDED] === 0) state[COMPLETED] = 0;
  state[PHASE] = PHASES.indexOf(recovered(state).finished.length > 0 ? "settled" : "inDoubt");
  state[CRASHES]!++;
}

function recover(life: TimedLife, state: Words): string | undefined {
  const { decision } = recovered(state).heuristics[0]!.heuristic;
  state[WANTED] = state[DECIDED]!;
  life.begin(state);
  return step(life, state, life.lives.event({ type: "recovered", decision }));
}

/** Its life is over; nothing is counted any more. */
function end(life: TimedLife, state: Words): void {
  life.end(state);
  for (const word of [HEARD, WANTED, REPORTED, WRITING, UNTOLD, ASKED, SINCE]) state[word] = 0;
}

interface Owed {
  readonly next: Phase;
  readonly does: readonly string[];
}

function verdictOf(state: Words): string {
  if (DECISIONS[state[WANTED]!] === "hazard") return "hazard";
  return state[WANTED] === state[REAL] ? "agreed" : "mixed";
}

/** What has to come of an event. */
function owed(state: Words, { type, record }: ModelEvent): Owed {
  const phase = phaseOf(state);
  const real = realOf(state);
  if (type === "resolve") return { next: "investigating", does: ["investigate"] };
  if (type === "recovered") return { next: "decided", does: ["inquire"] };
  if (type === "known") {
    // Its own chart has settled it, or will.
    return { next: state[HEARD] === 1 ? "settled" : "inDoubt", does: ["refuse"] };
  }
  if (type === "unknown") {
    const does = [`complete ${DECISIONS[state[WANTED]!]}`, "journal heuristic"];
    return { next: "recording", does };
  }
  if (type === "journaled") {
    return record === "heuristic"
      ? { next: "decided", does: ["confirm"] }
      : { next: "settled", does: [`handOver ${real}`] };
  }
  if (type === real && phase === "decided") {
    return { next: "settling", does: [`journal ${real}`, `report ${verdictOf(state)} ${real}`] };
  }
  if (type === "inquiry") return { next: phase, does: [`sendUncertain ${PEER}`] };
  return { next: phase, does: type.includes("inquire") ? ["inquire"] : [] };
}

/** The pause after a question is over, and no sooner; the next one is longer. */
function paused(state: Words, { type }: ModelEvent): string | undefined {
  if (!type.includes("inquire")) return undefined;
  const early = state[SINCE]! < pauseOf(state);
  state[SINCE] = 0;
  state[ASKED] = Math.min(state[ASKED]! + 1, INPUT.maxBackoff);
  return early ? "the real decision is asked for less and less often" : undefined;
}

/** Does what the chart names; the promise that this breaks, if any. */
function perform(state: Words, { type, params }: Effect): string | undefined {
  const { record, verdict } = (params ?? {}) as { record?: string; verdict?: string };
  const durable = state[DECIDED] !== 0;
  if (type === "complete") state[COMPLETED]!++;
  if (type === "journal") {
    state[WRITING]! |= record === "heuristic" ? 1 : 2;
    if (record !== "heuristic" && !durable) return "nothing is settled before it is durable";
  }
  if (type === "confirm") {
    state[CONFIRMED] = state[WANTED]!;
    if (!durable) return "nothing is confirmed before it is durable";
  }
  if (type === "report") {
    state[REPORTED]!++;
    if (verdict !== verdictOf(state)) return "a decision is judged by the real one";
  }
  if (type === "handOver" && state[SETTLED] === 0) {
    return "a transaction is handed over when its real outcome is durable, and no sooner";
  }
  return undefined;
}

/** Steps the chart and does what it names; the rule that is broken, if any. */
function step(life: TimedLife, state: Words, number: number): string | undefined {
  const event = life.lives.eventOf(number);
  const { next, does } = owed(state, event);
  const outcome = life.stepNumber(state, number);
  const said = outcome.effects.map(({ type, params }) =>
    [type, ...Object.values(params ?? {})].join(" ")
  );
  const broken = outcome.effects.map((effect) => perform(state, effect)).find(Boolean) ??
    paused(state, event);
  const done = life.lives.done(outcome.life);
  state[PHASE] = PHASES.indexOf(next);
  if (next !== "decided") state[ASKED] = state[SINCE] = 0;
  if (done) end(life, state);
  if (broken !== undefined) return broken;
  const ends = next === "settled" || next === "inDoubt";
  if (said.join() === does.join() && done === ends) return undefined;
  const name = event.type.split(".")[2] ?? event.type;
  return `on ${name} a decision owes ${
    does.join(" and ") || "nothing"
  } and is then ${next}: it did ` +
    `${said.join(" and ") || "nothing"}`;
}
