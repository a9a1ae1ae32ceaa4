/**
 * A node's life: it starts step by step, serves, and stops step by step.
 *
 * It promises to perform one step at a time, to serve only when all start steps are done, and to end
 * by all stop steps however it got there: after `drain` in any phase, and after a start step failed.
 * Every stop step must therefore be harmless when its counterpart was never performed. A stop step
 * that fails is reported and passed over, for a node that cannot stop is worse than one that stops
 * untidily; what is durable is recovered at the next start.
 *
 * | receives                | from     | sends     | to   |
 * | ----------------------- | -------- | --------- | ---- |
 * | `stepDone` `stepFailed` | host     | `perform` | host |
 * | `drain`                 | operator | `report`  | host |
 *
 * @module
 */
import { assign, setup } from "xstate";
import type { ProtocolMachine } from "../machine_types.ts";
import {
  type NodeMessage,
  START_STEPS,
  type StartStep,
  type Step,
  type StopStep,
} from "./messages.ts";

export * from "./messages.ts";

/** What a node is started with. */
export type NodeInput = {
  /** How long requests under way are waited for before the stop goes on without them, in ms. */
  readonly completeMs: number;
};

/** The finite facts of a node's life. */
export type NodeContext = NodeInput & {
  /** Whether a start step failed. */
  readonly failed: boolean;
};

/** What a node asks of its host, with the parameters of each effect. */
export type NodeEffects = {
  /** Performs a step; answered by `stepDone` or `stepFailed`. */
  perform: { readonly step: Step };
  report: { readonly step: Step; readonly problem: "failed" | "timeout" };
  reject: unknown;
};

/** The states of a node: a step, or where they lead. */
export type NodeState = Step | "serving" | "stopped" | "failedToStart";

/**
 * The types of {@link node}.
 *
 * @internal
 */
export type NodeTypes = {
  context: NodeContext;
  event: NodeMessage;
  input: NodeInput;
  actions: NodeEffects & { noteFailure: unknown };
  guards: {
    isStep: { readonly step: Step };
    isAbandonedStep: unknown;
    isStepOfFailedStart: { readonly step: Step };
  };
  delays: "complete";
  state: NodeState;
};

function report(step: Step, problem: "failed" | "timeout" = "failed") {
  return { type: "report", params: { step, problem } } as const;
}

function isStep(step: Step) {
  return { type: "isStep", params: { step } } as const;
}

/** A start step: done leads on, a failure or a drain leads to the stop steps. */
function starting<const Next extends string>(step: StartStep, next: Next) {
  return {
    entry: { type: "perform", params: { step } },
    on: {
      stepDone: { guard: isStep(step), target: next },
      stepFailed: {
        guard: isStep(step),
        target: "refusing",
        actions: [report(step), "noteFailure"],
      },
      drain: "refusing",
    },
  } as const;
}

/** A stop step: done or failed, the next follows. */
function stopping<const Next extends string>(step: StopStep, next: Next) {
  return {
    entry: { type: "perform", params: { step } },
    on: {
      stepDone: [{ guard: isStep(step), target: next }, { guard: "isAbandonedStep" }],
      stepFailed: [
        { guard: isStep(step), target: next, actions: report(step) },
        { guard: "isAbandonedStep" },
      ],
      drain: {}, // It is stopping already.
    },
  } as const;
}

const abandoned: ReadonlySet<Step> = new Set<Step>([...START_STEPS, "completing"]);

/** The node's chart; input {@link NodeInput}. */
export const node: ProtocolMachine<NodeTypes> = setup({
  types: {
    input: {} as NodeInput,
    context: {} as NodeContext,
    events: {} as NodeMessage,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    perform: (_, _params: NodeEffects["perform"]) => {},
    report: (_, _params: NodeEffects["report"]) => {},
    reject: () => {},
    noteFailure: assign({ failed: true }),
  },
  guards: {
    isStep: ({ event }, { step }: { readonly step: Step }) =>
      (event.type === "stepDone" || event.type === "stepFailed") && event.step === step,
    /** The answer of a step that a drain or the time limit of `completing` cut short. */
    isAbandonedStep: ({ event }) =>
      (event.type === "stepDone" || event.type === "stepFailed") && abandoned.has(event.step),
    isStepOfFailedStart: ({ context, event }, { step }: { readonly step: Step }) =>
      context.failed && (event.type === "stepDone" || event.type === "stepFailed") &&
      event.step === step,
  },
  delays: { complete: ({ context }) => context.completeMs },
}).createMachine({
  id: "lifecycle.node",
  context: ({ input }) => ({ ...input, failed: false }),
  initial: "loadingConfiguration",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    loadingConfiguration: starting("loadingConfiguration", "openingMailboxes"),
    openingMailboxes: starting("openingMailboxes", "connecting"),
    connecting: starting("connecting", "joiningGroups"),
    joiningGroups: starting("joiningGroups", "monitoring"),
    monitoring: starting("monitoring", "enabling"),
    enabling: starting("enabling", "optimising"),
    optimising: starting("optimising", "serving"),

    serving: { on: { drain: "refusing" } },

    refusing: stopping("refusing", "completing"),
    completing: {
      ...stopping("completing", "flushing"),
      after: { complete: { target: "flushing", actions: report("completing", "timeout") } },
    },
    flushing: stopping("flushing", "persisting"),
    persisting: stopping("persisting", "disconnecting"),
    disconnecting: stopping("disconnecting", "unmonitoring"),
    unmonitoring: stopping("unmonitoring", "releasing"),
    releasing: {
      entry: { type: "perform", params: { step: "releasing" } },
      on: {
        stepDone: [
          {
            guard: { type: "isStepOfFailedStart", params: { step: "releasing" } },
            target: "failedToStart",
          },
          { guard: isStep("releasing"), target: "stopped" },
          { guard: "isAbandonedStep" },
        ],
        stepFailed: [
          {
            guard: { type: "isStepOfFailedStart", params: { step: "releasing" } },
            target: "failedToStart",
            actions: report("releasing"),
          },
          { guard: isStep("releasing"), target: "stopped", actions: report("releasing") },
          { guard: "isAbandonedStep" },
        ],
        drain: {}, // It is stopping already.
      },
    },

    stopped: { type: "final" },
    failedToStart: { type: "final" },
  },
});
