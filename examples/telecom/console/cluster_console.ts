/**
 * The console of a running telecom cluster: where its figures come from, and who carries out its
 * acts.
 *
 * @module
 */
import process from "node:process";
import { BEHAVIOURS } from "../../../actors/byzantine.ts";
import { participantOf } from "../../../actors/cluster_plan.ts";
import { CLIENT, type LogKind, nodeOf } from "../../../runtime/role.ts";
import type { NodeRole, Profile } from "../profiles.ts";
import { seedMsisdn, shardOf } from "../rows.ts";
import { type Composition, namesOf } from "../start.ts";
import { Acts } from "./acts.ts";
import type { LinkState, LogEntry, Topology } from "./protocol.ts";
import { type ProcessUsage, Sampler } from "./sampler.ts";
import { Stories } from "./stories.ts";
import { type ConsoleOptions, ConsoleServer, type Watched } from "./server.ts";

/** What a console is made for. */
export interface ClusterConsoleInput {
  readonly profile: Profile;
  readonly composition: Composition;
  readonly publicKey: CryptoKey;
  /** How many built-in subscribers there are. */
  readonly subscribers: number;
  /** Where the API is served. */
  readonly api: string;
  readonly faults: boolean;
  /** Where to serve. */
  readonly at: ConsoleOptions;
  /** For the operator's log, which comes back to the console by `log`. */
  readonly audit: (kind: LogKind, text: string) => void;
}

const REQUEST_MARGIN_MS = 1000;
/** How long a capture inspects everything. */
const CAPTURE_MS = 1000;

/** The console of a cluster. */
export class ClusterConsole implements AsyncDisposable {
  readonly #server: ConsoleServer;

  /** Begins to serve. @throws {Deno.errors.AddrInUse} if the port is taken */
  constructor(input: ClusterConsoleInput) {
    const log = (entry: LogEntry) => this.#server.log(entry);
    this.#server = new ConsoleServer(watch(input, log), input.at);
  }

  /** The port it listens on. */
  get port(): number {
    return this.#server.port;
  }

  /** A line of the cluster's log. */
  log(at: string, kind: LogKind, text: string): void {
    const who = at === CLIENT ? "" : at;
    const [line = ""] = text.split("\n");
    this.#server.log({ at: Date.now(), kind, who, text: line });
  }

  /** Stops serving. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

function watch(input: ClusterConsoleInput, log: (entry: LogEntry) => void): Watched {
  const { profile, composition: { cluster, system }, publicKey, audit } = input;
  const sampler = new Sampler();
  const { host, inspection: hub } = system;
  const stories = new Stories({ hub, now: () => host.clock.now(), log });
  const names = profile.nodes.map(({ name }) => name);
  const timeoutMs = profile.settings.transactionTimeoutMs + REQUEST_MARGIN_MS;
  const down = () => cluster.nodes().filter(({ up }) => !up).map(({ name }) => name);
  const present = (role: NodeRole) => {
    const absent = down();
    return namesOf(profile, role).filter((name) => !absent.includes(name));
  };
  const acts = new Acts({
    publicKey,
    edges: () => present("gateway"),
    coordinators: () => present("coordinator").map((name) => `${name}/coordinator`),
    ask: (role, type, body) => system.ask(role, type, body, timeoutMs),
    observed: (work, of) => stories.observed(work, of),
    order: (order) => cluster.carryOut(order),
    log: audit,
  });
  return {
    topology: topologyOf(input),
    down,
    links: () => linkStates(system, names),
    sample: () => sampler.look(() => cluster.stats(), names, usage, () => performance.now()),
    check: (token) => acts.check(token),
    act: (token, method, params) => acts.act(token, method, params),
    story: (transaction) => stories.story(transaction),
    capture: () => stories.capture(CAPTURE_MS),
  };
}

function linkStates(
  { switchboard }: Composition["system"],
  names: readonly string[],
): LinkState[] {
  const states: LinkState[] = [];
  for (const [from, to, { up, delayMs, loss }] of switchboard.links()) {
    if (names.includes(from) && names.includes(to)) states.push({ from, to, up, delayMs, loss });
  }
  return states;
}

function topologyOf(input: ClusterConsoleInput): Topology {
  const { profile, composition: { cluster }, subscribers, api, faults } = input;
  const keepers = participantOf(cluster.plan);
  const accounts = new Map<string, string>();
  // Shards go round, so that the first few numbers are everywhere.
  for (let i = 0; i < subscribers && accounts.size < new Set(keepers).size; i++) {
    const msisdn = seedMsisdn(i);
    const node = nodeOf(keepers[shardOf(msisdn)]!);
    if (!accounts.has(node)) accounts.set(node, msisdn);
  }
  const mayLie = (node: string) => cluster.spec(`${node}/configuration`) !== undefined;
  return {
    profile: profile.name,
    api,
    faults,
    behaviours: profile.nodes.some(({ name }) => mayLie(name)) ? BEHAVIOURS : [],
    nodes: profile.nodes.map(({ name, tier, roles }) => {
      const subscriber = accounts.get(name);
      const account = subscriber === undefined ? {} : { subscriber };
      return { name, tier, roles, mayLie: mayLie(name), ...account };
    }),
  };
}

function usage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  return {
    cpuMs: (user + system) / 1000,
    memoryBytes: Deno.memoryUsage().rss,
    machineBytes: memoryIsKnown() ? Deno.systemMemoryInfo().total : undefined,
    processors: navigator.hardwareConcurrency,
  };
}

/** Programs that start a cluster need not allow it. */
function memoryIsKnown(): boolean {
  return Deno.permissions.querySync({ name: "sys", kind: "systemMemoryInfo" }).state === "granted";
}
