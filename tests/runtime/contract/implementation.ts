/** What the contract suite needs of an implementation of the ports. */
import type {
  Clock,
  LinkParameters,
  Random,
  RoleSpec,
  SendResult,
  Spawned,
} from "../../../runtime/ports.ts";
import type { Store, Transport } from "../../../runtime/ports.ts";
import type { Damage, SealedBatch } from "../../../runtime/journal_chain.ts";
import { LOCAL_LINK } from "../../../runtime/link_model.ts";
import type { Switchboard } from "../../../runtime/switchboard.ts";

/** A directed link. */
export interface LinkSpec extends LinkParameters {
  readonly from: string;
  readonly to: string;
}

/** A whole system of some implementation. */
export interface TestSystem extends AsyncDisposable {
  readonly switchboard: Switchboard;
  readonly clock: Clock;
  spawn(spec: RoleSpec, start?: boolean): Promise<Spawned>;
  fence(address: string): void;
  tell(to: string, type: string, body?: unknown): SendResult;
  /** Settles without further ado: a simulated system is driven until it does. */
  ask(to: string, type: string, body?: unknown, timeoutMs?: number): Promise<unknown>;
  /** Drives the system, where that is needed, until the promise settles. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Resolves when all that was told so far lies in mailboxes. */
  flushed(): Promise<void>;
  /** Holds a role up in mid-turn. */
  stall(address: string): Promise<Stalled>;
}

/** A role that is held up: it can go on, or end without another look at its mail. */
export interface Stalled {
  readonly release: () => void;
  readonly kill: () => void;
}

/** Bare transports, without hosts. */
export interface TestNetwork {
  /** A mailbox and the transport of its owner. */
  add(address: string): Transport;
  /** Takes the right to speak from an address. */
  fence(transport: Transport): void;
  /** Whether the role of a transport runs. */
  setRuns(transport: Transport, runs: boolean): void;
}

/** An implementation of the ports. */
export interface Implementation {
  readonly name: string;
  createSystem(options: {
    readonly nodes: readonly string[];
    readonly links?: readonly LinkSpec[];
    readonly seed?: number;
  }): TestSystem;
  createNetwork(): TestNetwork;
  /** A fresh place for a store. */
  newStore(): string;
  openStore(place: string): Store;
  /** Resolves when all that was committed is durable. */
  settled(store: Store): Promise<void>;
  /** Ends a store's owner without a word. */
  abandon(store: Store): void;
  /** Changes a durable journal on its medium, behind the back of every store. */
  spoil(place: string, change: (batches: readonly SealedBatch[]) => readonly SealedBatch[]): void;
  /** Keeps what is sound of a damaged journal. */
  salvage(place: string): { readonly dropped: readonly Damage[]; readonly kept: number };
  random(seed: number): Random;
  /** The configuration of a role that can be stalled. */
  stallable(): unknown;
  dispose(): void;
}

/** A link between two nodes in one direction. */
export function link(from: string, to: string, change: Partial<LinkParameters> = {}): LinkSpec {
  return { ...LOCAL_LINK, ...change, from, to };
}
