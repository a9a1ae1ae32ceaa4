/**
 * Figures of a whole cluster, added up over its roles. A role that was restarted counts from 0
 * again; what its earlier lives counted is kept here.
 *
 * @module
 */
import { isRecord } from "../../actors/guards.ts";
import { CLIENT, nodeOf } from "../../runtime/role.ts";
import { Histogram, type HistogramData } from "../../runtime/histogram.ts";

/** Sums over all roles. */
export interface ClusterFigures {
  readonly edge: { readonly hits: number; readonly misses: number };
  readonly transactions: {
    readonly started: number;
    readonly committed: number;
    readonly aborted: number;
    /** Participants that wait for a decision. */
    readonly inDoubt: number;
    readonly voting: number;
    readonly committing: number;
    readonly latency: Histogram;
  };
  readonly messages: {
    readonly sent: number;
    readonly delivered: number;
    readonly dropped: number;
    readonly deadLetters: number;
    /** Waiting in mailboxes. */
    readonly waiting: number;
  };
  readonly configuration: ConfigurationFigures;
}

/** What those who order the configuration have said in all their lives. */
export interface ConfigurationFigures {
  /** The latest; 0 where nobody orders any. */
  readonly epoch: number;
  /** What can be proved of which replica, by its number, and who can. */
  readonly evidence: readonly {
    readonly replica: number;
    readonly offence: string;
    readonly provedBy: readonly string[];
  }[];
}

const COUNTERS = [
  "sent",
  "delivered",
  "dropped",
  "deadLetters",
  "hits",
  "misses",
  "started",
  "committed",
  "aborted",
] as const;
type Counts = Record<typeof COUNTERS[number], number>;

/** States of a coordinator's transactions in which votes are awaited. */
const VOTING = ["idle", "preparing", "holding"];
/** States in which the decision is made durable and told. */
const COMMITTING = ["deciding", "committing"];

interface Seen {
  readonly counts: Counts;
  readonly latency: HistogramData;
  readonly gauges: { readonly inDoubt: number; readonly waiting: number } & Stages;
}

interface Stages {
  readonly voting: number;
  readonly committing: number;
}

/** Keeps the figures of all roles. */
export class FigureKeeper {
  readonly #last = new Map<string, Seen>();
  /** What ended incarnations counted. */
  readonly #past: Counts = zero();
  readonly #pastLatency = new Histogram();
  #epoch = 0;
  /** Who can prove what, by replica and offence. */
  readonly #evidence = new Map<string, Set<string>>();

  /** Takes the figures of roles by address; those that are absent keep their last ones. */
  observe(stats: Readonly<Record<string, unknown>>): void {
    for (const [address, figures] of Object.entries(stats)) {
      if (!isRecord(figures)) continue;
      if (address.endsWith("/configuration")) this.#observeReplica(address, figures);
      const seen = read(address, figures);
      const last = this.#last.get(address);
      if (last !== undefined && seen.counts.sent < last.counts.sent) this.#bury(last);
      this.#last.set(address, seen);
    }
  }

  #observeReplica(address: string, figures: Readonly<Record<string, unknown>>): void {
    const { configuration, evidence } = figures;
    if (isRecord(configuration)) {
      this.#epoch = Math.max(this.#epoch, number(configuration["epoch"]));
    }
    if (!Array.isArray(evidence)) return;
    for (const each of evidence.filter(isRecord)) {
      const key = `${each["replica"]} ${each["offence"]}`;
      const provedBy = this.#evidence.get(key) ?? new Set();
      this.#evidence.set(key, provedBy.add(nodeOf(address)));
    }
  }

  #bury({ counts, latency }: Seen): void {
    for (const name of COUNTERS) this.#past[name] += counts[name];
    this.#pastLatency.merge(latency);
  }

  current(): ClusterFigures {
    const sum = { ...this.#past };
    const latency = new Histogram().merge(this.#pastLatency.toJSON());
    let inDoubt = 0, waiting = 0, voting = 0, committing = 0;
    for (const seen of this.#last.values()) {
      for (const name of COUNTERS) sum[name] += seen.counts[name];
      latency.merge(seen.latency);
      inDoubt += seen.gauges.inDoubt;
      waiting += seen.gauges.waiting;
      voting += seen.gauges.voting;
      committing += seen.gauges.committing;
    }
    const { hits, misses, started, committed, aborted } = sum;
    const { sent, delivered, dropped, deadLetters } = sum;
    return {
      edge: { hits, misses },
      transactions: { started, committed, aborted, inDoubt, voting, committing, latency },
      messages: { sent, delivered, dropped, deadLetters, waiting },
      configuration: { epoch: this.#epoch, evidence: [...this.#evidence].map(evidenceOf) },
    };
  }
}

function evidenceOf(
  [key, provedBy]: readonly [string, ReadonlySet<string>],
): ConfigurationFigures["evidence"][number] {
  const [replica = "", offence = ""] = key.split(" ");
  return { replica: Number(replica), offence, provedBy: [...provedBy].sort() };
}

function zero(): Counts {
  return Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Counts;
}

function read(address: string, figures: Readonly<Record<string, unknown>>): Seen {
  const messages = isRecord(figures["messages"]) ? figures["messages"] : {};
  const mailbox = isRecord(figures["mailbox"]) ? figures["mailbox"] : {};
  const dead = isRecord(figures["deadLetters"]) ? figures["deadLetters"] : {};
  // Participants count commits too, and gateways time requests: only coordinators' count here.
  const coordinates = address.endsWith("/coordinator");
  const own = (name: string) => coordinates ? number(figures[name]) : 0;
  const stages = coordinates && isRecord(figures["transactions"]) ? figures["transactions"] : {};
  return {
    counts: {
      // Figures that came as an answer do not count that answer.
      sent: number(messages["sent"]) + (address === CLIENT ? 0 : 1),
      delivered: number(messages["delivered"]),
      dropped: number(messages["dropped"]),
      deadLetters: Object.values(dead).reduce<number>((sum, count) => sum + number(count), 0),
      hits: number(figures["hits"]),
      misses: number(figures["misses"]),
      started: own("started"),
      committed: own("committed"),
      aborted: own("aborted"),
    },
    latency: coordinates && Array.isArray(figures["latency"])
      ? figures["latency"] as HistogramData
      : [],
    gauges: {
      inDoubt: number(figures["inDoubt"]),
      waiting: number(mailbox["messages"]),
      voting: inStates(stages, VOTING),
      committing: inStates(stages, COMMITTING),
    },
  };
}

function inStates(census: Readonly<Record<string, unknown>>, states: readonly string[]): number {
  let count = 0;
  for (const [state, there] of Object.entries(census)) {
    if (states.some((name) => state === name || state.startsWith(`${name}.`))) {
      count += number(there);
    }
  }
  return count;
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
