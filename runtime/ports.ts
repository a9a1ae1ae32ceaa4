/**
 * The ports: everything a role needs from the outside world. Each has a worker and a simulated
 * implementation, and one contract test runs against both.
 *
 * @module
 */

/** A logical address, `node/role` or `node/role/instance`; it never says where something runs. */
export type Address = string;

/** What a row of a {@link Store} can hold: plain JSON, so that a store can be read without us. */
export type Value =
  | string
  | number
  | boolean
  | null
  | readonly Value[]
  | { readonly [key: string]: Value };

/**
 * The answer to a send. `accepted` is not delivered; `full` means the receiver pushes back and
 * the sender must wait, shed or fail; `unreachable` means no such address, no link, or a role
 * that does not run.
 */
export type SendResult = "accepted" | "full" | "unreachable";

/** Why a message was not handled. */
export type DeadLetterReason =
  | "unreachable"
  | "full"
  | "malformed"
  | "oversized"
  | "unknownType"
  | "invalidBody"
  | "oldIncarnation"
  | "notServing"
  | "forbidden"
  | "lostTail";

/** What was not delivered, and why. Nothing vanishes. */
export interface DeadLetter {
  /** Why it was not handled. */
  readonly reason: DeadLetterReason;
  /** Whom it was for. */
  readonly to: Address;
  /** Who sent it, as far as is known. */
  readonly from: Address;
  /** Its type, or what was wrong with its frame. */
  readonly type: string;
  /** State of the receiving role, where there was one. */
  readonly state: string;
}

/** Time. `now` never goes backwards and is the same for all workers of one process. */
export interface Clock {
  /** Milliseconds with a fraction, monotonic, comparable between the workers of one cluster. */
  now(): number;
  /** Milliseconds since 1970-01-01 UTC; for tokens, expiry dates and logs, never for deadlines. */
  wall(): number;
}

/** Randomness, seeded where it must be replayed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `count` random bytes; from the operating system outside the simulator. */
  bytes(count: number): Uint8Array;
}

/** One packet in a mailbox: several envelopes for one role. */
export interface Frame {
  /** When the link hands it over, in {@link Clock.now} milliseconds. */
  readonly due: number;
  /** Travels in the reserved room: votes, decisions, acks, heartbeats. */
  readonly urgent: boolean;
  /** Slot of the sending role in the directory. */
  readonly sender: number;
  /** Incarnation of the sender when it wrote the frame. */
  readonly incarnation: number;
  /** How many envelopes the frame carries. */
  readonly count: number;
  /** The coded envelopes; see `codec.ts`. */
  readonly bytes: Uint8Array;
}

/** Transport: bounded mailboxes with push-back. One per role. */
export interface Transport {
  /** This role's own slot and incarnation. */
  readonly slot: number;
  /** Incarnation of the role. */
  readonly incarnation: number;
  /** Puts a frame into the mailbox of `to`. Never blocks. */
  transmit(to: Address, frame: Frame): SendResult;
  /** The next frame of the own mailbox, urgent ones first; its bytes are valid until the next call. */
  receive(): Frame | undefined;
  /** Whether a frame of this sender and incarnation still speaks for that role. */
  current(sender: number, incarnation: number): boolean;
  /** Whether there is a mailbox at this address now. */
  knows(to: Address): boolean;
  /** Frames and bytes waiting in the own mailbox. */
  depth(): { readonly messages: number; readonly bytes: number };
}

/** Parameters of one direction of a link; a fault is a change of one of them. */
export interface LinkParameters {
  /** Whether packets pass at all. */
  readonly up: boolean;
  /** Base one-way delay in ms. */
  readonly delayMs: number;
  /** The delay varies uniformly by up to this much, in ms, both ways. */
  readonly jitterMs: number;
  /** Megabits per second; 0 means unlimited. */
  readonly bandwidthMbps: number;
  /** Probability in [0, 1] that a packet is lost. */
  readonly loss: number;
  /** Probability in [0, 1] that a packet arrives twice. */
  readonly duplicate: number;
  /** Probability in [0, 1] that a packet is held back and so overtaken by later ones. */
  readonly reorder: number;
}

/** The links between nodes, shared by all senders, changeable while everything runs. */
export interface Links {
  /** The parameters from one node to another; undefined where no link exists. */
  get(from: string, to: string): LinkParameters | undefined;
  /** Changes some parameters of one direction; throws a RangeError for an unknown link. */
  set(from: string, to: string, change: Partial<LinkParameters>): void;
  /** Until when the wire of a direction is taken by packets already sent, in cluster ms. */
  busyUntil(from: string, to: string): number;
  /** Takes the wire. Two senders at one instant may overlap by a packet: it is a model. */
  setBusyUntil(from: string, to: string, until: number): void;
}

/** The vector clock of the node a role lives on (Mattern 1989). One integer a node. */
export interface NodeClock {
  /** Counts one event of this node; returns the whole clock. */
  tick(): number[];
  /** Takes the elementwise maximum with a received clock, then counts the receipt. */
  merge(clock: readonly number[]): void;
}

/**
 * Durable storage of one role: a journal of records and the rows they lead to, made durable
 * together by one commit.
 */
export interface Store {
  /** Identity of this store, made when it was created; a replaced disk has another one. */
  readonly id: string;
  /** All durable records in order; for recovery. */
  records(): Iterable<unknown>;
  /** Adds a record to the batch; returns its number, counted from 1 without gaps. */
  append(record: unknown): number;
  /** A row as the batch would leave it. */
  get(key: string): Value | undefined;
  /** Writes (or, with null, deletes) a row in the batch. */
  put(key: string, value: Value | null): void;
  /** Rows whose key starts with `prefix`, in key order, as the batch would leave them. */
  scan(prefix: string): Iterable<readonly [key: string, value: Value]>;
  /** Asks for the batch to be made durable. A failure throws and ends the role: never retried. */
  commit(): void;
  /** Number of the last durable record. */
  readonly durable: number;
  /** Whether anything waits for a commit. */
  readonly dirty: boolean;
  /** Replaces the whole journal by these records, atomically with the batch. */
  checkpoint(records: readonly unknown[]): void;
  /** Bytes of journal since the last checkpoint. */
  readonly journalBytes: number;
  /** Lets go of it; what was not committed is lost. */
  close(): void;
}

/** A running role as its spawner sees it. */
export interface Spawned {
  /** Where it is reached. */
  readonly address: Address;
  /** Counted from 1; a restarted role has a higher one. */
  readonly incarnation: number;
  /** Resolves when the role is gone, however it went, with the reason where one is known. */
  readonly exited: Promise<string>;
  /** Ends it without asking. A thread that never yields survives this: see `fence`. */
  terminate(): void;
}

/** What to start. */
export interface RoleSpec {
  /** Where it will be reached. */
  readonly address: Address;
  /** Module that exports the role definition, as an absolute URL. */
  readonly module: string;
  /** Name of the export. */
  readonly name: string;
  /** Handed to the definition's `create`; must survive structured clone. */
  readonly config: unknown;
  /** File or key of the role's store; undefined for a role that keeps nothing. */
  readonly store?: string;
}

/** Starts roles. */
export interface Spawner {
  /** Starts a role as a new incarnation of its address; resolves when it takes messages. */
  spawn(spec: RoleSpec): Promise<Spawned>;
  /** Takes the right to speak from the present incarnation of an address. */
  fence(address: Address): void;
  /**
   * A counter that a healthy role moves at least once a second; undefined where none runs. One
   * that stands still belongs to a role that takes no turns any more.
   */
  beats(address: Address): number | undefined;
  /** Threads that were fenced and have not ended: they never yield, so nothing can end them. */
  readonly lostThreads: number;
}

/** Everything a role's host is given. */
export interface Ports {
  /** Time. */
  readonly clock: Clock;
  /** Chance. */
  readonly random: Random;
  /** Mailboxes. */
  readonly transport: Transport;
  /** Links between nodes. */
  readonly links: Links;
  /** The node's vector clock. */
  readonly nodeClock: NodeClock;
  /** Opens the role's store; called once, during recovery. */
  readonly openStore: () => Store;
}
