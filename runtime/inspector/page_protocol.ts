/**
 * What the inspector's page and its server say to each other, as JSON over one WebSocket.
 *
 * @module
 */
import type { Listed, MachineCensus } from "../inspection/questions.ts";
import type { InspectionRecord } from "../inspection/records.ts";

/** A role in the tree. */
export interface TreeRole {
  /** `node/role`. */
  readonly address: string;
  /** Which life of it. */
  readonly incarnation: number;
  /** Its machines, with how many instances are in each state; empty if it does not answer. */
  readonly machines: readonly MachineCensus[];
}

/** What is wanted of the log: nothing, what little matters, or everything. */
export type LogLevel = "off" | "events" | "all";

/** To the server. */
export type FromPage =
  /** Shows a machine: its chart and its instances. */
  | { readonly show: { readonly role: string; readonly machine: string; readonly state?: string } }
  /** Opens one instance of the machine that is shown; null closes it. */
  | { readonly open: string | null }
  /** What the log is to tell: of all roles, or of the one that is shown. */
  | { readonly log: LogLevel; readonly here: boolean };

/** The chart of a machine. */
export interface ShownChart {
  /** The role it belongs to. */
  readonly role: string;
  /** Id of the machine. */
  readonly machine: string;
  /** The drawing; undefined if there is none, and why. */
  readonly svg?: string;
  /** Why there is no drawing. */
  readonly problem?: string;
  /** What is handled in every state. */
  readonly anywhere: readonly string[];
}

/** The instance that is open. */
export interface ShownInstance {
  /** Names it. */
  readonly key: string;
  /** Its state; undefined once its life is over. */
  readonly state: string | undefined;
  /** Status, value and context as JSON. */
  readonly snapshot: string | undefined;
  /** When it came to its state, in cluster ms; undefined: before anyone looked. */
  readonly since: number | undefined;
}

/** To the page. All that is new since the last message; what is left out has not changed. */
export interface ToPage {
  /** Cluster time in ms. */
  readonly now: number;
  /** Nodes, roles and machines. */
  readonly tree?: readonly TreeRole[];
  /** Records seen and dropped since the inspector began. */
  readonly figures?: { readonly records: number; readonly dropped: number };
  /** The machine that is shown. */
  readonly chart?: ShownChart;
  /** Some of its instances, the oldest first. */
  readonly instances?: readonly Listed[];
  /** The instance that is open; null if there is none. */
  readonly instance?: ShownInstance | null;
  /** What the open instance did, the latest last. */
  readonly steps?: readonly InspectionRecord[];
  /** What the log tells, the latest last. */
  readonly log?: readonly InspectionRecord[];
  /** How much of the log was left out, for it came too fast. */
  readonly skipped?: number;
}
