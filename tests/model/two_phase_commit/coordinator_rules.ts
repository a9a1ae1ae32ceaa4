/**
 * What a coordinator owes in one step, whatever else happens: presumed abort (Mohan, Lindsay,
 * Obermarck 1986, section 3), and what it promises to its client and to edges that hold copies. The
 * rules speak of what others can see, and know no state of the machine.
 *
 * @module
 */
import type { Lives, Outcome } from "../../../runtime/checker/lives.ts";

/** What is known of a coordinator before a step, without a look at its machine. */
export interface Known {
  /** The commit is durable. */
  readonly committed: boolean;
  /** The client was answered, or is gone. */
  readonly replied: boolean;
  readonly participants: number;
  /** Edges that were asked to hold, and those that any commit must release. */
  readonly holders: readonly number[];
}

interface Params {
  readonly type: string;
  readonly message?: string;
  readonly outcome?: string;
  readonly record?: string;
  readonly forced?: boolean;
  readonly to?: readonly number[];
}

/** The rule that a step breaks, if any. */
export function stepFault(
  lives: Lives,
  known: Known,
  event: number,
  { life, effects }: Outcome,
): string | undefined {
  const { type, from } = lives.eventOf(event) as { type: string; from?: number };
  const said = effects.map(({ type, params }) => ({ type, ...params as object })) as Params[];
  const writes = (...records: string[]) =>
    said.some((it) => it.type === "journal" && records.includes(it.record!));
  if (said.some((it) => it.type === "journal" && it.forced !== (it.record === "commit"))) {
    return "a decision to commit is forced, and nothing else is";
  }
  if (type === "begin" && !writes("began")) return "the log tells what was begun";
  const reply = said.find((it) => it.type === "reply");
  const commits = type === "recovered" || type === "journaled" && reply !== undefined;
  if (type === "journaled" && known.committed && !known.replied && reply === undefined) {
    return "a client hears of a commit as soon as it is durable";
  }
  if (commits && !releases(said, "commit", known.holders)) {
    return "edges are released as soon as it is decided";
  }
  const asks = from !== undefined && from < known.participants &&
    (type === "inquiry" || type === "voteYes");
  if (asks && known.committed) {
    const told = said.some(({ message, to }) => message === "commit" && to?.includes(from));
    if (!told) return "whoever asks after the decision is told";
  }
  if (!lives.done(life)) return undefined;
  if (!writes("ended", "aborted")) return "the log tells how it ended";
  if (!said.some((it) => it.type === "forget")) return "what has ended is forgotten";
  const all = said.find(({ message }) => message === "abort")?.to?.length;
  if (writes("aborted") && all !== known.participants) return "an abort is told to all, once";
  if (!known.replied && reply === undefined) return "a client that waits is answered";
  return writes("aborted") && lives.describe(life) === "aborted" &&
      !releases(said, "abort", known.holders)
    ? "edges are released as soon as it is decided"
    : undefined;
}

function releases(
  said: readonly Params[],
  outcome: string,
  holders: readonly number[],
): boolean {
  return holders.every((holder) =>
    said.some((it) => it.message === "release" && it.outcome === outcome && it.to?.includes(holder))
  );
}
