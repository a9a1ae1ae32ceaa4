/**
 * What a participant owes in one step, whatever else happens. The rules are those of presumed abort
 * (Mohan, Lindsay, Obermarck 1986, section 3) and speak of what others can see: what was asked, said,
 * written, and locked. They know no state of the machine.
 *
 * @module
 */
import type { Lives, ModelEvent, Outcome } from "../../../runtime/checker/lives.ts";

/** What is known of a participant before a step, without a look at its machine. */
export interface Known {
  /** A promise is on disk or on its way there. */
  readonly promised: boolean;
  readonly committed: boolean;
  /** An abort or a refusal is. */
  readonly aborted: boolean;
  /** It has heard of an abort, in this life. */
  readonly heardAbort: boolean;
  /** A refusal is on its way to the disk, for whoever waits for it in this life. */
  readonly refusing: boolean;
  /** Its locks are asked for, neither granted nor refused. */
  readonly waits: boolean;
  /** It has asked the coordinator before; undefined if nobody can tell. */
  readonly asked: boolean | undefined;
  /** The watermark has passed it, and it has no life. */
  readonly forgotten: boolean;
}

/** Which records are forced: only those somebody relies on. */
const FORCED: Readonly<Record<string, boolean>> = {
  prepared: true,
  committed: true,
  refused: true,
  aborted: false,
};

interface Done {
  readonly effects: Outcome["effects"];
  readonly says: (message: string) => boolean;
  readonly answers: (message: string, to: unknown) => boolean;
  readonly writes: (record: string) => boolean;
}

type Owes = (known: Known, event: ModelEvent, done: Done) => string | undefined;

const RULES: readonly Owes[] = [
  (_, __, { effects }) =>
    effects.some(({ type, params }) => {
        const { record, forced } = (params ?? {}) as { record: string; forced: boolean };
        return type === "journal" && forced !== FORCED[record];
      })
      ? "a promise, a commit and a refusal are forced, an abort is not"
      : undefined,
  (_, __, { effects, writes }) =>
    writes("committed") !== effects.some(({ type }) => type === "apply")
      ? "what is committed is applied, and nothing else is"
      : undefined,
  ({ waits }, { type, retryable }, { effects }) => {
    const late = type.includes("lockTimeout");
    if (!late && !(waits && type === "refused")) return undefined;
    const no = effects.map(({ params }) =>
      (params ?? {}) as { message: string; retryable: boolean }
    )
      .find(({ message }) => message === "voteNo");
    if (no === undefined) return "a no is said at once: it waits for no disk";
    return no.retryable === (late || retryable) ? undefined : "a no says whether to try again";
  },
  ({ heardAbort }, { type, record }, { says, effects }) => {
    if (type !== "journaled" || effects.some((it) => it.type === "reject")) return undefined;
    if (record === "prepared") {
      return says("voteYes") === !heardAbort
        ? undefined
        : "a durable promise is told at once, unless there is nothing left to promise";
    }
    if (record === "committed" && !says("ack")) return "a durable commit is acknowledged at once";
    if (record !== "refused" || says("voteNo") && tellsSomebody(effects)) return undefined;
    return "a durable refusal is told at once, to the coordinator and to those who asked";
  },
  ({ promised, committed, aborted, heardAbort, refusing, forgotten }, { type, from }, done) => {
    if (type !== "inquiry" || forgotten || refusing) return undefined;
    const { answers, writes } = done;
    if (committed) return answers("commit", from) ? undefined : "who committed tells who asks";
    if (heardAbort || aborted) {
      return answers("abort", from) ? undefined : "who aborted tells who asks";
    }
    if (promised) return answers("uncertain", from) ? undefined : "who is in doubt says so";
    return writes("refused") || answers("abort", from)
      ? undefined
      : "who is asked before it has voted yes refuses, durably";
  },
  ({ promised, committed, aborted, heardAbort }, { type }, { writes }) =>
    type === "abort" && promised && !committed && !aborted && !heardAbort && !writes("aborted")
      ? "the abort of a promise is written, lazily"
      : undefined,
  ({ heardAbort, refusing }, { type }, { says }) =>
    type === "prepare" && heardAbort && !refusing && !says("voteNo")
      ? "a prepare after an abort gets a no"
      : undefined,
  ({ asked }, { type }, { effects, says }) => {
    if (asked === undefined || !type.includes("inquire")) return undefined;
    const peers = effects.some(({ type, params }) =>
      type === "sendPeers" && (params as { message: string }).message === "inquiry"
    );
    if (!says("inquiry")) return "who asks, asks the coordinator";
    return peers === asked ? undefined : "the coordinator is asked first, then the peers too";
  },
];

function tellsSomebody(effects: Outcome["effects"]): boolean {
  return effects.some(({ params }) => {
    const { message, to } = (params ?? {}) as { message?: string; to?: readonly number[] };
    return message === "abort" && to !== undefined && to.length > 0;
  });
}

/** The rule that a step breaks, if any. */
export function stepFault(
  lives: Lives,
  known: Known,
  event: number,
  outcome: Outcome,
): string | undefined {
  const { effects } = outcome;
  const params = effects.map(({ type, params }) => ({ type, ...params as object })) as {
    type: string;
    message?: string;
    record?: string;
    to?: readonly unknown[];
  }[];
  const done: Done = {
    effects,
    says: (message) => params.some((it) => it.type === "sendCoordinator" && it.message === message),
    answers: (message, to) =>
      params.some((it) => it.message === message && it.to?.length === 1 && it.to[0] === to),
    writes: (record) => params.some((it) => it.type === "journal" && it.record === record),
  };
  for (const rule of RULES) {
    const broken = rule(known, lives.eventOf(event), done);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

/** The pauses between two questions grow to twice their length, and never shrink. */
export function pauseFault(
  lives: Lives,
  before: number,
  event: number,
  { life, set }: Outcome,
  { name, leastMs, mostMs }: {
    readonly name: string;
    readonly leastMs: number;
    readonly mostMs: number;
  },
): string | undefined {
  if (!set.includes(name)) return undefined;
  const now = lives.timers(life).find((it) => it.name === name)?.delayMs;
  const old = lives.timers(before).find((it) => it.name === name && it.event === event)?.delayMs;
  if (old !== undefined) {
    return now === Math.min(2 * old, mostMs) ? undefined : "each pause is twice the one before";
  }
  return lives.eventOf(event).type === "recovered" || now === leastMs
    ? undefined
    : "the first pause is the shortest";
}
