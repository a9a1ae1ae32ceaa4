/**
 * Mutants that behave as the original does wherever it matters, each with its reason. At most one in
 * twenty.
 *
 * @module
 */

/** By the id of the mutant. */
export const EQUIVALENT: Readonly<Record<string, string>> = {};
