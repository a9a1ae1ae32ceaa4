/**
 * States and transitions that no run of the shipped system can take, each with its reason: they
 * are not asked of the runs, and a run that takes one of them says that the reason is wrong.
 *
 * @module
 */

/** `machine state` or `machine state:event[index]`, and why. */
export const UNREACHABLE: Readonly<Record<string, string>> = {};
