/**
 * What a role is to its host: a table of messages and a few hooks. Roles are written against
 * {@link Services} alone, so that one definition runs in a worker and in the simulator.
 *
 * @module
 */
import type { Envelope, Metadata } from "./codec.ts";
import type { Engine, EngineKind } from "./engine.ts";
import type { Lives, Observer } from "./instances.ts";
import type {
  Address,
  Clock,
  DeadLetterReason,
  Links,
  Random,
  SendResult,
  Store,
} from "./ports.ts";
import type { Timers } from "./timers.ts";
import type { AnyStateMachine } from "./xstate_types.ts";

/** Node of the thread that made a system; linked to every other node without delay. */
export const MAIN_NODE = "main";

/** Address of the client in that thread. */
export const CLIENT = `${MAIN_NODE}/client`;

/** Blue, green, yellow and red in the operator's log. */
export type LogKind = "info" | "success" | "warning" | "failure";

/** How a message is sent. */
export interface SendOptions {
  /** Uses the reserved room and is read first: votes, decisions, acks, heartbeats. */
  readonly urgent?: boolean;
  /** What travels besides the body. */
  readonly metadata?: Metadata;
}

/** What a host does for its role. */
export interface Services {
  /** The role's own. */
  readonly address: Address;
  /** Name of the node the role belongs to: the first part of its address. */
  readonly node: string;
  /** Counted from 1; a restarted role has a higher one. */
  readonly incarnation: number;
  /** Time: real, or virtual in the simulator. */
  readonly clock: Clock;
  /** Chance: seeded where it must be replayed. */
  readonly random: Random;
  /** Links between nodes, as they are now. */
  readonly links: Links;
  /** Fired in turns of the host, in its clock. */
  readonly timers: Timers;
  /** The role's store. @throws {Error} before {@link Services.openStore}. */
  readonly store: Store;
  /** Opens the role's store; for `recover`. @throws {Error} for a role that was given none. */
  openStore(): Store;
  /** Epoch of the roster. */
  epoch(): number;
  /** Sends at the end of this turn, together with what else goes there. */
  send(to: Address, type: string, body: unknown, options?: SendOptions): SendResult;
  /** Sends and waits for one answer. Rejects with {@link AskFailed}. */
  ask(to: Address, type: string, body: unknown, timeoutMs: number): Promise<unknown>;
  /** Answers an ask; does nothing for a message that asked for no answer. */
  reply(to: Envelope, value: unknown): void;
  /** Answers an ask with a failure. */
  fail(to: Envelope, reason: string): void;
  /**
   * Adds a record to the journal. A forced one is made durable with this turn's batch, and
   * `durable` is called then, possibly turns later; a lazy one goes with a later batch.
   */
  journal(record: unknown, forced: boolean, durable?: () => void): void;
  /** Counts and keeps a message that could not be handled. */
  deadLetter(reason: DeadLetterReason, envelope: Envelope): void;
  /** Steps the instances of a machine; `live` if its context is large. Default: by a table. */
  engine(machine: AnyStateMachine, kind?: EngineKind): Engine<unknown>;
  /** Who looks on at the steps of machines, if anyone. */
  observe(): Observer | undefined;
  /** Makes sure that the host takes a turn soon; call it after work done outside of a turn. */
  wake(): void;
  /**
   * Marks work whose end comes from outside of the ports, such as cryptography done by the
   * platform, and takes a turn when it has ended. Virtual time stands still meanwhile.
   */
  outside<T>(work: Promise<T>): Promise<T>;
  /** Says something to the operator's log. */
  log(kind: LogKind, text: string): void;
}

/** One kind of message a role understands. */
export interface MessageHandler {
  /** Whether a decoded body is of the right shape; what is not becomes a dead letter. */
  readonly accepts: (body: unknown) => boolean;
  /** Takes a message; an error thrown here ends the role. */
  readonly handle: (body: never, envelope: Envelope) => void;
}

/** A role at work. Hooks are called in this order: recover, serve, drain, stop. */
export interface Role {
  /** What it understands, by message type. */
  readonly messages: Readonly<Record<string, MessageHandler>>;
  /** Rebuilds state from the store, or from a database, before anything else is served. */
  recover?(): void | Promise<void>;
  /** Begins to serve. */
  serve?(): void | Promise<void>;
  /** Stops taking new work. */
  drain?(): void;
  /** Whether all accepted work is finished; asked after `drain` until it is, or time is up. */
  drained?(): boolean;
  /** Writes what it would otherwise write later; the host commits then. */
  persist?(): void;
  /** Lets go of what it holds. */
  stop?(): void | Promise<void>;
  /** What a message or a journal record is about, such as a transaction, for those who look on. */
  about?(content: unknown): string | undefined;
  /** The life of its one machine, if it is a live XState actor. */
  readonly lives?: Lives;
  /** Figures for metrics; must survive CBOR. */
  stats?(): Readonly<Record<string, unknown>>;
}

/** A role as it is imported by the worker that runs it. */
export interface RoleDefinition<C = unknown> {
  /** For people. */
  readonly name: string;
  /** Makes a role; nothing is read or sent before its hooks are called. */
  create(services: Services, config: C): Role;
}

/** Types a role definition. */
export function defineRole<C>(definition: RoleDefinition<C>): RoleDefinition<C> {
  return definition;
}

/** Why an ask got no value: `timeout`, a send result, or the reason the answerer gave. */
export class AskFailed extends Error {
  /** Always `AskFailed`. */
  override readonly name = "AskFailed";
  /** An ask of `to` for `type` that failed. */
  constructor(readonly reason: string, to: Address, type: string) {
    super(`Cannot ask ${to} for "${type}": ${reason}`);
  }
}

/** The role part of an address: `core-1/coordinator` of `core-1/coordinator/tx-42`. */
export function roleAddress(address: Address): Address {
  const first = address.indexOf("/");
  const second = first < 0 ? -1 : address.indexOf("/", first + 1);
  return second < 0 ? address : address.slice(0, second);
}

/** The node part of an address. */
export function nodeOf(address: Address): string {
  const slash = address.indexOf("/");
  return slash < 0 ? address : address.slice(0, slash);
}
