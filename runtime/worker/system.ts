/**
 * An actor system in one process: a switchboard, a spawner, and a client role on the calling
 * thread to talk to the others with.
 *
 * @module
 */
import { Host } from "../host.ts";
import { Inbox } from "../inbox.ts";
import { InspectionHub } from "../inspection/hub.ts";
import { Overseer } from "../inspection/overseer.ts";
import { LOCAL_LINK } from "../link_model.ts";
import type { Address, LinkParameters, RoleSpec, SendResult, Spawned } from "../ports.ts";
import { deriveSeed } from "../random.ts";
import { CLIENT, defineRole, type LogKind, MAIN_NODE, type RoleDefinition } from "../role.ts";
import { Switchboard } from "../switchboard.ts";
import { drive, type Driver } from "./driver.ts";
import { ProcessClock, ProcessRandom } from "./environment.ts";
import { WorkerSpawner } from "./spawner.ts";
import { WorkerTransport } from "./transport.ts";

/** A directed link to lay. */
export interface LinkSpec extends LinkParameters {
  /** The node that sends. */
  readonly from: string;
  /** The node that receives. */
  readonly to: string;
}

/** Options of {@link WorkerSystem.create}. */
export interface WorkerSystemOptions {
  /** Names of the nodes. */
  readonly nodes: readonly string[];
  /** Links between them; nodes without a link cannot talk. Roles of one node always can. */
  readonly links?: readonly LinkSpec[];
  /** Seed of the link models' randomness. Default 1. */
  readonly seed?: number;
  /** What the client at {@link CLIENT} understands. Default: nothing but answers. */
  readonly client?: RoleDefinition<never>;
  /** What roles log. Default: nothing. */
  readonly log?: (address: Address, kind: LogKind, text: string) => void;
}

const silent = defineRole<undefined>({ name: "client", create: () => ({ messages: {} }) });

/** Roles in workers of this process, and a client to tell and ask them. */
export class WorkerSystem implements AsyncDisposable {
  private constructor(
    readonly switchboard: Switchboard,
    readonly spawner: WorkerSpawner,
    readonly host: Host,
    /** Where onlookers attach, and detach, while all of it runs. */
    readonly inspection: InspectionHub,
    private readonly driver: Driver,
  ) {}

  /** Makes a system without roles. @throws {RangeError} for bad nodes or links. */
  static create(options: WorkerSystemOptions): WorkerSystem {
    const nodes = [MAIN_NODE, ...options.nodes];
    const seed = options.seed ?? 1;
    const switchboard = new Switchboard(nodes);
    for (const node of options.nodes) {
      switchboard.connect(MAIN_NODE, node, LOCAL_LINK);
      switchboard.connect(node, MAIN_NODE, LOCAL_LINK);
    }
    for (const { from, to, ...parameters } of options.links ?? []) {
      switchboard.connect(from, to, parameters);
    }
    const log = options.log ?? (() => {});
    const clock = new ProcessClock();
    const inspection = new InspectionHub(() => clock.now());
    const spawner = new WorkerSpawner({ switchboard, seed, log, inspection });
    const address = CLIENT;
    const client = options.client ?? (silent as RoleDefinition<never>);
    const { slot, memory, incarnation } = spawner.register(address);
    switchboard.setRuns(slot, true);
    const inbox = new Inbox(memory);
    const loop: { driver?: Driver } = {};
    const host = new Host(address, client, undefined, {
      clock,
      random: new ProcessRandom(deriveSeed(seed, address)),
      transport: new WorkerTransport(slot, incarnation, inbox, spawner.directory, switchboard),
      links: switchboard,
      nodeClock: switchboard.nodeClock(MAIN_NODE),
      openStore: () => {
        throw new Error("The client keeps no store");
      },
    }, {
      wake: () => loop.driver?.wake(),
      log: (kind, text) => log(address, kind, text),
      epoch: () => switchboard.epoch,
      ended: (error) => {
        loop.driver?.stop();
        if (error !== undefined) throw error;
      },
    });
    const overseer = new Overseer(host, (batch) => inspection.take(batch));
    inspection.began({
      address,
      incarnation,
      watch: (filter) => overseer.watch(filter),
      taken: (number) => overseer.taken(number),
      ask: (question) => Promise.resolve(overseer.answer(question)),
    });
    host.start();
    loop.driver = drive(host, inbox, clock, () => switchboard.beat(slot), true);
    return new WorkerSystem(switchboard, spawner, host, inspection, loop.driver);
  }

  /** Starts a role in a worker of its own and, unless `start` is false, lets it serve. */
  async spawn(spec: RoleSpec, start = true): Promise<Spawned> {
    const spawned = await this.spawner.spawn(spec);
    if (!start) return spawned;
    const ended = spawned.exited.then((how) =>
      Promise.reject(new Error(`${spec.address}: ${how}`))
    );
    ended.catch(() => {});
    await Promise.race([this.ask(spec.address, "$start", null), ended]);
    return spawned;
  }

  /** Sends a message; `accepted` is not delivered. */
  tell(to: Address, type: string, body: unknown = null): SendResult {
    const result = this.host.send(to, type, body);
    this.host.wake();
    return result;
  }

  /** Sends a message and waits for its answer. Rejects with `AskFailed`. */
  ask(to: Address, type: string, body: unknown = null, timeoutMs = 5000): Promise<unknown> {
    return this.host.ask(to, type, body, timeoutMs);
  }

  /** Ends all workers at once; for an orderly end, stop the roles first. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.driver.stop();
    this.host.close();
    await this.spawner.close();
  }
}
