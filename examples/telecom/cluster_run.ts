/**
 * One run of a cluster: start, serve, watch, stop in order, count.
 *
 * @module
 */
import type { ClusterEnd } from "../../actors/cluster.ts";
import type { InspectorServer } from "../../runtime/inspector/server.ts";
import { deriveSeed, seeded } from "../../runtime/random.ts";
import { CLIENT, type LogKind } from "../../runtime/role.ts";
import { type ClusterFigures, FigureKeeper } from "./cluster_figures.ts";
import type { ClusterOptions } from "./cluster_options.ts";
import { CommandError, oneLine, reasonOf } from "./command_error.ts";
import { ClusterConsole } from "./console/cluster_console.ts";
import type { DataFolder } from "./data_folder.ts";
import { play, type Scheduled } from "./fault_schedule.ts";
import type { History } from "./history.ts";
import type { Reserved } from "./listen_address.ts";
import { countMoney } from "./money.ts";
import type { Profile } from "./profiles.ts";
import { composeCluster, type Composition, namesOf, storeFiles } from "./start.ts";
import { type StatusDisplay, writeAll } from "./status_display.ts";
import { type Status, statusBlock, statusLine } from "./status_text.ts";
import type { TokenSource } from "./token_source.ts";
import { createTraffic } from "./traffic.ts";
import { inspectorOf } from "./inspector.ts";
import { type DriverFigures, TrafficDriver } from "./traffic_driver.ts";

/** What a run is given. */
export interface RunInput {
  readonly options: ClusterOptions;
  readonly profile: Profile;
  readonly folder: DataFolder;
  readonly tokens: TokenSource;
  readonly address: Reserved;
  /** Where the console is to be; undefined for none. */
  readonly console: Reserved | undefined;
  readonly history: History | undefined;
  readonly display: StatusDisplay;
  /** What is to go wrong, and when. */
  readonly schedule: readonly Scheduled[];
}

/** What came of it. */
export interface RunResult {
  readonly workers: number;
  readonly seconds: number;
  readonly traffic: DriverFigures;
  readonly cluster: ClusterFigures;
  readonly actualCents: bigint;
  /** What was promised and did not hold. */
  readonly problems: readonly string[];
  /** It cannot go on in this process, but can in a new one. */
  readonly again: boolean;
}

/** Threads that may be lost until the process had better be started again. */
export const LOST_THREADS_LIMIT = 3;

const REQUEST_MARGIN_MS = 1000;
const WATCH_MS = 100;
const BLOCK_MS = 1000;
const LINE_MS = 5000;
/** Answers that are still to come when it stops are waited for this long. */
const GRACE_MS = 1000;
/** All of the stop. */
const STOP_MS = 4500;
/** Numbers given out grow with the time, and so never come again on kept data. */
const SERIALS_SINCE = Date.UTC(2024, 0, 1);

/** A run of a cluster. */
export class ClusterRun {
  readonly #figures = new FigureKeeper();
  readonly #composition: Composition;
  readonly #driver: TrafficDriver;
  /** A store that cannot be opened: no restart helps. */
  readonly #hopeless = Promise.withResolvers<never>();
  #nodesUp: ReadonlySet<string> = new Set();
  #since = 0;
  #shown = { at: 0, ok: 0, done: 0 };
  #console: ClusterConsole | undefined;
  #inspector: InspectorServer | undefined;
  #starts = true;
  #stops = false;

  constructor(private readonly input: RunInput) {
    const { options, profile, folder, address, display } = input;
    const seed = options.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
    this.#hopeless.promise.catch(() => {});
    let steps = 0;
    this.#composition = composeCluster({
      profile,
      publicKey: folder.keys.publicKey,
      configurationKeys: folder.configurationKeys,
      data: folder.path,
      subscribers: folder.subscribers,
      http: {
        hostname: address.hostname,
        port: address.port,
        ...(input.console === undefined ? {} : { consolePort: input.console.port }),
      },
      fast: options.fast,
      faults: options.faults,
      seed,
      hooks: {
        log: (at, kind, text) => this.#log(at, kind, text),
        progress: (text) => {
          display.progress(text);
          // With the second step the gateways begin to listen.
          if (++steps === 2) address.release();
        },
      },
    });
    this.#driver = this.#makeDriver(seed);
  }

  #makeDriver(seed: number): TrafficDriver {
    const { options, profile, folder, tokens, history } = this.input;
    const random = seeded(deriveSeed(seed, "traffic"));
    const prefix = crypto.randomUUID().slice(0, 13);
    const { host } = this.#composition.system;
    const timeoutMs = profile.settings.transactionTimeoutMs + REQUEST_MARGIN_MS;
    return new TrafficDriver({
      traffic: createTraffic({
        random,
        subscribers: folder.subscribers,
        keyPrefix: prefix,
        firstSerial: Date.now() - SERIALS_SINCE,
      }),
      random,
      tokens,
      edges: namesOf(profile, "gateway"),
      isUp: (edge) => this.#nodesUp.has(edge),
      send: (edge, request) => host.ask(`${edge}/gateway`, "request", request, timeoutMs),
      load: options.load,
      history,
      prefix,
    });
  }

  #log(at: string, kind: LogKind, text: string): void {
    this.#console?.log(at, kind, text);
    this.input.display.log(at === CLIENT ? "" : at, kind, text);
    if (this.#starts && kind === "failure" && text.includes("Cannot open the store")) {
      this.#hopeless.reject(new CommandError(text.slice(text.indexOf("Cannot open the store"))));
    }
  }

  /** Runs until the time is over, `stop` resolves, or it cannot go on. */
  async run(stop: Promise<string>): Promise<RunResult | "interrupted"> {
    const { system } = this.#composition;
    try {
      this.#inspector = await inspectorOf(this.input.options, system.inspection);
      const started = await this.#start(stop);
      if (started === "interrupted") return started;
      const endFaults = play(this.input.schedule, this.#composition.cluster);
      const again = await this.#serve(stop).finally(endFaults);
      return await this.#finish(again);
    } finally {
      this.input.address.release();
      this.input.console?.release();
      await this.#closeConsole();
      await this.#inspector?.[Symbol.asyncDispose]();
      await system[Symbol.asyncDispose]();
    }
  }

  async #start(stop: Promise<string>): Promise<"started" | "interrupted"> {
    const { folder, address, display } = this.input;
    const { cluster } = this.#composition;
    const start = cluster.start().catch((error) => {
      throw new CommandError(`Cannot start the cluster: ${reasonOf(error)}`, 1);
    });
    start.catch(() => {});
    const how = await Promise.race([
      start.then(() => "started" as const),
      stop.then(() => "interrupted" as const),
      this.#hopeless.promise,
    ]);
    if (how === "interrupted") return how;
    this.#starts = false;
    await folder.keepStores(storeFiles(this.#composition.cluster));
    this.#watchNodes();
    this.#since = performance.now();
    display.clear();
    writeAll(Deno.stderr, `ready ${address.url}\n`);
    await this.#openConsole();
    if (this.#inspector !== undefined) writeAll(Deno.stderr, `inspect ${this.#inspector.url}\n`);
    display.release();
    return how;
  }

  /** The link has the token in its fragment, which no browser sends anywhere. */
  async #openConsole(): Promise<void> {
    const { console, profile, folder, address, options, tokens } = this.input;
    if (console === undefined) return;
    console.release();
    this.#console = new ClusterConsole({
      profile,
      composition: this.#composition,
      publicKey: folder.keys.publicKey,
      subscribers: folder.subscribers,
      api: address.url,
      faults: options.faults,
      at: console,
      audit: (kind, text) => this.#log(CLIENT, kind, text),
    });
    writeAll(Deno.stderr, `console ${console.url}/#token=${await tokens.operator()}\n`);
  }

  async #closeConsole(): Promise<void> {
    const console = this.#console;
    this.#console = undefined;
    await console?.[Symbol.asyncDispose]();
  }

  #watchNodes(): void {
    const up = this.#composition.cluster.nodes().filter((node) => node.up);
    this.#nodesUp = new Set(up.map(({ name }) => name));
  }

  /** Serves until the end; true if the process should be started again. */
  async #serve(stop: Promise<string>): Promise<boolean> {
    const { options, display } = this.input;
    const { cluster, system } = this.#composition;
    let stopped = false;
    void stop.then(() => stopped = true);
    this.#driver.start();
    const period = display.terminal ? BLOCK_MS : LINE_MS;
    let showAt = this.#since + (display.terminal ? 0 : period);
    const until = options.forMs === undefined ? Infinity : this.#since + options.forMs;
    while (!stopped) {
      const now = performance.now();
      if (now >= until) return false;
      this.#watchNodes();
      const { lostThreads } = system.spawner;
      if (cluster.rolesGivenUp > 0 || lostThreads > LOST_THREADS_LIMIT) {
        const what = cluster.rolesGivenUp > 0 ? "A role" : `${lostThreads} threads`;
        display.log("", "failure", `${what} was lost for good: stopping, start again`);
        return true;
      }
      if (now >= showAt) {
        showAt = now + period;
        void this.#show();
      }
      const pause = Math.min(WATCH_MS, until - now);
      await Promise.race([stop, new Promise((resolve) => setTimeout(resolve, pause))]);
    }
    return false;
  }

  async #show(): Promise<void> {
    const { display } = this.input;
    this.#figures.observe(await this.#composition.cluster.stats());
    if (this.#stops) return; // The report is next.
    const status = this.#status();
    if (display.terminal) display.block(statusBlock(status));
    else display.line(statusLine(status));
  }

  #status(): Status {
    const { profile, address } = this.input;
    const { cluster } = this.#composition;
    const traffic = this.#driver.figures();
    const figures = this.#figures.current();
    const done = figures.transactions.committed + figures.transactions.aborted;
    const now = performance.now();
    const shown = this.#shown;
    const seconds = (now - (shown.at || this.#since)) / 1000;
    this.#shown = { at: now, ok: traffic.ok, done };
    return {
      profile: profile.name,
      url: address.url,
      workers: cluster.addresses.length,
      seconds: (now - this.#since) / 1000,
      group: profile.settings.pbft.group,
      nodes: cluster.nodes(),
      traffic,
      cluster: figures,
      requestsPerS: (traffic.ok - shown.ok) / seconds,
      transactionsPerS: (done - shown.done) / seconds,
    };
  }

  /** Stops in order, within the time there is, and counts what is on disk. */
  async #finish(again: boolean): Promise<RunResult> {
    const { display, folder } = this.input;
    const { cluster, system } = this.#composition;
    const seconds = (performance.now() - this.#since) / 1000;
    const over = new Promise<"over">((resolve) => setTimeout(resolve, STOP_MS, "over"));
    this.#stops = true;
    display.log("", "info", "stopping in order");
    await this.#closeConsole();
    // The figures now, should there be none later.
    const figures = cluster.stats().then((stats) => this.#figures.observe(stats));
    await Promise.all([this.#driver.stop(GRACE_MS), figures]);
    const end = await Promise.race([cluster.stop(), over]);
    const problems = this.#problems(end);
    if (end !== "over") this.#figures.observe(end.stats);
    await system[Symbol.asyncDispose]();
    const files = storeFiles(cluster, "/participant").map((name) => `${folder.path}/${name}`);
    return {
      workers: cluster.addresses.length,
      seconds,
      traffic: this.#driver.figures(),
      cluster: this.#figures.current(),
      actualCents: await countMoney(files),
      problems,
      again,
    };
  }

  #problems(end: ClusterEnd | "over"): readonly string[] {
    const problems = end === "over" ? [`it did not stop in ${STOP_MS} ms`] : [...end.problems];
    const { rolesGivenUp } = this.#composition.cluster;
    if (rolesGivenUp > 0) problems.push(`${rolesGivenUp} roles were given up`);
    return problems.map((problem) => oneLine(problem));
  }
}
