/**
 * What a coordinator owes in one step, whatever else happens (Skeen 1981, section 4; Bernstein,
 * Hadzilacos, Goodman 1987, sections 7.5 and 7.6). The rules speak of what others can see, and know
 * no state of the machine.
 *
 * @module
 */
import type { Lives, Outcome } from "../../../runtime/checker/lives.ts";
import { Disk } from "./world.ts";

/** What is known of a coordinator before a step, without a look at its machine. */
export interface Known {
  readonly participants: number;
  /** Bits of {@link Disk}: records that are durable or on their way. */
  readonly written: number;
  readonly durable: number;
  /** It has crashed, and its client's connection with it. */
  readonly failed: boolean;
  /** It has said that all voted yes. */
  readonly told: boolean;
  /** A bit for each participant that has acknowledged it. */
  readonly heard: number;
  /** What its client is to hear of an abort. */
  readonly reason: Reason;
}

/** What a client hears with an abort. */
export interface Reason {
  readonly reason: string;
  readonly retryable: boolean;
}

interface Params {
  readonly type: string;
  readonly message?: string;
  readonly outcome?: string;
  readonly record?: string;
  readonly forced?: boolean;
  readonly reason?: string;
  readonly retryable?: boolean;
  readonly to?: readonly number[];
}

interface Event {
  readonly type: string;
  readonly from?: number;
  readonly outcome?: string;
  readonly record?: string;
  readonly as?: string;
  readonly retryable?: boolean;
}

interface Step {
  readonly event: Event;
  readonly said: readonly Params[];
  readonly set: readonly string[];
  readonly done: boolean;
  readonly writes: (record: string) => boolean;
  readonly tells: (message: string, to: readonly number[]) => boolean;
}

type Owes = (known: Known, step: Step) => string | undefined;

const OUTCOME = Disk.COMMIT | Disk.ABORT;

/** The outcome that an event brings, from the participants or the client, or by patience lost. */
function brings({ type, outcome }: Event, { told, failed }: Known): string | undefined {
  if (type === "ack") return outcome;
  if (type === "voteNo" || type.includes("voteTimeout")) return "abort";
  return type === "abort" && !told && !failed ? "abort" : undefined;
}

/** Why a step that writes an abort does. */
export function reasonOf({ type, retryable }: Pick<Event, "type" | "retryable">): Reason {
  if (type === "voteNo") return { reason: "refused", retryable: retryable === true };
  if (type === "abort") return { reason: "requested", retryable: false };
  return { reason: "timeout", retryable: true };
}

/** Who has acknowledged that all voted yes, with this event. */
export function heardWith(known: Known, { type, from = known.participants }: HeardEvent): number {
  const counts = type === "preCommitAck" && from < known.participants;
  return counts ? known.heard | 1 << from : known.heard;
}

type HeardEvent = Pick<Event, "type" | "from">;

const RULES: readonly Owes[] = [
  (_, { event: { type }, writes }) =>
    type === "begin" && !writes("began") ? "the log tells what was begun" : undefined,

  (known, { event, writes, said }) => {
    if (known.written & OUTCOME) return undefined;
    const outcome = brings(event, known);
    if (outcome !== undefined) {
      return writes(outcome)
        ? undefined
        : "what is decided elsewhere, or given up, is written down";
    }
    return event.type === "abort" && said.length > 0
      ? "whoever may have committed is not aborted"
      : undefined;
  },

  (known, { event: { type, record, as }, said, tells }) => {
    const { participants, written, failed } = known;
    const all = Array.from({ length: participants }, (_, index) => index);
    const reply = said.find((it) => it.type === "reply");
    const back = type === "recovered";
    if (type === "journaled" && record === "began") {
      return written & OUTCOME || tells("prepare", all)
        ? undefined
        : "all are asked for their votes";
    }
    if (back && as === "undecided") {
      return tells("inquiry", all) ? undefined : "who may have been overtaken asks everybody";
    }
    const outcome = type === "journaled" ? record : as;
    if (!back && type !== "journaled" || outcome !== "commit" && outcome !== "abort") {
      return undefined;
    }
    if (!tells(outcome, all)) return "a durable decision is told to all, at once";
    if (back || failed) return undefined;
    if (outcome === "commit") {
      return reply?.outcome === "committed" ? undefined : "the client hears of a durable commit";
    }
    const { reason, retryable } = known.reason;
    return reply?.outcome === "aborted" && reply.reason === reason && reply.retryable === retryable
      ? undefined
      : "the client hears of the abort, why, and whether to try again";
  },

  ({ durable, participants }, { event: { type, from = participants }, tells }) => {
    const asks = from < participants && (type === "inquiry" || type === "voteYes");
    if (!asks || !(durable & OUTCOME)) return undefined;
    return tells(durable & Disk.COMMIT ? "commit" : "abort", [from])
      ? undefined
      : "whoever asks after the decision is told";
  },

  (_, { event: { type }, said, set }) => {
    const answers = type === "inquiry" || type === "voteYes";
    const waits = said.some(({ message, to = [] }) =>
      to.length > 0 && !(answers && (message === "commit" || message === "abort"))
    );
    return waits === set.includes("resend") && (waits || !type.includes("resend"))
      ? undefined
      : "who waits for an answer asks again, and again";
  },

  (known, { event, writes }) => {
    const all = (1 << known.participants) - 1;
    const isLast = known.heard !== all && heardWith(known, event) === all;
    return !isLast || known.failed || known.written & OUTCOME || writes("commit")
      ? undefined
      : "once all have acknowledged it decides at once";
  },

  ({ told }, { event: { type }, writes, set }) =>
    told && type.includes("ackTimeout") && !writes("commit") && !set.includes("ackTimeout")
      ? "whose patience changes nothing is patient anew"
      : undefined,

  ({ durable }, { done, writes, said }) => {
    if (done !== writes("ended")) return "the log tells that it ended, then and only then";
    if (!done) return undefined;
    if (!(durable & OUTCOME)) return "nothing has ended that is not decided";
    return said.some((it) => it.type === "forget") ? undefined : "what has ended is forgotten";
  },
];

/** The rule that a step breaks, if any. */
export function stepFault(
  lives: Lives,
  known: Known,
  event: number,
  { life, effects, set }: Outcome,
): string | undefined {
  const said = effects.map(({ type, params }) => ({ type, ...params as object })) as Params[];
  if (said.some((it) => it.type === "journal" && it.forced !== (it.record !== "ended"))) {
    return "all but the end is forced";
  }
  const step: Step = {
    event: lives.eventOf(event) as unknown as Event,
    said,
    set,
    done: lives.done(life),
    writes: (record) => said.some((it) => it.type === "journal" && it.record === record),
    tells: (message, to) =>
      said.some((it) => it.message === message && it.to?.join() === to.join()),
  };
  for (const rule of RULES) {
    const broken = rule(known, step);
    if (broken !== undefined) return broken;
  }
  return undefined;
}
