/**
 * A telecom cluster inside a program: started from a profile, called like a server, broken on
 * purpose, stopped in order.
 *
 * @module
 */
import type { Cluster, ClusterEnd, ClusterHooks } from "../../actors/cluster.ts";
import type { Address, LinkParameters } from "../../runtime/ports.ts";
import type { WorkerSystem } from "../../runtime/worker/system.ts";
import {
  type CallOptions,
  type ParamsByMethod,
  type ResultByMethod,
  TelecomClient,
} from "./client.ts";
import { DataFolder } from "./data_folder.ts";
import type { MethodName } from "./methods.ts";
import { checkProfile, loadProfile } from "./profile_loader.ts";
import type { Profile, ProfileInput } from "./profiles.ts";
import { reserveAddress, type Reserved } from "./listen_address.ts";
import { composeCluster, namesOf, storeFiles } from "./start.ts";
import { TokenSource } from "./token_source.ts";

/** Options of {@link startCluster}. */
export interface StartOptions {
  /**
   * `carrier` (3 edge, 4 core and 3 cloud nodes), `carrier-small` (3 + 2 + 2), `reference`
   * (2 + 2 + 1), the JSON text of a profile, or a profile. Default `carrier`.
   */
  readonly profile?: string | ProfileInput;
  /**
   * Folder to keep everything in; it is made if need be, and opened again with all that is in it.
   * Default: a temporary folder that is removed at the end.
   */
  readonly data?: string;
  /** Serve the API over HTTP too; port 0 picks a free one. Needs `--unstable-net`. */
  readonly http?: { readonly hostname?: string; readonly port: number };
  /** Links without delay, jitter and limit of bandwidth. Default false. */
  readonly fast?: boolean;
  /** Seed of the links' randomness. Default 1. */
  readonly seed?: number;
  /** Built-in subscribers of a new folder, 2 or more. Default 10,000. */
  readonly subscribers?: number;
  /** What the cluster has to say while it starts, runs and stops. Default: nothing. */
  readonly log?: NonNullable<ClusterHooks["log"]>;
}

const POLL_MS = 20;
const RESTART_MS = 60_000;

/**
 * Starts a cluster and resolves when all its nodes serve.
 *
 * Needs read and write permission for its data folder (the folder for temporary files if none is
 * given) and read permission for its own modules.
 *
 * @throws {TypeError} for a profile that is malformed or cannot keep its promises
 * @throws {Error} if the data folder cannot be used, or the port is taken
 */
export async function startCluster(options: StartOptions = {}): Promise<StartedCluster> {
  const { profile: wanted = "carrier", data: path, subscribers, fast, seed, log } = options;
  const loaded = typeof wanted === "string" ? loadProfile(wanted) : checkProfile(wanted);
  if (!loaded.ok) throw new TypeError(loaded.error);
  const { profile } = loaded;
  const folder = await DataFolder.open({ path, profile, subscribers });
  const address = options.http && reserve(options.http, folder);
  let steps = 0;
  const hooks: ClusterHooks = {
    progress: (text) => {
      log?.("main/client", "info", text);
      // With the second step the gateways begin to listen.
      if (++steps === 2) address?.release();
    },
    ...(log === undefined ? {} : { log }),
  };
  const { cluster, system } = composeCluster({
    profile,
    publicKey: folder.keys.publicKey,
    configurationKeys: folder.configurationKeys,
    data: folder.path,
    subscribers: folder.subscribers,
    http: address && { hostname: address.hostname, port: address.port },
    fast,
    seed,
    hooks,
  });
  try {
    await cluster.start();
    await folder.keepStores(storeFiles(cluster));
  } catch (error) {
    address?.release();
    await system[Symbol.asyncDispose]();
    folder.close();
    throw error;
  }
  return new StartedCluster(profile, address?.url, cluster, system, folder);
}

function reserve(
  { hostname = "127.0.0.1", port }: NonNullable<StartOptions["http"]>,
  folder: DataFolder,
): Reserved {
  try {
    return reserveAddress(hostname, port);
  } catch (error) {
    folder.close();
    throw error;
  }
}

/** A cluster that serves. Dispose of it, or stop it, when done. */
export class StartedCluster implements AsyncDisposable {
  readonly #client: TelecomClient;
  readonly #tokens: TokenSource;
  #end: Promise<ClusterEnd> | undefined;

  /** Made by {@link startCluster}. */
  constructor(
    /** The profile, with all defaults filled in. */
    readonly profile: Profile,
    /** Where the API is served over HTTP; undefined if it is not. */
    readonly url: string | undefined,
    /** The nodes and roles themselves. */
    readonly cluster: Cluster,
    /** The workers they run in; roles of your own can be spawned beside them. */
    readonly system: WorkerSystem,
    private readonly folder: DataFolder,
  ) {
    this.#tokens = new TokenSource(folder.keys.privateKey);
    this.#client = new TelecomClient({
      tokens: this.#tokens,
      edges: namesOf(profile, "gateway"),
      isUp: (edge) => this.isUp(edge),
      ask: (to, type, body, timeoutMs) => system.ask(to, type, body, timeoutMs),
    });
  }

  /**
   * Calls a method of the API. A write that was answered is durable.
   *
   * @throws {import("./client.ts").RpcError} if the answer is an error, or none comes
   */
  rpc<M extends MethodName>(
    method: M,
    params: ParamsByMethod[M],
    options?: CallOptions,
  ): Promise<ResultByMethod[M]> {
    return this.#client.rpc(method, params, options);
  }

  /** A token for HTTP, good for 24 hours. @param as `operator`, or a subscriber's number */
  token(as: string): Promise<string> {
    return as === "operator" ? this.#tokens.operator() : this.#tokens.subscriber(as);
  }

  /** Whether a node runs and its neighbours hear it. */
  isUp(node: string): boolean {
    return this.cluster.nodes().some(({ name, up }) => name === node && up);
  }

  /** Figures of every role that answers, by address. */
  stats(): Promise<Readonly<Record<Address, unknown>>> {
    return this.cluster.stats();
  }

  // Faults -----------------------------------------------------------------------------------

  /** Crashes all roles of a node and keeps it down. @throws {RangeError} for an unknown node */
  crashNode(name: string): void {
    this.cluster.crashNode(name);
  }

  /**
   * Starts a crashed node again; resolves when it serves and its neighbours know.
   *
   * @throws {Error} if that takes longer than a minute
   */
  async restartNode(name: string): Promise<void> {
    this.cluster.restartNode(name);
    const deadline = performance.now() + RESTART_MS;
    while (!this.isUp(name)) {
      if (performance.now() > deadline) throw new Error(`${name} is not up after a minute`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Ends one role without a word; its supervisor starts it again. */
  killRole(address: Address): void {
    this.cluster.killRole(address);
  }

  /**
   * Changes a link in one direction while everything runs: `{ up: false }` cuts it.
   *
   * @throws {RangeError} where the profile has no such link, or for a bad parameter
   */
  changeLink(from: string, to: string, change: Partial<LinkParameters>): void {
    this.system.switchboard.set(from, to, change);
  }

  // End --------------------------------------------------------------------------------------

  /** Stops all nodes in order and closes the data folder. Called again, it answers the same. */
  stop(): Promise<ClusterEnd> {
    return this.#end ??= this.#stop();
  }

  async #stop(): Promise<ClusterEnd> {
    try {
      return await this.cluster.stop();
    } finally {
      await this.system[Symbol.asyncDispose]();
      this.folder.close();
    }
  }

  /** Stops it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
