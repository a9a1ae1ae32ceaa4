/**
 * Mutants that behave as the original does wherever it matters, each with its reason. At most one in
 * twenty.
 *
 * @module
 */

/** By the id of the mutant. */
export const EQUIVALENT: Readonly<Record<string, string>> = {
  "rpc.call waiting.attempting.after.attempt.1 target exhausted to none":
    "an attempt that was the last has no timer any more and answers every event as exhausted does: " +
    "late reports are swallowed, the deadline, an answer and a cancel end the call",
};
