/**
 * The cluster under test: one process after the other on the same data.
 *
 * @module
 */
import { type Answer, type Ended, RealCluster } from "../telecom/real_cluster.ts";
import { EXIT_AGAIN, EXIT_USAGE } from "../../examples/telecom/command_error.ts";
import type { Request, Violation } from "./book.ts";

/** What a world is given. */
export interface WorldOptions {
  /** Data folder. */
  readonly data: string;
  /** Arguments of `cluster`. */
  readonly args: readonly string[];
  /** Root of the sources to run; undefined: those of this repository. */
  readonly root: string | undefined;
  /** Nodes with a gateway. */
  readonly edges: readonly string[];
  /** For people. */
  readonly progress: (text: string) => void;
  readonly violate: (violation: Violation) => void;
}

/** An answer that takes longer counts as none. */
const ANSWER_MS = 10_000;
const START_MS = 60_000;
const AGAIN = / success (\S+) runs again$/;

/** A cluster that is killed and started again. */
export class World {
  /** How long it took until what was killed served again, in ms. */
  readonly recoveries: number[] = [];
  /** The process asked to be started again, as a service manager would. */
  restartsAsked = 0;
  #cluster: RealCluster | undefined;
  /** Resolves with the cluster while one serves. */
  #serving = Promise.withResolvers<RealCluster>();
  #serves = false;
  /** Roles that were killed and do not run again yet, and when. */
  readonly #down = new Map<string, number>();
  #expectEnd = false;
  #closed = false;
  /** Ends with the start of a process that is under way. */
  #spawning: Promise<void> = Promise.resolve();
  /** Counts processes. */
  life = 0;
  /** Why the first process could not work with what it was given. */
  refusal: string | undefined;

  constructor(private readonly options: WorldOptions) {}

  /** Resolves when a process serves. */
  serving(): Promise<RealCluster> {
    return this.#serving.promise;
  }

  /** Roles that were killed and are not back. */
  get down(): readonly string[] {
    return [...this.#down.keys()];
  }

  /** Starts a process; it need not serve yet. @throws {Error} if the world is closed */
  async spawn(): Promise<RealCluster> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#spawning = promise;
    try {
      return await this.#spawn();
    } finally {
      resolve();
    }
  }

  async #spawn(): Promise<RealCluster> {
    const { data, args, root } = this.options;
    if (this.#closed) throw new Error("Cannot start a process: it is over");
    this.#expectEnd = false;
    this.#down.clear();
    const cluster = await RealCluster.spawn(data, args, {
      line: (line) => this.#line(line),
      ...(root === undefined ? {} : { root }),
    });
    this.#cluster = cluster;
    this.life++;
    void cluster.ended.then((ended) => this.#ended(cluster, ended));
    return cluster;
  }

  /** Starts a process and waits until it serves. */
  async start(): Promise<void> {
    const cluster = await this.spawn();
    await within(START_MS, "Cannot go on: the cluster does not start", cluster.ready);
    this.#serves = true;
    this.#serving.resolve(cluster);
  }

  #line(line: string): void {
    const [, role] = AGAIN.exec(line) ?? [];
    const since = this.#down.get(role ?? "");
    if (role === undefined || since === undefined) return;
    this.#down.delete(role);
    this.recoveries.push(performance.now() - since);
  }

  #ended(cluster: RealCluster, { code, stderr }: Ended): void {
    if (this.life === 1 && code === EXIT_USAGE) {
      this.refusal = stderr.at(-1);
      return;
    }
    if (cluster !== this.#cluster || this.#expectEnd) return;
    this.#gone();
    if (code === EXIT_AGAIN) {
      this.restartsAsked++;
      this.options.progress("the cluster asked to be started again");
      this.start().catch((error) => this.#lost((error as Error).message));
    } else this.#lost(`it ended by itself with ${code}: ${stderr.slice(-3).join(" / ")}`);
  }

  #lost(message: string): void {
    this.options.violate({ invariant: "nodes_serve", message });
    this.#serving.reject(new Error(message));
  }

  #gone(): void {
    this.#cluster = undefined;
    // Who waits for a process that was killed before it served waits for the next one.
    if (!this.#serves) return;
    this.#serves = false;
    this.#serving = Promise.withResolvers();
    this.#serving.promise.catch(() => {});
  }

  // Faults -----------------------------------------------------------------------------------

  /** Ends the process without a word; it may be starting yet. */
  async kill(): Promise<void> {
    const cluster = this.#cluster;
    this.#expectEnd = true;
    this.#gone();
    await cluster?.kill();
  }

  /** Ends the process, and starts no other one. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#spawning;
    await this.kill();
  }

  /** Kills and starts again, measuring how long it takes. */
  async killAndStart(): Promise<void> {
    const since = performance.now();
    await this.kill();
    await this.start();
    this.recoveries.push(performance.now() - since);
  }

  /** Orders a fault; false if nobody took the order. */
  async order(method: string, params: unknown): Promise<boolean> {
    const cluster = await this.serving();
    const answer = await this.#ask(cluster, "/rpc", method, params);
    if (answer?.result !== undefined) return true;
    const told = JSON.stringify(answer?.error ?? "no answer");
    this.options.progress(`${method} ${JSON.stringify(params)} was not taken: ${told}`);
    return false;
  }

  /** Ends a role without a word. */
  async exit(role: string): Promise<boolean> {
    const since = performance.now(), { life } = this;
    // Before it is ordered: it may be back before the answer is here.
    this.#down.set(role, since);
    const taken = await this.order("fault.exit", { role });
    if (!taken && life === this.life) this.#down.delete(role);
    return taken;
  }

  // Requests ---------------------------------------------------------------------------------

  /** Sends a request through an edge; undefined: no answer. */
  async ask({ method, params }: Request, turn: number): Promise<Answer | undefined> {
    const { edges } = this.options;
    const cluster = await this.serving();
    return await this.#ask(cluster, `/edges/${edges[turn % edges.length]}/rpc`, method, params);
  }

  async #ask(
    cluster: RealCluster,
    path: string,
    method: string,
    params: unknown,
  ): Promise<Answer | undefined> {
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      return await cluster.rpc(method, params, { path, signal });
    } catch {
      return undefined; // Killed, cut off, or too slow: nobody knows what became of it.
    }
  }

  /** The values of a metric by labels; undefined: no answer. */
  async metric(name: string): Promise<ReadonlyMap<string, number> | undefined> {
    const cluster = await this.serving();
    return await cluster.metric(name).catch(() => undefined);
  }

  /** Nodes that are down, as the cluster sees it; undefined: no answer. */
  async nodesDown(): Promise<readonly string[] | undefined> {
    const cluster = await this.serving();
    try {
      const response = await fetch(`${cluster.url}/healthz`, {
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      return (await response.json() as { down: string[] }).down;
    } catch {
      return undefined;
    }
  }

  /** Stops it in order. */
  async stop(): Promise<Awaited<ReturnType<RealCluster["stop"]>>> {
    const cluster = await this.serving();
    this.#expectEnd = true;
    return await cluster.stop();
  }
}

/** Rejects if something takes too long. */
export async function within<T>(ms: number, message: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${message} in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
