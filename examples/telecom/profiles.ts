/**
 * Profiles: which nodes a cluster has, which links join them, and what it promises.
 *
 * @module
 */

import type { VictimPolicy } from "../../protocols/deadlock/victims.ts";
import type { WriteMethod } from "./methods.ts";

/** The three tiers. */
export const tiers = ["edge", "core", "cloud"] as const;

/** A tier of nodes. */
export type Tier = "edge" | "core" | "cloud";

/** The roles a node may have. */
export const roles = ["gateway", "coordinator", "participant", "storage", "monitor"] as const;

/**
 * What a node does: `gateway` serves the API; `coordinator` runs transactions; `participant` owns
 * shards; `storage` keeps durable copies; `monitor` watches heartbeats.
 */
export type NodeRole = "gateway" | "coordinator" | "participant" | "storage" | "monitor";

/** A node's usual figures. */
export interface Baseline {
  /** Milliseconds. */
  readonly latencyMs: number;
  /** Megabits a second. */
  readonly bandwidthMbps: number;
  /** Per cent of one processor. */
  readonly cpuPercent: number;
  /** Gigabytes. */
  readonly memoryGb: number;
  /** Transactions a second. */
  readonly transactionsPerS: number;
  /** Per cent of transactions that wait for a lock. */
  readonly lockContentionPercent: number;
}

/** A node of a profile. */
export interface ProfileNode {
  /** Such as `edge-1`: small letters, digits and dashes, at most 32. */
  readonly name: string;
  /** Where it stands. */
  readonly tier: Tier;
  /** What it does. */
  readonly roles: readonly NodeRole[];
  /** Services placed on it, for display. */
  readonly services?: readonly string[];
  /** How it is expected to fail, for display. */
  readonly failureMode?: "crash" | "omission" | "byzantine";
  /** Its usual figures, where the profile states them. */
  readonly baseline?: Baseline;
}

/** How messages fare on a link. */
export interface LinkFigures {
  /** One way, in milliseconds. */
  readonly delayMs: number;
  /** The most that is added to or taken from the delay, in milliseconds. */
  readonly jitterMs: number;
  /** Megabits a second. */
  readonly bandwidthMbps: number;
  /** The share of messages lost, from 0 to 1. */
  readonly loss: number;
  /** The share of messages that arrive twice, from 0 to 1. */
  readonly duplicate: number;
  /** The share of messages that later ones may overtake, from 0 to 1. */
  readonly reorder: number;
}

/** A link of a profile. */
export interface ProfileLink extends LinkFigures {
  /** A tier, meaning every node of it, or a node. */
  readonly from: string;
  /** A tier, meaning every node of it, or a node. */
  readonly to: string;
  /** True where it holds from `from` to `to` only; else it holds both ways. */
  readonly oneWay?: boolean;
  /** What it is for, for display; `primary` where not said. */
  readonly use?: "primary" | "backup" | "replication";
}

/** How transactions are decided, by method. */
export type Protocols = { readonly [M in WriteMethod]?: "2pc" | "3pc" };

/** Times, limits and promises. */
export interface ProfileSettings {
  /** How often a node says that it is alive, in milliseconds. */
  readonly heartbeatIntervalMs: number;
  /** Heartbeats missed in a row until a node counts as failed. */
  readonly missedLimit: number;
  /** How long a transaction may take until it is aborted, in milliseconds. */
  readonly transactionTimeoutMs: number;
  /** Transactions a coordinator runs at once; more are refused. */
  readonly maxConcurrentTransactions: number;
  /** How long a participant waits for a lock before it votes no, in milliseconds. */
  readonly lockTimeoutMs: number;
  /** Which transaction of a deadlock gives way and is begun again. */
  readonly victimPolicy: VictimPolicy;
  /** How long an edge may answer from a cache entry without renewing it, in milliseconds. */
  readonly leaseMs: number;
  /** How far clocks may drift apart, in parts per million. */
  readonly driftPpm: number;
  /** When an unanswered message is first sent again, in milliseconds. */
  readonly resendMs: number;
  /**
   * True where messages and processes keep their times, so that a node that is silent has failed: what
   * three-phase commit of money needs. False if not given: no network of packets is.
   */
  readonly synchronous?: boolean;
  /** How each method's transactions are decided, if not by two-phase commit. */
  readonly protocols?: Protocols;
  /** The nodes that agree by PBFT, and how many of them may lie. */
  readonly pbft: { readonly group: readonly string[]; readonly f: number };
  /** On how many distinct nodes each datum is kept. */
  readonly storage: { readonly copies: number };
}

/** A profile: checked, defaults filled in. */
export interface Profile {
  /** Such as `carrier`. */
  readonly name: string;
  /** A sentence for people. */
  readonly description?: string;
  /** The nodes, at most 32, of every tier at least one. */
  readonly nodes: readonly ProfileNode[];
  /** The links; none joins an edge and the cloud. */
  readonly links: readonly ProfileLink[];
  /** Times, limits and promises. */
  readonly settings: ProfileSettings;
}

/** The keys of `T` that `K` does not name may be left out. */
export type Defaulted<T, K extends keyof T> = Pick<T, K> & Partial<T>;

/** A profile as a file may state it: what has a default may be left out. */
export interface ProfileInput extends Omit<Profile, "links" | "settings"> {
  /** The links. */
  readonly links: readonly Defaulted<ProfileLink, "from" | "to" | "delayMs" | "bandwidthMbps">[];
  /** Times, limits and promises. */
  readonly settings: Defaulted<ProfileSettings, "pbft" | "storage">;
}

/** A profile, or one line that says what is wrong with it and where. */
export type LoadedProfile =
  | { readonly ok: true; readonly profile: Profile }
  | { readonly ok: false; readonly error: string };
