/**
 * What a participant owes in one step, whatever else happens: Skeen 1981, sections 4 and 5, and
 * Bernstein, Hadzilacos, Goodman 1987, section 7.5. The rules speak of what others can see (what was
 * asked, said, written and locked) and of who leads; they know no state of the machine.
 *
 * @module
 */
import type { Lives, ModelEvent, Outcome } from "../../../runtime/checker/lives.ts";
import { Disk, Lock } from "./world.ts";

/** What is known of a participant before a step, without a look at its machine. */
export interface Known {
  readonly index: number;
  readonly participants: number;
  /** Bits of {@link Disk}: records that are durable or on their way. */
  readonly written: number;
  readonly durable: number;
  readonly lock: number;
  /** Whoever leads as far as it was told or has waited: -1 the coordinator. */
  readonly follows: number;
  /** If it leads: a bit for each other that has reported, or is waited for no longer. */
  readonly heard: number;
  /** If it leads: it has told the uncertain ones that all voted yes. */
  readonly spreads: boolean;
  /** If it leads: one has reported to be pre-committed. */
  readonly knows: boolean;
  /** It had voted, has crashed, and is back. */
  readonly returned: boolean;
  /** The record on its way says no, and not that another has aborted. */
  readonly refuses: boolean;
  /** The operations are impossible, now and later. */
  readonly forGood: boolean;
  /** The watermark has passed the transaction. */
  readonly below: boolean;
}

/** A message as it is said. */
export interface Said {
  readonly message: string;
  readonly to: readonly number[];
  readonly outcome?: string;
  readonly state?: string;
  readonly retryable?: boolean;
}

interface Step {
  readonly event: ModelEvent & { readonly from?: number };
  readonly said: readonly Said[];
  readonly set: readonly string[];
  readonly does: (effect: string) => boolean;
  readonly writes: (record: string) => boolean;
  /** Whether it says that to exactly these, -1 being the coordinator. */
  readonly tells: (to: readonly number[], ...said: readonly string[]) => boolean;
}

type Owes = (known: Known, step: Step) => string | undefined;

const COORDINATOR = -1;
const OUTCOME = Disk.COMMITTED | Disk.ABORTED;

function others({ index, participants }: Known): number[] {
  return Array.from({ length: participants }, (_, it) => it).filter((it) => it !== index);
}

/** The bits of all others but these. */
export function allExcept(known: Known, these: readonly number[]): number {
  return others(known).reduce((bits, it, at) => these.includes(it) ? bits : bits | 1 << at, 0);
}

/** Who has reported, with what this event says. */
export function heardWith(known: Known, { type, from, state }: Step["event"]): number {
  const place = others(known).indexOf(from ?? COORDINATOR);
  if (known.spreads && state !== "preCommitted") return known.heard; // Said before it was told.
  return type === "stateReport" && place >= 0 ? known.heard | 1 << place : known.heard;
}

/** Whether somebody is known to be pre-committed, with what this event says. */
export function knowsWith(known: Known, { type, state }: ModelEvent): boolean {
  return known.knows || type === "stateReport" && state === "preCommitted";
}

/** What it is in as long as nothing is decided. */
function undecided({ durable }: Known): "preCommitted" | "uncertain" | undefined {
  if (durable & OUTCOME) return undefined;
  if (durable & Disk.PRE_COMMITTED) return "preCommitted";
  return durable & Disk.PREPARED ? "uncertain" : undefined;
}

/** It has voted, leads not, has not been away, and nothing is on its way to the disk. */
function waits(known: Known): boolean {
  const { durable, written, returned, index, follows } = known;
  return undecided(known) !== undefined && durable === written && !returned && follows !== index;
}

/** To the coordinator a report of what all knew is an acknowledgement, or nothing. */
function reports(state: string, to: number, { tells, said }: Step): boolean {
  if (to >= 0) return tells([to], "stateReport", state);
  if (state === "preCommitted") return tells([COORDINATOR], "preCommitAck");
  return said.every(({ message, to }) => message !== "stateReport" || to.length === 0);
}

/** What is said of an outcome to one who asks. */
function answers(outcome: string, to: number, { tells }: Step): boolean {
  return to < 0 ? tells([to], "ack", outcome) : tells([to], outcome);
}

const QUESTIONS: ReadonlySet<string> = new Set(["stateRequest", "inquiry", "preCommit"]);

const ASKS: ReadonlySet<string> = new Set(["stateRequest", "preCommit"]);

const RULES: readonly Owes[] = [
  (_, { does, writes }) =>
    does("apply") === writes("committed")
      ? undefined
      : "what is committed is applied, and nothing else is",

  ({ written, below }, { event: { type }, writes }) =>
    (type === "stateRequest" || type === "inquiry") && written === 0 && !below && !writes("aborted")
      ? "who is asked before it has voted refuses, durably"
      : undefined,

  ({ durable, below }, step) => {
    const { type, from = COORDINATOR } = step.event;
    if (below) return undefined; // Nobody has to ask any more.
    for (const [bit, outcome] of [[Disk.COMMITTED, "commit"], [Disk.ABORTED, "abort"]] as const) {
      if (!(durable & bit) || !QUESTIONS.has(type) && type !== outcome) continue;
      if (!answers(outcome, from, step)) return "who has decided says so to whoever asks";
    }
    return undefined;
  },

  (known, { event: { type }, does, tells }) => {
    if (type !== "prepare") return undefined;
    const { durable, written, forGood } = known;
    if (written === 0 && known.lock === Lock.NONE && !does("acquire")) {
      return "who is asked for its vote asks for its locks";
    }
    if (durable & Disk.ABORTED && !tells([COORDINATOR], "voteNo", String(!forGood))) {
      return "a prepare after an abort gets a no";
    }
    return waits(known) && undecided(known) === "uncertain" && !tells([COORDINATOR], "voteYes")
      ? "who is asked for its vote again repeats it"
      : undefined;
  },

  ({ written, lock }, { event: { type }, writes }) =>
    written === 0 && (type.includes("lockTimeout") || lock !== Lock.ASKED && type === "refused") &&
      !writes("aborted")
      ? "without its locks it refuses"
      : undefined,
  ({ lock, written }, { does, writes }) =>
    lock === Lock.ASKED && written === 0 && writes("aborted") && !does("withdraw")
      ? "who wants its locks no longer withdraws"
      : undefined,

  (known, { event: { type, sameStore }, tells, writes }) => {
    const { written, durable, lock } = known;
    if (type === "commit" && undecided(known) !== undefined && !(written & OUTCOME)) {
      return writes("committed") ? undefined : "who is told of the commit writes it down";
    }
    if (type === "abort" && !(written & OUTCOME) && (written > 0 || lock !== Lock.NONE)) {
      return writes("aborted") ? undefined : "who is told of the abort writes it down";
    }
    const settled = durable & Disk.BELOW && written === 0 || written === 0 && lock === Lock.NONE;
    if (!settled || type !== "commit" && type !== "abort") return undefined;
    if (sameStore) {
      return tells([COORDINATOR], "ack", type) && !writes("aborted")
        ? undefined
        : "what is settled and forgotten is acknowledged";
    }
    return type === "commit" || writes("aborted") ? undefined : "an abort comes before its prepare";
  },

  (known, step) => {
    const { event: { type, record }, tells } = step;
    if (type !== "journaled") return undefined;
    const { written, follows, index, refuses, forGood } = known;
    if (record === "prepared" && !(written & OUTCOME)) {
      return tells([COORDINATOR], "voteYes") && reports("uncertain", follows, step)
        ? undefined
        : "a durable promise is told at once, and to whoever leads";
    }
    if (record === "preCommitted" && !(written & OUTCOME) && follows !== index) {
      return reports(record, follows, step)
        ? undefined
        : "who is pre-committed tells whoever leads at once";
    }
    if (record !== "committed" && record !== "aborted") return undefined;
    const outcome = record === "committed" ? "commit" : "abort";
    if (refuses) {
      return tells([COORDINATOR], "voteNo", String(!forGood)) &&
          (follows < 0 || tells([follows], "abort"))
        ? undefined
        : "a durable refusal is told at once, and to whoever leads";
    }
    if (!tells([COORDINATOR], "ack", outcome)) return "a durable outcome is acknowledged at once";
    return follows !== index || tells(others(known), outcome)
      ? undefined
      : "who leads tells everybody what it has decided";
  },

  (known, step) => {
    const { event: { type, from = COORDINATOR }, set, said, writes } = step;
    if (!waits(known)) return undefined;
    const state = undecided(known)!;
    const { follows, index } = known;
    if (type === "stateRequest" && from >= follows) {
      return reports(state, from, step) && set.includes("decisionTimeout")
        ? undefined
        : "whoever leads hears what the others are in, and has their patience anew";
    }
    if (type === "preCommit" && from === follows) {
      if (state === "uncertain") {
        return writes("preCommitted") ? undefined : "who hears that all voted yes writes it down";
      }
      return reports(state, from, step) && set.includes("decisionTimeout")
        ? undefined
        : "whoever leads hears again that it is pre-committed, and has its patience anew";
    }
    if (type === "stateRequest" || type === "preCommit") {
      return said.length === 0 && set.length === 0 && !writes("preCommitted")
        ? undefined
        : "who was given up is not followed any more";
    }
    if (!type.includes("decisionTimeout")) return undefined;
    if (follows + 1 < index) {
      return set.includes("decisionTimeout") && said.length === 0
        ? undefined
        : "each who may lead is given time";
    }
    return step.tells(others(known), "stateRequest")
      ? undefined
      : "who leads asks what the others are in";
  },

  (known, { event, said, writes }) => {
    const isLast = known.heard !== allExcept(known, []) &&
      heardWith(known, event) === allExcept(known, []);
    if (known.follows !== known.index || known.written & OUTCOME || !isLast) return undefined;
    const goesOn = ["preCommitted", "committed", "aborted"].some(writes) ||
      said.some(({ message }) => message === "preCommit");
    return goesOn ? undefined : "a leader that has heard from all goes on at once";
  },

  (known, { event, said, writes }) => {
    if (said.some(({ to }) => to.includes(known.index))) return "nobody sends to itself";
    if (known.follows !== known.index || event.type === "abort" || known.written & OUTCOME) {
      return undefined;
    }
    const knows = known.durable & Disk.PRE_COMMITTED || knowsWith(known, event);
    return knows && writes("aborted")
      ? "a leader that knows of one that is pre-committed does not abort (TR4)"
      : undefined;
  },

  ({ follows, index, written }, { event: { type }, said, writes }) => {
    if (follows !== index || written & OUTCOME || !type.includes("answerTimeout")) return undefined;
    return ["preCommitted", "committed", "aborted"].some(writes) ||
        said.some(({ message }) => message === "preCommit")
      ? undefined
      : "a leader waits no longer for who has failed";
  },

  (known, { event: { type, as }, said, set, tells, does }) => {
    const back = type === "recovered" && (as === "uncertain" || as === "preCommitted");
    if (back && !does("acquire")) return "who is back asks for its locks first";
    if (back || type.includes("inquire")) {
      const state = undecided(known)!;
      if (!tells([COORDINATOR, ...others(known)], "inquiry", state) || !set.includes("inquire")) {
        return "who is back asks everybody, says what it failed in, and asks again";
      }
    }
    const asks = said.some(({ message, to }) => ASKS.has(message) && to.length > 0);
    return (asks || type.includes("resend")) && !set.includes("resend")
      ? "who waits for an answer asks again, and again"
      : undefined;
  },
];

/** The rule that a step breaks, if any. */
export function stepFault(
  lives: Lives,
  known: Known,
  event: number,
  { effects, set }: Outcome,
): string | undefined {
  const all = effects.map(({ type, params }) => ({ type, ...params as object })) as (Said & {
    readonly type: string;
    readonly record?: string;
    readonly forced?: boolean;
  })[];
  if (all.some(({ type, forced }) => type === "journal" && !forced)) {
    return "all that a participant writes is forced";
  }
  const said = all.filter(({ type }) => type === "send");
  const step: Step = {
    event: lives.eventOf(event),
    said,
    set,
    does: (effect) => all.some(({ type }) => type === effect),
    writes: (record) => all.some((it) => it.type === "journal" && it.record === record),
    tells: (to, ...words) =>
      said.some((it) =>
        [it.message, it.outcome, it.state, it.retryable]
            .filter((word) => word !== undefined).join() === words.join() &&
        it.to.join() === to.join()
      ),
  };
  for (const rule of RULES) {
    const broken = rule(known, step);
    if (broken !== undefined) return broken;
  }
  return undefined;
}
