/**
 * What a worker is to a real system: one role with its host, whose turns are events of the
 * virtual clock.
 *
 * @module
 */
import { Host, type HostHooks } from "../host.ts";
import type { Address, Ports, Spawned } from "../ports.ts";
import type { RoleDefinition } from "../role.ts";
import type { Timer } from "../timers.ts";
import type { DriftingClock } from "./conditions.ts";
import type { SimulatedRandom } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimulatedStore } from "./store.ts";

/** A sleeping role takes a turn this often: its beat tells the supervisor that it is well. */
export const BEAT_MS = 1000;

// A turn begins a drawn moment after what caused it. So virtual time always moves on (two roles
// with no delay between them cannot hold it up), and roles overtake each other in every order.
const LEAST_LAG_MS = 0.01;
const MOST_LAG_MS = 0.05;

/** What a process needs of its system. */
export interface ProcessOptions {
  /** Where it is reached. */
  readonly address: Address;
  /** Its place in the switchboard. */
  readonly slot: number;
  /** Counted from 1. */
  readonly incarnation: number;
  /** What it runs. */
  readonly definition: RoleDefinition<never>;
  /** Handed to the definition's `create`. */
  readonly config: unknown;
  /** Virtual time. */
  readonly scheduler: Scheduler;
  /** The clock of its node. */
  readonly clock: DriftingClock;
  /** The system's own randomness: the order of turns. */
  readonly lag: SimulatedRandom;
  /** How long a turn of this node waits at most, in ms, if it is slow. */
  readonly slowness: () => number | undefined;
  /** What its host is given. */
  readonly ports: Omit<Ports, "openStore">;
  /** Opens the store; undefined for a role that was given none. */
  readonly openStore: ((changed: () => void) => SimulatedStore) | undefined;
  /** What its host calls. */
  readonly hooks: Omit<HostHooks, "wake" | "ended">;
  /** Counts a turn. */
  readonly beat: () => void;
  /** A turn has been taken. */
  readonly turned?: ((process: Process) => void) | undefined;
  /** The process is gone. */
  readonly gone: (process: Process) => void;
}

/** A role at work in the simulator. */
export class Process implements Spawned {
  readonly address: Address;
  /** Its place in the switchboard. */
  readonly slot: number;
  readonly incarnation: number;
  readonly exited: Promise<string>;
  /** Runs the role. */
  readonly host: Host;
  readonly #exit = Promise.withResolvers<string>();
  #store: SimulatedStore | undefined;
  #turn: Timer | undefined;
  readonly #takes = (): void => this.#take();
  #gone = false;
  #paused = false;
  #doomed = false;
  /** Whether it may not speak any more. */
  fenced = false;
  /** Why it ended; undefined while it runs. */
  reason: string | undefined;

  /** Makes the role; it sees nothing before its first turn. */
  constructor(private readonly options: ProcessOptions) {
    const { address, definition, config, ports, hooks, openStore } = options;
    this.address = address;
    this.slot = options.slot;
    this.incarnation = options.incarnation;
    this.exited = this.#exit.promise;
    this.host = new Host(address, definition, config, {
      ...ports,
      openStore: () => {
        if (openStore === undefined) throw new Error(`${address} was given no store`);
        return this.#store = openStore(() => this.wake());
      },
    }, {
      ...hooks,
      wake: () => this.wake(),
      ended: (error) => this.end(error === undefined ? "stopped" : error.stack ?? error.message),
    });
    this.wake();
  }

  /** Takes a turn soon. */
  wake(): void {
    const { scheduler, lag, slowness } = this.options;
    if (this.#turn !== undefined && this.#turn.due <= scheduler.now() + LEAST_LAG_MS) return;
    this.#schedule(scheduler.now() + lag.between(LEAST_LAG_MS, slowness() ?? MOST_LAG_MS));
  }

  #schedule(due: number): void {
    if (this.#gone || this.#paused) return;
    const { scheduler } = this.options;
    if (this.#turn !== undefined) {
      if (this.#turn.due <= due) return;
      scheduler.cancel(this.#turn);
    }
    this.#turn = scheduler.at(due, this.#takes);
  }

  #take(): void {
    this.#turn = undefined;
    this.options.beat();
    const { again, next } = this.host.turn();
    if (this.#doomed) return this.terminate();
    this.options.turned?.(this);
    const { clock, scheduler } = this.options;
    if (again || (next !== undefined && next <= clock.now())) return this.wake();
    const due = next === undefined ? Infinity : clock.trueTime(next);
    this.#schedule(Math.min(due, scheduler.now() + BEAT_MS));
  }

  /** Whether its node is slow. */
  get slow(): boolean {
    return this.options.slowness() !== undefined;
  }

  /** Batches of its store that are not durable yet. */
  get unsynced(): number {
    return this.#store?.unsynced ?? 0;
  }

  /** Messages in its mailbox. */
  get depth(): number {
    return this.options.ports.transport.depth().messages;
  }

  /** Of a process that is gone: messages in its mailbox that its successor will find there. */
  get inherited(): number {
    return this.fenced ? 0 : this.depth;
  }

  /** Hangs it like a thread that never yields: no turn, no beat, until {@link Process.resume}. */
  pause(): void {
    this.#paused = true;
    if (this.#turn !== undefined) this.options.scheduler.cancel(this.#turn);
    this.#turn = undefined;
  }

  /** Lets it go on; one that was terminated while it hung takes one more turn, then ends. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.wake();
  }

  terminate(): void {
    // A thread that never yields survives this, and finishes its turn when it wakes.
    if (this.#paused) this.#doomed = true;
    else this.end("exited without a word");
  }

  /** The end, orderly or not; only the first one counts. */
  end(reason: string): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#turn !== undefined) this.options.scheduler.cancel(this.#turn);
    this.reason = reason;
    this.host.halt();
    this.#store?.crash(); // Of no effect on a store that was closed.
    this.#exit.resolve(reason);
    this.options.gone(this);
  }
}
