/**
 * What a scenario is. To add one, put a file into `scenarios/` and name it in `scenarios/mod.ts`.
 *
 * @module
 */
import type { ClusterPlan, ClusterSettings, RolePlan } from "../../actors/cluster_plan.ts";
import type { SupervisionInput } from "../../runtime/supervisor_machine.ts";
import type { Address } from "../../runtime/ports.ts";
import type { Lies } from "./lies.ts";
import type { Load } from "./clients.ts";
import type { Stage } from "./stage.ts";
import type { Fault, Strength, Wanted } from "./swarm.ts";

/** The profiles a scenario may be played on. */
export const PROFILES = ["carrier", "carrier-small", "reference"] as const;

/** A name of a profile. */
export type ProfileName = typeof PROFILES[number];

/** Roles that are no part of a cluster's plan. */
export interface Extras {
  readonly roles: readonly RolePlan[];
  /** Those that lie: nothing is promised of them. */
  readonly liars: ReadonlySet<Address>;
  /** How they may lie: what the fault `lie` switches on and off. */
  readonly lies?: Lies;
}

/** What is drawn for one seed besides its faults. */
export interface Casting {
  readonly profile: ProfileName;
  /** What differs from the profile's settings. */
  readonly settings?: Partial<ClusterSettings>;
  /** What differs from a policy that never gives up. */
  readonly supervision?: Partial<SupervisionInput>;
  /** Faults this seed gets whatever is drawn, and how strong. */
  readonly surely?: readonly Fault[];
  readonly strength?: Strength;
  /** How long faults last, in virtual ms. */
  readonly safetyMs: number;
  /** What clients ask for; undefined: nothing. */
  readonly load?: Load;
  /** Subscribers in the stores. */
  readonly subscribers?: number;
  /** Roles of its own, in place of the plan's. */
  readonly extras?: Extras;
  /** Whether faults begin before the roles are started. */
  readonly roughStart?: boolean;
  /** Whether the whole cluster is stopped in order at the end. */
  readonly stop?: boolean;
}

/** A scenario. */
export interface Scenario {
  readonly name: string;
  /** A sentence for people. */
  readonly summary: string;
  /** Roles that are on stage; undefined: a whole cluster with its nodes. */
  readonly roles?: readonly RolePlan["kind"][];
  readonly faults: Wanted;
  /** Changes the plan of the cluster. */
  recast?(plan: ClusterPlan): ClusterPlan;
  /** Draws what a seed is played with. @param random uniform in [0, 1) */
  cast(random: () => number): Casting;
  /** What else happens while faults last. */
  act?(stage: Stage, until: number): void;
  /** Invariants that are not asked for: what is not promised under these faults. */
  readonly waives?: readonly string[];
  /** The invariant that every seed must break: what is not promised. The run ends with it. */
  readonly mustBreak?: string;
  /** What else had to come of it and has not, once it is broken. */
  confirm?(stage: Stage): Promise<string | undefined>;
}

/** Uniform in [`from`, `to`). */
export function between(random: () => number, from: number, to: number): number {
  return from + random() * (to - from);
}

/** One of them. */
export function pick<T>(random: () => number, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}
