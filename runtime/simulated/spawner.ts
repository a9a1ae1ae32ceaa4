/**
 * Starts simulated roles, sees them end, and breaks them on purpose.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Engine, EngineKind } from "../engine.ts";
import type { InboxSize } from "../inbox.ts";
import type { Observer } from "../instances.ts";
import type { Address, RoleSpec, SendResult, Spawned, Spawner } from "../ports.ts";
import { deriveSeed } from "../random.ts";
import { type LogKind, MAIN_NODE, nodeOf, type RoleDefinition } from "../role.ts";
import { MAX_SLOTS, type Switchboard } from "../switchboard.ts";
import type { Witness } from "../witness.ts";
import type { AnyStateMachine } from "../xstate_types.ts";
import { type Conditions, DriftingClock } from "./conditions.ts";
import { Process } from "./process.ts";
import { SimulatedRandom } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimulatedDisks, WrittenBatch } from "./store.ts";
import { Mailbox, type Served, type SimulatedDirectory, SimulatedTransport } from "./transport.ts";

/** Who looks on at a simulated system. All of it is optional, and none of it changes a run. */
export interface Onlooker {
  /** Steps the machines in place of tables of their own: it may count, or step other machines. */
  readonly engine?: (machine: AnyStateMachine, kind: EngineKind) => Engine<unknown>;
  /** Told of every step of a role's machines. */
  readonly observe?: (address: Address) => Observer;
  /** Told of every message of a role. */
  readonly witness?: (address: Address) => Witness;
  /** A frame of so many messages reached the mailbox of `to`, or did not. */
  readonly transmitted?: (from: Address, to: Address, count: number, result: SendResult) => void;
  /** A role took a turn. One that is fenced is out of the world: nothing is told of it. */
  readonly turned?: (process: Process) => void;
  /** An incarnation is gone, or fenced. */
  readonly gone?: (process: Process) => void;
  /** A batch has become durable. */
  readonly written?: (key: string, batch: WrittenBatch) => void;
}

/** Options of a {@link SimulatedSpawner}. */
export interface SimulatedSpawnerOptions {
  /** Virtual time. */
  readonly scheduler: Scheduler;
  /** Shared by all roles it starts. */
  readonly switchboard: Switchboard;
  /** Where every address is served. */
  readonly directory: SimulatedDirectory;
  /** Where stores are kept. */
  readonly disks: SimulatedDisks;
  /** Seed of everything that is drawn. */
  readonly seed: number;
  /** Size of every mailbox. */
  readonly inboxSize?: InboxSize | undefined;
  /** How the world misbehaves. */
  readonly conditions: Conditions;
  /** Who looks on. */
  readonly onlooker?: Onlooker | undefined;
  /** What roles log. Default: nothing. */
  readonly log?: ((address: Address, kind: LogKind, text: string) => void) | undefined;
}

/** A {@link Spawner} of roles in virtual time. */
export class SimulatedSpawner implements Spawner {
  readonly #processes = new Map<Address, Process>();
  /** Fenced while they hung: they may wake up yet. */
  readonly #zombies = new Set<Process>();
  readonly #served = new Map<Address, Served & { readonly mailbox: Mailbox }>();
  readonly #incarnations = new Map<Address, number>();
  readonly #modules = new Map<string, Record<string, unknown>>();
  readonly #lag: SimulatedRandom;
  readonly #tail: SimulatedRandom;
  #loading: Promise<void> = Promise.resolve();
  #outsideWork: Promise<void> = Promise.resolve();
  #imports = 0;
  #slots = 0;

  /** A spawner without roles. */
  constructor(private readonly options: SimulatedSpawnerOptions) {
    this.#lag = new SimulatedRandom(deriveSeed(options.seed, "turns"));
    this.#tail = new SimulatedRandom(deriveSeed(options.seed, "tail"));
  }

  /** Whether a module is being imported, or a role does work outside: virtual time waits. */
  get importing(): boolean {
    return this.#imports > 0;
  }

  beats(address: Address): number | undefined {
    const process = this.#processes.get(address);
    return process === undefined ? undefined : this.options.switchboard.beats(process.slot);
  }

  get lostThreads(): number {
    return this.#zombies.size;
  }

  async spawn(spec: RoleSpec): Promise<Spawned> {
    const definition = await this.#definition(spec);
    return this.launch(spec, definition);
  }

  async #definition(spec: RoleSpec): Promise<RoleDefinition<never>> {
    const module = this.#modules.get(spec.module) ?? await this.#import(spec.module);
    const definition = module[spec.name] as RoleDefinition<never> | undefined;
    if (typeof definition?.create !== "function") {
      throw new TypeError(
        `Cannot start ${spec.address}: ${spec.module} exports no role ${spec.name}`,
      );
    }
    return definition;
  }

  /** Imports one module after the other, so that their order is the order of the calls. */
  async #import(url: string): Promise<Record<string, unknown>> {
    this.#imports++;
    const before = this.#loading;
    const done = Promise.withResolvers<void>();
    this.#loading = done.promise;
    try {
      await before;
      const module = await import(url) as Record<string, unknown>;
      this.#modules.set(url, module);
      return module;
    } finally {
      this.#imports--;
      done.resolve();
    }
  }

  /**
   * Holds up virtual time until something outside of it has ended. What is under way at once ends
   * in the order in which it began, each in a macrotask of its own: whichever the platform
   * finishes first, the run is the same.
   */
  async #outside<T>(work: Promise<T>): Promise<T> {
    this.#imports++;
    work.catch(() => {}); // Looked at below, perhaps later than it fails.
    const before = this.#outsideWork;
    const turn = Promise.withResolvers<void>();
    this.#outsideWork = turn.promise;
    try {
      await before;
      return await work;
    } finally {
      setImmediate(() => {
        this.#imports--;
        turn.resolve();
      });
    }
  }

  /** Starts a role whose definition is at hand. */
  launch(
    spec: Omit<RoleSpec, "module" | "name">,
    definition: RoleDefinition<never>,
  ): Process {
    const { address, store } = spec;
    const { scheduler, switchboard, directory, disks, seed, log, conditions } = this.options;
    const { onlooker = {} } = this.options;
    const node = nodeOf(address);
    const nodeClock = switchboard.nodeClock(node);
    const clock = new DriftingClock(scheduler, conditions.rates.get(node) ?? 1);
    const { transmitted } = onlooker;
    if (this.#processes.has(address)) this.fence(address);
    const { slot, mailbox } = this.#serve(address);
    const incarnation = switchboard.incarnate(slot, this.#incarnations.get(address));
    this.#incarnations.set(address, incarnation);
    const process = new Process({
      address,
      slot,
      incarnation,
      definition,
      config: structuredClone(spec.config),
      scheduler,
      clock,
      lag: this.#lag,
      slowness: () => conditions.slowness.get(node),
      ports: {
        clock,
        random: new SimulatedRandom(deriveSeed(seed, `${address}#${incarnation}`)),
        transport: new SimulatedTransport(
          slot,
          incarnation,
          mailbox,
          directory,
          switchboard,
          () => scheduler.now(),
          {
            address,
            clock,
            delay: (to) => this.#heldUp(node, nodeOf(to)),
            transmitted: (to, count, result) => {
              if (!process.fenced) transmitted?.(address, to, count, result);
            },
          },
        ),
        links: switchboard,
        nodeClock,
      },
      openStore: store === undefined ? undefined : (changed) => disks.open(store, changed),
      hooks: {
        log: (kind, text) => log?.(address, kind, text),
        epoch: () => switchboard.epoch,
        outside: (work) => this.#outside(work),
        ...(onlooker.engine === undefined ? {} : { engine: onlooker.engine }),
        ...(onlooker.witness === undefined ? {} : { witness: onlooker.witness(address) }),
      },
      turned: (turned) => {
        if (!turned.fenced) onlooker.turned?.(turned);
      },
      beat: () => switchboard.beat(slot),
      gone: (gone) => {
        if (!gone.fenced) onlooker.gone?.(gone);
        this.#forget(gone);
      },
    });
    process.host.onlookers.set(onlooker.observe?.(address));
    process.host.discardOldMail();
    this.#processes.set(address, process);
    switchboard.setRuns(slot, true);
    return process;
  }

  /** What a packet is held up by on top of its link. The calling thread is not part of the world. */
  #heldUp(from: string, to: string): number {
    const { conditions } = this.options;
    if (from === to || (conditions.tail === undefined && conditions.snag === 0)) return 0;
    if (from === MAIN_NODE || to === MAIN_NODE) return 0;
    return conditions.heldUp(this.#tail.next());
  }

  #serve(address: Address): { slot: number; mailbox: Mailbox } {
    let served = this.#served.get(address);
    if (served === undefined) {
      if (this.#slots >= MAX_SLOTS) throw new RangeError("Cannot spawn: no slot is left");
      served = {
        slot: this.#slots++,
        mailbox: new Mailbox(this.options.inboxSize),
        arrived: () => this.#processes.get(address)?.wake(),
      };
      this.#served.set(address, served);
      this.options.directory.set(address, served);
    }
    return served;
  }

  #forget(process: Process): void {
    this.#zombies.delete(process);
    if (this.#processes.get(process.address) !== process) return;
    this.#processes.delete(process.address);
    this.options.switchboard.setRuns(process.slot, false);
  }

  fence(address: Address): void {
    const process = this.#processes.get(address);
    if (process === undefined) return;
    const { switchboard, onlooker } = this.options;
    switchboard.incarnate(process.slot);
    switchboard.setRuns(process.slot, false);
    this.#processes.delete(address);
    // It may still hold its mailbox: a successor gets a slot and a mailbox of its own.
    this.#served.delete(address);
    this.#zombies.add(process);
    process.fenced = true;
    process.reason = "fenced";
    onlooker?.gone?.(process);
    process.terminate();
  }

  #find(address: Address): Process {
    const process = this.#processes.get(address);
    if (process === undefined) throw new RangeError(`No role runs at ${address}`);
    return process;
  }

  /** Addresses of all running roles. */
  get running(): readonly Address[] {
    return [...this.#processes.keys()];
  }

  /** Ends a role at once, wherever it is. @throws {RangeError} if none runs there. */
  crash(address: Address): void {
    this.#find(address).end("crashed");
  }

  /** The present process of an address, if one runs there. */
  process(address: Address): Process | undefined {
    return this.#processes.get(address);
  }

  /** Lets a mailbox be full, whatever is in it. Returns how to let it take mail again. */
  jam(address: Address, what: "normal" | "all"): () => void {
    const mailbox = this.#served.get(address)?.mailbox;
    if (mailbox === undefined) throw new RangeError(`Nothing was ever served at ${address}`);
    mailbox.jammed = what;
    return () => {
      mailbox.jammed = "no";
    };
  }

  /** Hangs a role. Returns how to let it go on, which works even after it was fenced. */
  pause(address: Address): () => void {
    const process = this.#find(address);
    process.pause();
    return () => process.resume();
  }

  /** Ends all roles at once. */
  close(): void {
    for (const process of [...this.#processes.values(), ...this.#zombies]) process.end("closed");
  }
}
