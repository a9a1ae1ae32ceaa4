/**
 * An actor system in one thread and in virtual time, replayed exactly by its seed: the same
 * roles, hosts and link models as in workers, over simulated ports.
 *
 * Time moves only while {@link SimulatedSystem.run} or {@link SimulatedSystem.until} drives it.
 * Role code may use promises, as long as they settle by messages, timers of the host, or code
 * that needs no I/O: the driver lets all microtasks run between two events.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Host } from "../host.ts";
import type { InboxSize } from "../inbox.ts";
import { LOCAL_LINK } from "../link_model.ts";
import type { Address, LinkParameters, RoleSpec, SendResult, Spawned } from "../ports.ts";
import { deriveSeed } from "../random.ts";
import {
  CLIENT,
  defineRole,
  type LogKind,
  MAIN_NODE,
  nodeOf,
  type RoleDefinition,
} from "../role.ts";
import { Switchboard } from "../switchboard.ts";
import { SimulatedRandom } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import { Conditions } from "./conditions.ts";
import { drainMicrotasks } from "./drain.ts";
import { type Onlooker, SimulatedSpawner } from "./spawner.ts";
import { type CommitDelay, SimulatedDisks } from "./store.ts";
import { SimulatedDirectory } from "./transport.ts";

/** A directed link to lay. */
export interface LinkSpec extends LinkParameters {
  /** The node that sends. */
  readonly from: string;
  /** The node that receives. */
  readonly to: string;
}

/** Options of {@link SimulatedSystem.create}. */
export interface SimulatedSystemOptions {
  /** Names of the nodes. */
  readonly nodes: readonly string[];
  /** Links between them; nodes without a link cannot talk. Roles of one node always can. */
  readonly links?: readonly LinkSpec[];
  /** Everything that is drawn is drawn from this. Default 1. */
  readonly seed?: number;
  /** What the client at {@link CLIENT} understands. Default: nothing but answers. */
  readonly client?: RoleDefinition<never>;
  /** What roles log. Default: nothing. */
  readonly log?: (address: Address, kind: LogKind, text: string) => void;
  /** Size of every mailbox. */
  readonly inboxSize?: InboxSize;
  /** How the world misbehaves. Default: it does not. */
  readonly conditions?: Conditions;
  /** Who looks on. */
  readonly onlooker?: Onlooker;
  /** How long commits take. Default 0.2 to 3 ms. */
  readonly commitDelay?: CommitDelay;
}

/** Events between two trips through the event loop, where microtasks can be run without one. */
const SLICE = 256;

const silent = defineRole<undefined>({ name: "client", create: () => ({ messages: {} }) });

/** Roles in virtual time, and a client to tell and ask them. */
export class SimulatedSystem implements AsyncDisposable {
  private constructor(
    readonly scheduler: Scheduler,
    readonly switchboard: Switchboard,
    readonly spawner: SimulatedSpawner,
    readonly disks: SimulatedDisks,
    readonly host: Host,
    readonly conditions: Conditions,
    private readonly directory: SimulatedDirectory,
  ) {}

  /** Makes a system without roles. @throws {RangeError} for bad nodes or links. */
  static create(options: SimulatedSystemOptions): SimulatedSystem {
    const { seed = 1, inboxSize, log, commitDelay, onlooker } = options;
    const { conditions = new Conditions() } = options;
    const switchboard = new Switchboard([MAIN_NODE, ...options.nodes]);
    for (const node of options.nodes) {
      switchboard.connect(MAIN_NODE, node, LOCAL_LINK);
      switchboard.connect(node, MAIN_NODE, LOCAL_LINK);
    }
    for (const { from, to, ...parameters } of options.links ?? []) {
      switchboard.connect(from, to, parameters);
    }
    const scheduler = new Scheduler();
    const directory = new SimulatedDirectory();
    const diskRandom = new SimulatedRandom(deriveSeed(seed, "disks"));
    const disks = new SimulatedDisks(scheduler, diskRandom, commitDelay, {
      torn: () => conditions.torn,
      written: onlooker?.written,
    });
    const spawner = new SimulatedSpawner({
      scheduler,
      switchboard,
      directory,
      disks,
      seed,
      inboxSize,
      log,
      conditions,
      onlooker,
    });
    const address = CLIENT;
    const client = options.client ?? (silent as RoleDefinition<never>);
    const { host } = spawner.launch({ address, config: undefined }, client);
    host.start();
    return new SimulatedSystem(scheduler, switchboard, spawner, disks, host, conditions, directory);
  }

  /** Virtual time in ms since the system was made. */
  get now(): number {
    return this.scheduler.now();
  }

  /** A hash of all traffic so far: runs of one seed have the same one. */
  get fingerprint(): string {
    return this.directory.fingerprint;
  }

  /** Starts a role and, unless `start` is false, drives the system until it serves. */
  async spawn(spec: RoleSpec, start = true): Promise<Spawned> {
    const spawned = await this.spawner.spawn(spec);
    if (start) await this.until(this.ask(spec.address, "$start", null));
    return spawned;
  }

  /** Sends a message; `accepted` is not delivered. */
  tell(to: Address, type: string, body: unknown = null): SendResult {
    const result = this.host.send(to, type, body);
    this.host.wake();
    return result;
  }

  /** Sends a message; its answer comes while the system is driven. Rejects with `AskFailed`. */
  ask(to: Address, type: string, body: unknown = null, timeoutMs = 5000): Promise<unknown> {
    const answer = this.host.ask(to, type, body, timeoutMs);
    // Whoever asks may look at the answer only after having driven the system.
    answer.catch(() => {});
    return answer;
  }

  /** Ends a role at once, wherever it is. @throws {RangeError} if none runs there. */
  crash(address: Address): void {
    this.spawner.crash(address);
  }

  /** Ends all roles of a node at once. */
  crashNode(node: string): void {
    for (const address of this.spawner.running) {
      if (nodeOf(address) === node) this.spawner.crash(address);
    }
  }

  /** Starts a role again as a new incarnation, fencing the old one if it still runs. */
  restart(spec: RoleSpec, start = true): Promise<Spawned> {
    this.spawner.fence(spec.address);
    return this.spawn(spec, start);
  }

  /** Lets everything happen that is due up to the instant `untilMs`. */
  async run(untilMs: number): Promise<void> {
    await this.#drive(() => !this.scheduler.step(untilMs));
    this.scheduler.skipTo(untilMs);
  }

  /** Lets the next `ms` of virtual time pass. */
  advance(ms: number): Promise<void> {
    return this.run(this.now + ms);
  }

  /**
   * Drives the system until a promise settles, and returns what it came to.
   *
   * @param limitMs how much virtual time it may take
   * @throws {Error} if it has not settled by then
   */
  async until<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    promise.then(settle, settle);
    const limit = this.now + limitMs;
    await this.#drive(() => settled || !this.scheduler.step(limit));
    if (!settled) throw new Error(`Not settled after ${limitMs} ms of virtual time`);
    return await promise;
  }

  /** Drives the system until a condition holds. @throws {Error} if it does not by `limitMs`. */
  async when(condition: () => boolean, limitMs = 60_000): Promise<void> {
    const limit = this.now + limitMs;
    await this.#drive(() => condition() || !this.scheduler.step(limit));
    if (!condition()) throw new Error(`Does not hold after ${limitMs} ms of virtual time`);
  }

  /**
   * Calls `step` until it is true, each time after every microtask has run. Virtual time also
   * stands still while a role's module is imported or a role works outside.
   */
  #drive(step: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const slice = (): void => {
        try {
          for (let i = 0; i < SLICE && !this.spawner.importing; i++) {
            if (step()) return resolve();
            if (drainMicrotasks === undefined) break;
            drainMicrotasks();
          }
        } catch (error) {
          return reject(error as Error);
        }
        setImmediate(slice);
      };
      // A macrotask begins only when no microtask is left.
      setImmediate(slice);
    });
  }

  /** Ends all roles at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.host.close();
    this.spawner.close();
    await this.#drive(() => true);
  }
}
