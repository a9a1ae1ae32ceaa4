/**
 * From the figures that roles give of themselves to one second of the cluster: what counters
 * counted and what histograms took in since the last look.
 *
 * @module
 */
import { isRecord } from "../../../actors/guards.ts";
import { Histogram, type HistogramData } from "../../../runtime/histogram.ts";
import { nodeOf } from "../../../runtime/role.ts";
import type { ClusterSample, NodeSample, RoleSample, Sample } from "./protocol.ts";

/** Figures by address of the role that gave them. */
export type RoleFigures = Readonly<Record<string, unknown>>;

/** What the process as a whole uses. */
export interface ProcessUsage {
  /** Processor time of all threads, in ms. */
  readonly cpuMs: number;
  readonly memoryBytes: number;
  /** Of the whole machine, where that may be known. */
  readonly machineBytes: number | undefined;
  readonly processors: number;
}

/** One role's counters, as they stand. */
interface Reading {
  readonly at: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly latency: HistogramData;
  readonly sentTo: Readonly<Record<string, number>>;
}

/** What a role counted between two looks. */
interface Progress {
  readonly seconds: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly latency: Histogram;
  readonly sentTo: Readonly<Record<string, number>>;
}

const MEGABYTE = 1024 * 1024;
const VOTING = ["idle", "preparing", "holding", "depending"];
const COMMITTING = ["deciding", "committing"];
/** Figures that have a place of their own. */
const SHOWN_ELSEWHERE = new Set(["cpuMs", "heapBytes"]);

/** Looks at a cluster once a second. */
export class Sampler {
  readonly #last = new Map<string, Reading>();
  #process: { readonly at: number; readonly cpuMs: number } | undefined;

  /**
   * Asks for figures and takes them. They count as those of the moment they were asked for: a role
   * that answers late must not make a second of the others look like none.
   *
   * @param now monotonic, in ms
   */
  async look(
    ask: () => Promise<RoleFigures>,
    nodes: readonly string[],
    usage: () => ProcessUsage,
    now: () => number,
  ): Promise<Sample> {
    const [at, wall, used] = [now(), Date.now(), usage()];
    return this.take(await ask(), nodes, used, at, wall);
  }

  /**
   * One look.
   *
   * @param nodes in the order in which they are shown
   * @param now monotonic, in ms
   * @param wall milliseconds since 1970
   */
  take(
    figures: RoleFigures,
    nodes: readonly string[],
    usage: ProcessUsage,
    now: number,
    wall: number,
  ): Sample {
    const roles = Object.entries(figures).filter((
      each,
    ): each is [string, Record<string, unknown>] => isRecord(each[1]));
    const read = roles.map(([address, own]) => {
      const reading = readingOf(own, now);
      const progress = progressOf(reading, this.#last.get(address));
      this.#last.set(address, reading);
      return { address, own, progress };
    });
    for (const address of this.#last.keys()) {
      if (!(address in figures)) this.#last.delete(address); // It is down, and will count anew.
    }
    const traffic: Record<string, number> = {};
    for (const { address, progress } of read) {
      for (const [to, sent] of Object.entries(progress.sentTo)) {
        const link = `${nodeOf(address)}>${to}`;
        traffic[link] = round((traffic[link] ?? 0) + sent / progress.seconds);
      }
    }
    const of = (node: string) => read.filter(({ address }) => nodeOf(address) === node);
    return {
      at: wall,
      cluster: {
        ...this.#cluster(read, usage, now),
        nodesUp: nodes.filter((name) => of(name).length > 0).length,
      },
      nodes: nodes.map((name) => nodeSample(name, of(name))),
      traffic,
    };
  }

  #cluster(
    read: readonly Looked[],
    usage: ProcessUsage,
    now: number,
  ): Omit<ClusterSample, "nodesUp"> {
    const before = this.#process ?? { at: now - 1000, cpuMs: usage.cpuMs };
    this.#process = { at: now, cpuMs: usage.cpuMs };
    const cpu = (usage.cpuMs - before.cpuMs) / Math.max(1, now - before.at) / usage.processors;
    const gateways = read.filter(({ address }) => address.endsWith("/gateway"));
    const coordinators = read.filter(({ address }) => address.endsWith("/coordinator"));
    const states = coordinators.flatMap(({ own }) => Object.entries(numbers(own["transactions"])));
    const inStates = (names: readonly string[]) =>
      sum(states, ([state, count]) => names.includes(state.split(".")[0]!) ? count : 0);
    return {
      requestsPerS: rate(gateways, "answered"),
      errorsPerS: rate(gateways, "errors"),
      commitsPerS: rate(coordinators, "committed"),
      abortsPerS: rate(coordinators, "aborted"),
      voting: inStates(VOTING),
      committing: inStates(COMMITTING),
      inDoubt: sum(read, ({ own }) => number(own["inDoubt"])),
      ...percentiles(gateways),
      cpuPercent: round(100 * Math.min(1, cpu)),
      memoryMb: round(usage.memoryBytes / MEGABYTE),
      ...(usage.machineBytes === undefined
        ? {}
        : { memoryPercent: round(100 * usage.memoryBytes / usage.machineBytes) }),
      messagesPerS: rate(read, "sent"),
      waiting: sum(read, ({ own }) => number(record(own["mailbox"])["messages"])),
      deadLetters: sum(read, ({ own }) => deadLetters(own)),
    };
  }
}

interface Looked {
  readonly address: string;
  readonly own: Record<string, unknown>;
  readonly progress: Progress;
}

function nodeSample(name: string, roles: readonly Looked[]): NodeSample {
  const named = (kind: string) => roles.filter(({ address }) => address === `${name}/${kind}`);
  const gateway = named("gateway");
  // A node that does both is judged by its requests; what it only applies has no latency.
  const timed = gateway.length > 0 ? gateway : named("coordinator");
  const deciding = named("coordinator");
  return {
    name,
    cpuPercent: round(sum(roles, ({ progress }) => perSecond(progress, "cpuMs") / 10)),
    heapMb: round(sum(roles, ({ own }) => number(own["heapBytes"])) / MEGABYTE),
    requestsPerS: rate(gateway, "answered"),
    transactionsPerS: rate(deciding.length > 0 ? deciding : named("participant"), "committed"),
    ...percentiles(timed),
    messagesPerS: rate(roles, "sent"),
    lockWaiters: sum(roles, ({ own }) => number(own["lockWaiters"])),
    roles: roles.map(roleSample),
  };
}

function roleSample({ address, own, progress }: Looked): RoleSample {
  const figures = Object.entries(numbers(own)).filter(([name]) => !SHOWN_ELSEWHERE.has(name));
  return {
    address,
    state: typeof own["state"] === "string" ? own["state"] : "unknown",
    waiting: number(record(own["mailbox"])["messages"]),
    deadLetters: deadLetters(own),
    cpuPercent: round(perSecond(progress, "cpuMs") / 10),
    heapMb: round(number(own["heapBytes"]) / MEGABYTE),
    machines: { ...numbers(own["transactions"]), ...numbers(own["threePhase"]) },
    figures: Object.fromEntries(figures.map(([name, value]) => [name, round(value)])),
  };
}

function readingOf(own: Record<string, unknown>, now: number): Reading {
  const { to, ...messages } = record(own["messages"]);
  return {
    at: now,
    counts: { ...numbers(own), ...numbers(messages) },
    latency: Array.isArray(own["latency"]) ? own["latency"] as HistogramData : [],
    sentTo: numbers(to),
  };
}

/** A role that was restarted counts from nothing again, and has no past. */
function progressOf(now: Reading, last: Reading | undefined): Progress {
  const renewed = last === undefined ||
    (now.counts["sent"] ?? 0) < (last.counts["sent"] ?? 0) ||
    (now.counts["cpuMs"] ?? 0) < (last.counts["cpuMs"] ?? 0);
  const seconds = last === undefined ? 1 : Math.max(0.001, (now.at - last.at) / 1000);
  if (renewed) return { seconds, counts: {}, latency: new Histogram(), sentTo: {} };
  const before = new Map(last.latency);
  const latency = now.latency.map(([bucket, count]) =>
    [bucket, count - (before.get(bucket) ?? 0)] as const
  ).filter(([, count]) => count > 0);
  return {
    seconds,
    counts: difference(now.counts, last.counts),
    latency: new Histogram().merge(latency),
    sentTo: difference(now.sentTo, last.sentTo),
  };
}

function difference(
  now: Readonly<Record<string, number>>,
  last: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(now).map(([name, value]) => [name, value - (last[name] ?? 0)]),
  );
}

function percentiles(roles: readonly Looked[]): { p50Ms?: number; p99Ms?: number } {
  const all = new Histogram();
  for (const { progress } of roles) all.merge(progress.latency.toJSON());
  if (all.count === 0) return {};
  return { p50Ms: round(all.percentile(0.5)), p99Ms: round(all.percentile(0.99)) };
}

function rate(roles: readonly Looked[], name: string): number {
  return round(sum(roles, ({ progress }) => perSecond(progress, name)));
}

function perSecond({ counts, seconds }: Progress, name: string): number {
  return (counts[name] ?? 0) / seconds;
}

function deadLetters(own: Record<string, unknown>): number {
  return sum(Object.values(numbers(own["deadLetters"])), (count) => count);
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

/** Those fields that are numbers. */
function numbers(value: unknown): Record<string, number> {
  const fields = Object.entries(record(value));
  return Object.fromEntries(
    fields.filter((each): each is [string, number] => typeof each[1] === "number"),
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
