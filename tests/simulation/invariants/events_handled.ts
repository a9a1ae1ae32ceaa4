/** Every event is handled or rejected, and nothing that ships makes one be rejected. */
import type { InvariantDefinition, Step } from "../invariant.ts";

/** Dead letters that no fault accounts for. */
const WRONG: ReadonlySet<string> = new Set([
  "malformed",
  "oversized",
  "unknownType",
  "invalidBody",
]);

/** What may be rejected, `machine state event`, and why. */
const EXPECTED: Readonly<Record<string, string>> = {};

/** Of three-phase commit: states in which the outcome of others is a contradiction. */
const DECIDED: Readonly<Record<"commit" | "abort", RegExp>> = {
  commit: /^(refusing|aborting|aborted)/,
  abort: /^(committing|committed)/,
};

/** Whether a machine rejects an outcome that its own contradicts: `atomic_agreement` tells of that. */
function isSplit({ machine, before, event }: Step): boolean {
  if (!machine.startsWith("threePhaseCommit.")) return false;
  const { type, outcome = type } = event as { readonly type: string; readonly outcome?: string };
  if (outcome === "voteNo") return DECIDED.abort.test(before); // It has aborted, and says so.
  return (outcome === "commit" || outcome === "abort") && DECIDED[outcome].test(before);
}

/** Why a role may end. */
const EXCUSED = [
  /^(?:stopped|crashed|closed|fenced|exited without a word)$/,
  /no space is left on the device/, // The fault `disk`.
  /was taken over by a later incarnation/, // It was fenced while it hung.
];

/** Nothing is said that nobody understands, and no role ends by an error of its own. */
export const invariant: InvariantDefinition = {
  name: "events_handled",
  says: "every event of every machine is handled; no role ends by its own error",
  create(watched) {
    return {
      step(step) {
        const { machine, address, key, event, before, effects } = step;
        if (!effects.some(({ type }) => type === "reject") || isSplit(step)) return;
        if (Object.hasOwn(EXPECTED, `${machine} ${before} ${event.type}`)) return;
        watched.fail(`${address}: ${machine} ${key} rejects ${event.type} in state ${before}`);
      },
      dead(at, { reason, from, type }) {
        if (WRONG.has(reason)) {
          watched.fail(`${at}: ${type} of ${from} is a dead letter: ${reason}`);
        }
      },
      logged(address, kind, text) {
        if (kind !== "failure" || / (?:ended|is given up|hangs|declared)\b/.test(text)) return;
        if (/^(?:\S+): (?:step )?\w+: /.test(text)) return; // A node's step failed: a fault's work.
        watched.fail(`${address} reports: ${text}`);
      },
      gone({ address }, reason) {
        if (EXCUSED.some((excuse) => excuse.test(reason))) return;
        watched.fail(`${address} ended by an error: ${reason.split("\n").slice(0, 3).join(" ")}`);
      },
    };
  },
};
