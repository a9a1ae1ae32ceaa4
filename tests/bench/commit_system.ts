/** The roles of the `commit` bench at work: coordinators, participants, and a client in a closed loop. */
import process from "node:process";
import type { DetectorConfig } from "../../actors/deadlock_detector.ts";
import type { LinkState } from "../../examples/telecom/console/protocol.ts";
import type { InspectionHub } from "../../runtime/inspection/hub.ts";
import { storedRows } from "../../runtime/worker/sqlite_rows.ts";
import type { WorkerSystem } from "../../runtime/worker/system.ts";
import { ACCOUNTS, BALANCE, type ClientConfig, type Load, type Measured } from "./commit_roles.ts";
import { mesh } from "./mesh.ts";

const CLIENT = "edge-1/client";
const DETECTOR = "core-1/detector";
const PATIENCE_MS = 60_000;
const TIMES = { leaseMs: 5000, driftPpm: 200 };

/** How many of each there are. */
export interface Size {
  readonly coordinators: number;
  readonly participants: number;
}

/** One load, and what it cost. */
export interface Round {
  /** Transactions committed a second. */
  readonly perS: number;
  /** Processor time of all threads per transaction, in microseconds. */
  readonly cpuUs: number;
}

/** A system under load. */
export class CommitSystem implements AsyncDisposable {
  readonly #coordinators: readonly string[];
  readonly #participants: readonly string[];
  readonly #system: WorkerSystem;

  private constructor(private readonly folder: string, size: Size) {
    const name = (tier: string, count: number) =>
      Array.from({ length: count }, (_, i) => `${tier}-${i + 1}`);
    const core = name("core", size.coordinators), cloud = name("cloud", size.participants);
    this.#coordinators = core.map((node) => `${node}/coordinator`);
    this.#participants = cloud.map((node) => `${node}/participant`);
    this.#system = mesh([...core, ...cloud, "edge-1"]);
  }

  /** Starts all roles, with their stores in a folder. */
  static async start(folder: string, size: Size): Promise<CommitSystem> {
    const system = new CommitSystem(folder, size);
    await system.#start();
    return system;
  }

  async #start(): Promise<void> {
    const actors = new URL("../../actors/", import.meta.url);
    const own = new URL("./commit_roles.ts", import.meta.url).href;
    await Promise.all(this.#participants.map((address, shard) =>
      this.#system.spawn({
        address,
        module: own,
        name: "participant",
        store: `${this.folder}/participant-${shard}.sqlite`,
        config: {
          shards: [shard],
          coordinators: this.#coordinators,
          edges: [],
          detector: DETECTOR,
          lockTimeoutMs: 1000,
          inquireMs: 1000,
          storeSince: 1,
          ...TIMES,
        },
      })
    ));
    await Promise.all(this.#coordinators.map((address, i) =>
      this.#system.spawn({
        address,
        module: new URL("coordinator.ts", actors).href,
        name: "coordinatorRole",
        store: `${this.folder}/coordinator-${i}.sqlite`,
        config: {
          participantOf: this.#participants,
          detector: DETECTOR,
          voteTimeoutMs: 5000,
          resendMs: 500,
          maxConcurrentTransactions: 4096,
          maxRetries: 5,
          ...TIMES,
        },
      })
    ));
    await this.#system.spawn({
      address: DETECTOR,
      module: new URL("deadlock_detector.ts", actors).href,
      name: "detectorRole",
      config: {
        participants: this.#participants,
        coordinators: this.#coordinators,
        policy: "least-work",
        resendMs: 500,
      } satisfies DetectorConfig,
    });
    const config: ClientConfig = {
      coordinators: this.#coordinators,
      stores: [...this.#coordinators, ...this.#participants],
      shards: this.#participants.length,
    };
    await this.#system.spawn({ address: CLIENT, module: own, name: "client", config });
  }

  /** Where onlookers attach. */
  get inspection(): InspectionHub {
    return this.#system.inspection;
  }

  /** Figures of coordinators and participants, and the links they talk over. */
  async figures(): Promise<{
    readonly stats: Readonly<Record<string, unknown>>;
    readonly links: readonly LinkState[];
  }> {
    const roles = [...this.#coordinators, ...this.#participants];
    const stats = await Promise.all(
      roles.map(async (role) => [role, await this.#system.ask(role, "$stats")] as const),
    );
    const links = [...this.#system.switchboard.links()];
    return {
      stats: Object.fromEntries(stats),
      links: links.map(([from, to, { up, delayMs, loss }]) => ({ from, to, up, delayMs, loss })),
    };
  }

  /** Keeps transactions in flight for a while. */
  async load(load: Load): Promise<Measured> {
    return await this.#system.ask(CLIENT, "load", load, PATIENCE_MS) as Measured;
  }

  /** One load, with the processor time it takes. */
  async round(load: Load): Promise<Round> {
    const since = process.cpuUsage();
    const { committed, ms } = await this.load(load);
    const { user, system } = process.cpuUsage(since);
    // The warm-up is as busy as what is measured.
    const share = ms / (ms + load.warmUpMs);
    return { perS: committed / ms * 1000, cpuUs: (user + system) * share / committed };
  }

  /**
   * Lets everything finish, and counts the money.
   *
   * @param debited what has to be gone from all accounts together
   * @throws {Error} if anything else is
   */
  async settle(debited: number): Promise<void> {
    await this.#drain();
    const off = this.#missing() - debited;
    if (off !== 0) throw new Error(`The stores are off by ${off}`);
  }

  /** What all coordinators count together, once nothing is under way. */
  async counted(name: string): Promise<number> {
    let sum = 0;
    for (const role of this.#coordinators) {
      const busy = async () => await this.#system.ask(role, "load", null, PATIENCE_MS) !== 0;
      while (await busy()) await new Promise((resolve) => setTimeout(resolve, 20));
      const stats = await this.#system.ask(role, "$stats") as Record<string, unknown>;
      sum += Number(stats[name] ?? 0);
    }
    return sum;
  }

  /** Lets everything finish. */
  async #drain(): Promise<void> {
    for (const role of [...this.#coordinators, ...this.#participants]) {
      await this.#system.ask(role, "$drain", null, PATIENCE_MS);
    }
  }

  /** What has gone from all accounts, as it stands on the disk. */
  #missing(): number {
    let sum = this.#participants.length * ACCOUNTS * BALANCE;
    for (let shard = 0; shard < this.#participants.length; shard++) {
      sum -= sumOfAccounts(`${this.folder}/participant-${shard}.sqlite`);
    }
    return sum;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#system[Symbol.asyncDispose]();
  }
}

/** The balances of all accounts in a store, as they stand on the disk. */
export function sumOfAccounts(file: string): number {
  let sum = 0;
  for (const [key, value] of storedRows(file)) {
    if (key.includes("/account/")) sum += value as number;
  }
  return sum;
}
