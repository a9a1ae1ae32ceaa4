/**
 * The steps and messages of a node's life.
 *
 * | message      | from     | to   |
 * | ------------ | -------- | ---- |
 * | `stepDone`   | host     | node |
 * | `stepFailed` | host     | node |
 * | `drain`      | operator | node |
 *
 * @module
 */

/** The steps of a start, in their order. */
export const START_STEPS = [
  "loadingConfiguration",
  "openingMailboxes",
  "connecting",
  "joiningGroups",
  "monitoring",
  "enabling",
  "optimising",
] as const;

/** The steps of a stop, in their order: first nothing new, then what is under way, then the rest. */
export const STOP_STEPS = [
  "refusing",
  "completing",
  "flushing",
  "persisting",
  "disconnecting",
  "unmonitoring",
  "releasing",
] as const;

/** A step of a start. */
export type StartStep = typeof START_STEPS[number];
/** A step of a stop. */
export type StopStep = typeof STOP_STEPS[number];
/** A step of either. */
export type Step = StartStep | StopStep;

/** The host has performed `step`. */
export type StepDone = { readonly type: "stepDone"; readonly step: Step };
/** The host could not perform `step`; it has logged why. */
export type StepFailed = { readonly type: "stepFailed"; readonly step: Step };
/** Stop in good order. */
export type Drain = { readonly type: "drain" };

/** Every message of the protocol. */
export type NodeMessage = StepDone | StepFailed | Drain;
