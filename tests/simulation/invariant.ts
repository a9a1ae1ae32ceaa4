/**
 * What an invariant is, and how all of them are told of what happens.
 *
 * To add one, put a file into `invariants/` that exports an `invariant`: it is found by itself.
 *
 * @module
 */
import type { Envelope, Outgoing } from "../../runtime/codec.ts";
import type { Effect } from "../../runtime/engine.ts";
import type { Address, DeadLetter, SendResult } from "../../runtime/ports.ts";
import type { Process } from "../../runtime/simulated/process.ts";
import type { WrittenBatch } from "../../runtime/simulated/store.ts";
import type { LedgerModel } from "./ledger_model.ts";
import type { LogKind } from "../../runtime/role.ts";
import type { EventObject } from "../../runtime/xstate_types.ts";

/** A step of some machine. */
export interface Step {
  /** Of the role whose machine it is. */
  readonly address: Address;
  /** Id of the machine. */
  readonly machine: string;
  /** Of the instance; of a transaction's machines, the transaction. */
  readonly key: string;
  readonly event: EventObject;
  readonly before: string;
  readonly after: string;
  readonly effects: readonly Effect[];
  /** The message that led to it; undefined for timers, the journal and promises. */
  readonly cause: Envelope | undefined;
}

/** A request of a client. */
export interface Request {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Virtual ms. */
  readonly sentAt: number;
  /** When its first attempt was: a repetition may be told what an earlier one has done. */
  readonly begunAt: number;
  /** Where it went. */
  readonly edge: string;
}

/** What the invariants know of the run they watch. */
export interface Watched {
  /** Virtual ms. */
  now(): number;
  /** Reports a violation. */
  fail(message: string): void;
  /** Faults at work at this moment, by name. */
  readonly faults: ReadonlySet<string>;
  /** Whether any fault at all was drawn for this run. */
  readonly faultless: boolean;
  /** The rows as the decisions have them. */
  readonly model: LedgerModel;
  /** Address of the participant or coordinator that keeps a store, by the key of the store. */
  readonly keepers: ReadonlyMap<string, Address>;
  /** Roles that lie: nothing is promised of them. */
  readonly liars: ReadonlySet<Address>;
  /** Rows that are durable now, as JSON. */
  rows(store: string): ReadonlyMap<string, string>;
  /** Identity of a store that has been opened. */
  storeId(store: string): string | undefined;
  /** Times in ms. */
  readonly settings: {
    readonly heartbeatIntervalMs: number;
    readonly missedLimit: number;
    readonly driftPpm: number;
    readonly transactionTimeoutMs: number;
    readonly lockTimeoutMs: number;
  };
}

/** What must always hold. Each method is called after what it is named for. */
export interface Invariant {
  step?(step: Step): void;
  sent?(from: Address, to: Address, envelopes: readonly Outgoing[], copies: number): void;
  transmitted?(from: Address, to: Address, count: number, result: SendResult): void;
  delivered?(to: Address, envelope: Envelope): void;
  dead?(at: Address, letter: DeadLetter, count: number): void;
  turned?(process: Process): void;
  gone?(process: Process, reason: string): void;
  written?(store: string, batch: WrittenBatch): void;
  logged?(address: Address, kind: LogKind, text: string): void;
  /** A client got a result, no error. */
  acknowledged?(request: Request, result: Readonly<Record<string, unknown>>): void;
  /** Faults are over. */
  healed?(): void;
  /** How many transactions and the like are undecided yet. */
  undecided?(): number;
  /** The run is over, and everything has been given the time it needs. */
  finish?(): void;
}

/** Makes an invariant for one run. */
export interface InvariantDefinition {
  readonly name: string;
  /** What it says, in a sentence. */
  readonly says: string;
  create(watched: Watched): Invariant;
}

/** Every invariant there is: the files of `invariants/`, by name. */
export async function allInvariants(): Promise<readonly InvariantDefinition[]> {
  const folder = new URL("./invariants/", import.meta.url);
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const modules = files.filter((name) => !name.startsWith("_")).map(async (name) => {
    const module = await import(new URL(name, folder).href) as { invariant: InvariantDefinition };
    return module.invariant;
  });
  return await Promise.all(modules);
}

type Name = keyof Invariant;
type Told<N extends Name> = (...args: Parameters<NonNullable<Invariant[N]>>) => void;

/** All invariants of one run. */
export class Invariants {
  readonly #all: readonly Invariant[];
  readonly step: Told<"step">;
  readonly sent: Told<"sent">;
  readonly transmitted: Told<"transmitted">;
  readonly delivered: Told<"delivered">;
  readonly dead: Told<"dead">;
  readonly turned: Told<"turned">;
  readonly gone: Told<"gone">;
  readonly written: Told<"written">;
  readonly logged: Told<"logged">;
  readonly acknowledged: Told<"acknowledged">;
  readonly healed: Told<"healed">;
  readonly finish: Told<"finish">;

  /** @param watched of the run, with a `fail` that is told who reports */
  constructor(
    definitions: readonly InvariantDefinition[],
    watched: (name: string) => Watched,
  ) {
    this.#all = definitions.map((definition) => definition.create(watched(definition.name)));
    this.step = this.#tell("step");
    this.sent = this.#tell("sent");
    this.transmitted = this.#tell("transmitted");
    this.delivered = this.#tell("delivered");
    this.dead = this.#tell("dead");
    this.turned = this.#tell("turned");
    this.gone = this.#tell("gone");
    this.written = this.#tell("written");
    this.logged = this.#tell("logged");
    this.acknowledged = this.#tell("acknowledged");
    this.healed = this.#tell("healed");
    this.finish = this.#tell("finish");
  }

  /** Calls only those that care. */
  #tell<N extends Name>(name: N): Told<N> {
    const able = this.#all.filter((invariant) =>
      invariant[name] !== undefined
    ) as (Invariant & Record<N, (...args: readonly unknown[]) => void>)[];
    return (...args) => {
      for (const invariant of able) invariant[name](...args as readonly unknown[]);
    };
  }

  /** How much has no outcome yet. */
  undecided(): number {
    return this.#all.reduce((sum, invariant) => sum + (invariant.undecided?.() ?? 0), 0);
  }
}
