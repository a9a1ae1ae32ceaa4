/**
 * What an onlooker is told: one record for each thing that happened in a role.
 *
 * @module
 */
import type { Address, DeadLetterReason } from "../ports.ts";

/** What all records say. */
export interface RecordHead {
  /** Cluster time in ms, with a fraction; comparable between all roles of a process. */
  readonly at: number;
  /** Where it happened. */
  readonly role: Address;
  /** Which life of that role. */
  readonly incarnation: number;
}

/** A role began to run. */
export type RoleStarted = RecordHead & { readonly kind: "roleStarted" };
/** A role is gone, and why. */
export type RoleEnded = RecordHead & { readonly kind: "roleEnded"; readonly reason: string };

/** The life of an instance began. */
export type InstanceBegan = RecordHead & {
  readonly kind: "began";
  /** Id of the machine. */
  readonly machine: string;
  /** Names the instance: a transaction, a peer. */
  readonly about: string;
  /** Its first state. */
  readonly state: string;
  /** Names of the effects of its first step. */
  readonly effects: readonly string[];
  /** Status, value and context as JSON, where they are known. */
  readonly snapshot?: string;
};

/** An event took an instance from a state to another, or to the same. */
export type InstanceStepped = RecordHead & {
  readonly kind: "step";
  /** Id of the machine. */
  readonly machine: string;
  /** Names the instance. */
  readonly about: string;
  /** Type of the event. */
  readonly event: string;
  /** State before it. */
  readonly before: string;
  /** State after it. */
  readonly after: string;
  /** Names of what the machine wants done. */
  readonly effects: readonly string[];
  /** Status, value and context after it as JSON, where they are known. */
  readonly snapshot?: string;
  /** The event as JSON, if payloads were asked for. */
  readonly payload?: string;
};

/** The life of an instance ended. */
export type InstanceEnded = RecordHead & {
  readonly kind: "ended";
  /** Id of the machine. */
  readonly machine: string;
  /** Names the instance. */
  readonly about: string;
  /** Its last state. */
  readonly state: string;
};

/** A message left (`sent`), or a link lost it on the way (`lost`). */
export type MessageSent = RecordHead & {
  readonly kind: "sent" | "lost";
  /** Whom it is for. */
  readonly to: Address;
  /** Its type. */
  readonly type: string;
  /** What it is about, if the role knows. */
  readonly about?: string;
  /** Bytes of its body. */
  readonly bytes: number;
  /** More than one if the link doubled it, 0 if it lost it. */
  readonly copies: number;
};

/** A role was given a message. */
export type MessageReceived = RecordHead & {
  readonly kind: "received";
  /** Who sent it. */
  readonly from: Address;
  /** Its type. */
  readonly type: string;
  /** What it is about, if the role knows. */
  readonly about?: string;
  /** Bytes of its body. */
  readonly bytes: number;
};

/** A message was not handled. */
export type MessageDead = RecordHead & {
  readonly kind: "dead";
  /** Why. */
  readonly reason: DeadLetterReason;
  /** Who sent it, as far as is known. */
  readonly from: Address;
  /** Whom it was for. */
  readonly to: Address;
  /** Its type. */
  readonly type: string;
  /** What it is about, if the role was given it and knows. */
  readonly about?: string;
  /** State of the role. */
  readonly state: string;
  /** How many of the kind. */
  readonly count: number;
};

/** A record was added to the journal; it is not durable yet. */
export type RecordJournaled = RecordHead & {
  readonly kind: "journaled";
  /** What it is about, if the role knows. */
  readonly about?: string;
  /** The kind of record, if it names one. */
  readonly type: string;
  /** Its number. */
  readonly number: number;
  /** Whether something waits for it to be durable. */
  readonly forced: boolean;
};

/** All records of a role up to a number are durable. */
export type RecordsDurable = RecordHead & {
  readonly kind: "durable";
  /** The last durable one. */
  readonly number: number;
};

/** One thing that happened. */
export type InspectionRecord =
  | RoleStarted
  | RoleEnded
  | InstanceBegan
  | InstanceStepped
  | InstanceEnded
  | MessageSent
  | MessageReceived
  | MessageDead
  | RecordJournaled
  | RecordsDurable;
