/**
 * The mutants of every machine that ships, and which models are asked about each.
 *
 * @module
 */
import { explore } from "../../runtime/checker/explore.ts";
import { type Mutant, mutantsOf } from "../../runtime/checker/mutants.ts";
import { brokenRow } from "../protocols/pbft/client_rows.ts";
import { brokenRule } from "../protocols/pbft/replica_judge.ts";
import type { AnyStateMachine } from "../../runtime/xstate_types.ts";
import { SHIPPED, withMachine } from "./machines.ts";
import { MODELS, type Scope } from "./models.ts";

/**
 * A model and how much of it, the quicker ones first. Beyond `states` of them the search ends, and with
 * it the chance that a mutant is found.
 */
type Trial = readonly [model: string, scope: Scope, states?: number];

const ORPHANED: Scope = { participants: 2, crashes: 1, voted: true, orphaned: true };
const THREE_PHASE: readonly Trial[] = [
  ["three_phase_commit", { participants: 1, crashes: 1 }],
  ["three_phase_commit", { voted: true, orphaned: true, crashes: 1 }],
  ["three_phase_commit", { participants: 3, voted: true, orphaned: true, crashes: 2 }],
  ["three_phase_commit", { voted: true, crashes: 3 }],
  ["three_phase_commit/asynchronous", {}],
  ["three_phase_commit", { participants: 1, crashes: 2 }],
  ["three_phase_commit", { crashes: 1 }, 60_000],
  ["three_phase_commit/asynchronous", ORPHANED, 30_000],
  ["three_phase_commit", { voted: true, orphaned: true, crashes: 2 }],
  ["three_phase_commit/asynchronous", { ...ORPHANED, participants: 3 }, 60_000],
  ["three_phase_commit/asynchronous", { participants: 2, crashes: 0, voted: true }, 60_000],
  ["three_phase_commit/asynchronous", { participants: 3, crashes: 0, voted: true }, 20_000],
  ["three_phase_commit", { participants: 3, voted: true, orphaned: true, crashes: 4 }],
  ["three_phase_commit", { crashes: 0 }],
  ["three_phase_commit", { participants: 3, crashes: 1 }],
];

/** The models asked about the mutants of each machine, by its id. */
export const TRIALS: Readonly<Record<string, readonly Trial[]>> = {
  "twoPhaseCommit.coordinator": [
    ["two_phase_commit", { participants: 1, crashes: 1 }],
    ["two_phase_commit", { crashes: 0 }],
    ["two_phase_commit/holder", { crashes: 0 }],
    ["two_phase_commit/dependent", { participants: 1, holders: 0, faithful: true }],
    ["two_phase_commit/dependent", { participants: 1, faithful: true }],
    ["two_phase_commit/dependent", { participants: 1 }],
    ["two_phase_commit/dependent", { crashes: 0 }],
    ["two_phase_commit", { crashes: 1 }],
    ["two_phase_commit/holder", {}],
    ["two_phase_commit/holder", { participants: 2, crashes: 1 }],
    ["two_phase_commit", {}],
  ],
  "twoPhaseCommit.participant": [
    ["two_phase_commit", { participants: 1, crashes: 1 }],
    ["two_phase_commit", { crashes: 0 }],
    ["two_phase_commit", { crashes: 1 }],
    ["two_phase_commit", {}],
  ],
  "twoPhaseCommit.holder": [["two_phase_commit/holder", {}]],
  "twoPhaseCommit.heuristic": [["two_phase_commit/heuristic", {}]],
  "threePhaseCommit.coordinator": THREE_PHASE,
  "threePhaseCommit.participant": THREE_PHASE,
  "heartbeat.monitor": [["heartbeat", {}]],
  "heartbeat.emitter": [["heartbeat", {}]],
  "rpc.call": [["rpc/call", {}]],
  "lifecycle.node": [["lifecycle/node", {}]],
  role: [["lifecycle/role", {}]],
  supervision: [["lifecycle/supervision", {}]],
  "deadlock.detector": [["deadlock/detector", {}]],
};

/**
 * Rules asked about mutants of machines whose contexts are not finite: events that lead somewhere, one
 * more, and all that must come of it. They give the first one that is broken.
 */
export const RULES_OF: Readonly<
  Record<string, (machine: AnyStateMachine) => string | undefined>
> = {
  "pbft.replica": brokenRule,
  "pbft.client": brokenRow,
};

/** Every mutant, in the order of the machines. */
export function allMutants(): readonly Mutant[] {
  return Object.values(SHIPPED).flatMap((machine) => mutantsOf(machine));
}

/** How a mutant was found. */
export interface Found {
  /** The model and its scope, or the simulator. */
  readonly by: string;
  readonly rule: string;
}

const LIMITS = { states: 5_000_000, bytes: 2 ** 30 };

function tryRules(
  { of, machine }: Mutant,
  rules: (machine: AnyStateMachine) => string | undefined,
): Found | undefined {
  const by = `rules of ${of}`;
  try {
    const rule = rules(machine());
    return rule === undefined ? undefined : { by, rule };
  } catch (error) {
    return { by, rule: `error: ${(error as Error).message}` };
  }
}

/** Asks the models about a mutant until one finds something. */
export function tryModels(mutant: Mutant): Found | undefined {
  const rules = RULES_OF[mutant.of];
  if (rules !== undefined) return tryRules(mutant, rules);
  for (const [name, scope, states = LIMITS.states] of TRIALS[mutant.of] ?? []) {
    const by = [name, ...Object.entries(scope).map(([key, value]) => `${key} ${value}`)].join(", ");
    try {
      const model = MODELS.get(name)!.build(withMachine(mutant.machine()), scope);
      const { violation } = explore(model, { ...LIMITS, states });
      if (violation !== undefined) return { by, rule: violation.rule };
    } catch (error) {
      // XState refuses the machine, or the machine brings itself to a stop.
      return { by, rule: `error: ${(error as Error).message}` };
    }
  }
  return undefined;
}
