/**
 * Whether a run of seeds notices that a machine was replaced by another one.
 *
 * @module
 */
import type { AnyStateMachine } from "../../runtime/xstate_types.ts";
import { Coverage } from "./coverage.ts";
import { allInvariants } from "./invariant.ts";
import { runSeed } from "./run.ts";
import { SCENARIOS } from "./scenarios/mod.ts";
import { stageKeys } from "./stage.ts";

/** What to run. */
export interface MutantTrial {
  /** Stands in for the shipped machine of the same id. */
  readonly machine: AnyStateMachine;
  /** Names of scenarios, tried in this order. */
  readonly scenarios: readonly string[];
  /** Seeds of each. */
  readonly seeds: number;
  /** The first seed. Default 1. */
  readonly first?: number;
}

/** How it was noticed. */
export interface Caught {
  readonly scenario: string;
  readonly seed: number;
  /** Name of the invariant; `error` if the simulation itself broke. */
  readonly invariant: string;
  readonly message: string;
}

/** Runs the seeds until one notices; undefined: none did. */
export async function tryMutant(trial: MutantTrial): Promise<Caught | undefined> {
  const { machine, scenarios, seeds, first = 1 } = trial;
  const parts = {
    // Of its own: a table is learnt from one machine only.
    coverage: new Coverage(),
    definitions: await allInvariants(),
    replaced: new Map([[machine.id, machine]]),
    ...await stageKeys(),
  };
  for (let seed = first; seed < first + seeds; seed++) {
    for (const name of scenarios) {
      const scenario = SCENARIOS.get(name);
      if (scenario === undefined) throw new RangeError(`There is no scenario ${name}`);
      const caught = await attempt(() => runSeed(scenario, seed, parts));
      if (caught !== undefined) return { scenario: name, seed, ...caught };
    }
  }
  return undefined;
}

type Noticed = Pick<Caught, "invariant" | "message"> | undefined;

async function attempt(run: () => ReturnType<typeof runSeed>): Promise<Noticed> {
  const { promise: broke, reject } = Promise.withResolvers<never>();
  // What nobody awaits breaks too: a client that is told nonsense, say.
  const onRejection = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    reject(event.reason);
  };
  addEventListener("unhandledrejection", onRejection);
  try {
    const { violations: [violation], unfinished } = await Promise.race([run(), broke]);
    if (violation !== undefined) {
      const { invariant, message } = violation;
      return { invariant, message };
    }
    // A machine that runs in circles.
    return unfinished === undefined ? undefined : { invariant: "liveness", message: unfinished };
  } catch (error) {
    return { invariant: "error", message: (error as Error).message };
  } finally {
    removeEventListener("unhandledrejection", onRejection);
  }
}
