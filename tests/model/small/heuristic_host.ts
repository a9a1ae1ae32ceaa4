/**
 * What is around one operator's decision: the disk, what crashes and recovery make of it, and what
 * has to come of every event.
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
import type { ModelEvent } from "../../../runtime/checker/lives.ts";
import type { Words } from "../../../runtime/checker/model.ts";
import type { TimedLife } from "../timed.ts";

const PHASE = 0; // Where it has to be, as an index of PHASES.
export const REAL = 1; // What the coordinator decides, as an index of DECISIONS.
export const HEARD = 2; // Whether the participant's own chart has heard it during the investigation.
export const WANTED = 3; // What the operator decides; 0 is nothing.
export const CONFIRMED = 4; // What the operator was told is done: a crash does not undo it.
export const COMPLETED = 5; // How often writes were applied, if any, and locks released.
export const REPORTED = 6; // How often this settling was reported.
export const WRITING = 7; // Bits of RECORDS that are not durable yet.
export const UNTOLD = 8; // Bits of RECORDS that are durable, but it was not told.
export const DECIDED = 9; // On disk: what was decided here.
export const SETTLED = 10; // On disk: what was heard at last.
const ASKED = 11; // Questions that count for the pause, up to `maxBackoff`.
export const SINCE = 12; // Ticks since the last question, or since there was something to ask.
export const CRASHES = 13;
export const MACHINE = 14;

/** In doubt is the participant's own chart; settled is that chart again. */
const PHASES = ["inDoubt", "investigating", "recording", "decided", "settling", "settled"] as const;
export const DECISIONS = ["none", "commit", "abort", "hazard"] as const;
export const RECORDS = ["heuristic", "settled"] as const;
export const PEER = 1;
export const INPUT = { inquireMs: 1, maxBackoff: 2 };
const ID = { log: "log", sequence: 1 };

type Phase = typeof PHASES[number];

export function phaseOf(state: Words): Phase {
  return PHASES[state[PHASE]!]!;
}

export function realOf(state: Words): Outcome {
  return DECISIONS[state[REAL]!] as Outcome;
}

/** Ticks until the next question. */
export function pauseOf(state: Words): number {
  return INPUT.inquireMs * 2 ** state[ASKED]!;
}

/** What was on its way is durable; the chart is told later. */
export function sync(state: Words): void {
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
export function crash(life: TimedLife, state: Words): void {
  end(life, state);
  if (state[DECIDED] === 0) state[COMPLETED] = 0;
  state[PHASE] = PHASES.indexOf(recovered(state).finished.length > 0 ? "settled" : "inDoubt");
  state[CRASHES]!++;
}

export function recover(life: TimedLife, state: Words): string | undefined {
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
export function step(life: TimedLife, state: Words, number: number): string | undefined {
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
