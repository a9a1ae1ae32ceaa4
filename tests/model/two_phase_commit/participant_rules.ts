/**
 * What a participant owes in one step, whatever else happens.
 *
 * @module
 */
import type { Lives, Outcome } from "../../../runtime/checker/lives.ts";

const NOT_VOTED = new Set(["idle", "acquiring", "votedNo"]);
const NOT_DECIDED = new Set(["acquiring", "preparing", "inDoubt", "votedNo"]);
const SETTLED = new Set(["committed", "votedNo", "aborted"]);

/** The rule that a step breaks, if any. */
export function stepFault(
  lives: Lives,
  before: number,
  event: number,
  { life, effects }: Outcome,
): string | undefined {
  const at = lives.describe(before);
  const now = lives.describe(life);
  const { type } = lives.eventOf(event);
  const refuses = at === "acquiring" && (type === "refused" || type.includes("lockTimeout"));
  if (refuses && !effects.some(({ params }) => messageOf(params) === "voteNo")) {
    return "a no is said at once: it waits for no disk";
  }
  if (type === "abort" && NOT_DECIDED.has(at) && now !== "aborted") {
    return "who hears of an abort has aborted, and knows it until the watermark passes";
  }
  if (type === "inquiry" && NOT_VOTED.has(at) && now !== "refusing") {
    return "who is asked before it has voted yes refuses, durably";
  }
  return type === "forget" && SETTLED.has(at) && !lives.done(life)
    ? "the watermark ends the memory of what is settled"
    : undefined;
}

/** Whether a step asks the peers. */
export function asksPeers({ effects }: Outcome): boolean {
  return effects.some(({ type, params }) =>
    type === "sendPeers" && messageOf(params) === "inquiry"
  );
}

function messageOf(params: unknown): string | undefined {
  return (params as { message?: string } | undefined)?.message;
}
