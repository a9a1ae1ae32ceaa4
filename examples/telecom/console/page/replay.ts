/**
 * A trace of the simulator or of the checker, as the console shows a cluster: what was up, cut and
 * under way at any moment of it.
 *
 * @module
 */
import { parseTrace, type Trace, type TraceEvent } from "../../../../runtime/trace.ts";
import type { LinkState, LogEntry, NodeInfo, Sample, State, Story } from "../protocol.ts";
import { storyOfTrace } from "./trace_story.ts";
import { nodeName } from "./words.ts";

/** A trace that can be looked at. */
export interface Replay {
  /** What was run. */
  readonly title: string;
  /** Unit of time: virtual ms, or steps of a checker's path. */
  readonly unit: string;
  readonly events: readonly TraceEvent[];
  /** The last instant. */
  readonly end: number;
  /** What it leads to, if it is a counterexample. */
  readonly violation: string | undefined;
  /** Everything as it was at an instant. */
  at(instant: number): { readonly state: State; readonly latest: Sample | undefined };
  /** One transaction, or all that happened where the trace is of one. */
  story(transaction: string): Story;
}

/** Traces are read into memory: what is longer is refused, in bytes. */
export const TRACE_LIMIT: number = 200 * 1024 * 1024;
const BUCKETS = 240;
const TIERS = ["edge", "core", "cloud"];
const CHATTER = new Set(["heartbeat", "$stats", "$reply", "peerStatus", "load"]);
const CRASHES = new Set(["crash", "exit", "$crash", "lost disk", "thread"]);

/** Reads a trace file. @throws {SyntaxError} with a sentence that says what is wrong with it */
export function openTrace(text: string): Replay {
  const trace = parseTrace(text);
  const { header, events } = trace;
  if (events.length === 0) throw new SyntaxError("Cannot show the trace: it has no events");
  const back = events.findIndex(({ t }, index) => index > 0 && t < events[index - 1]!.t);
  if (back > 0) throw new SyntaxError(`Cannot show the trace: line ${back + 2} goes back in time`);
  const end = events.at(-1)!.t;
  const nodes = nodesOf(trace);
  const pairs = pairsOf(events, nodes);
  const check = header.kind === "check";
  const width = check ? 1 : Math.max(end / BUCKETS, 1);
  const samples = samplesOf(events, nodes, { width, perS: check ? 1 : 1000 / width });
  const log = events.flatMap((event) => lineOf(event, trace));
  const title = check ? `${header.model}` : `${header.scenario}, seed ${header.seed}`;
  return {
    title,
    unit: check ? "steps" : "ms",
    events,
    end,
    violation: header.violation?.message,
    at: (instant) => {
      const past = events.slice(0, firstAfter(events, instant));
      const { down, cut } = faultsOf(past);
      const seen = samples.filter(({ at }) => at <= instant);
      return {
        state: {
          topology: { profile: title, api: "", faults: false, behaviours: [], nodes },
          down: nodes.map(({ name }) => name).filter((name) => down.has(name)),
          links: pairs.map((pair) => linkOf(pair, cut)),
          samples: seen,
          log: log.filter(({ at }) => at <= instant),
        },
        latest: seen.at(-1),
      };
    },
    story: (transaction) => storyOfTrace(events, transaction, check),
  };
}

/** Index of the first event after an instant: a bisection. */
function firstAfter(events: readonly TraceEvent[], instant: number): number {
  let low = 0, high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (events[middle]!.t <= instant) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whoever a node is named after: the first part of an address, or an actor of a checker. */
function nodesOf({ events }: Trace): NodeInfo[] {
  const roles = new Map<string, Set<string>>();
  for (const { from, to } of events) {
    for (const address of from === "fault" ? [] : [from, to]) {
      const name = nodeName(address);
      // A frame of a life that is over comes from a slot of the switchboard.
      if (name === "" || name === "main" || name.startsWith("slot ")) continue;
      const own = roles.get(name) ?? new Set();
      roles.set(name, own.add(address.slice(name.length + 1)));
    }
  }
  return [...roles].map(([name, own]) => ({
    name,
    tier: tierOf(name, own),
    roles: [...own].filter((role) => role !== ""),
  })).sort((a, b) => TIERS.indexOf(a.tier) - TIERS.indexOf(b.tier) || (a.name < b.name ? -1 : 1));
}

function tierOf(name: string, roles: ReadonlySet<string>): string {
  const [, tier] = /^(edge|core|cloud)/.exec(name) ?? [];
  if (tier !== undefined) return tier;
  if (/participant|manager/.test(name) || roles.has("participant")) return "cloud";
  return /client|edge/.test(name) ? "edge" : "core";
}

/** Who has ever said something to whom. */
function pairsOf(events: readonly TraceEvent[], nodes: readonly NodeInfo[]): string[] {
  const names = new Set(nodes.map(({ name }) => name));
  const pairs = new Set<string>();
  for (const { from, to } of events) {
    const [a, b] = [nodeName(from), nodeName(to)];
    if (a !== b && names.has(a) && names.has(b)) pairs.add(`${a}>${b}`).add(`${b}>${a}`);
  }
  return [...pairs];
}

function linkOf(pair: string, cut: ReadonlySet<string>): LinkState {
  const [from = "", to = ""] = pair.split(">");
  return { from, to, up: !cut.has(pair), delayMs: 0, loss: 0 };
}

/** What faults have done that is not over. */
function faultsOf(events: readonly TraceEvent[]): { down: Set<string>; cut: Set<string> } {
  // A node is down as long as any of its roles is.
  const gone = new Set<string>(), cut = new Set<string>();
  for (const { from, to, type } of events) {
    const over = type.endsWith(" over") || type === "$start";
    const what = type.replace(/ over$/, "");
    if (from !== "fault" && !type.startsWith("$")) continue;
    if (what === "partition") {
      for (const pair of to.split(" ")) {
        if (over) cut.delete(pair);
        else cut.add(pair);
      }
    } else if (CRASHES.has(what) || type === "$start") {
      if (over) gone.delete(to);
      else gone.add(to);
    }
  }
  return { down: new Set([...gone].map(nodeName)), cut };
}

interface Tally {
  sent: number;
  commits: number;
  aborts: number;
  readonly received: Map<string, number>;
  readonly traffic: Record<string, number>;
}

/** Counts by slices of time. */
function samplesOf(
  events: readonly TraceEvent[],
  nodes: readonly NodeInfo[],
  slice: { readonly width: number; readonly perS: number },
): Sample[] {
  const { width } = slice;
  const end = events.at(-1)!.t;
  const perS = (count: number) => Math.round(count * slice.perS);
  const samples: Sample[] = [];
  const states = new Map<string, string>();
  let index = 0;
  for (let at = width; index < events.length; at += width) {
    const tally: Tally = { sent: 0, commits: 0, aborts: 0, received: new Map(), traffic: {} };
    const begun = index;
    while (index < events.length && events[index]!.t <= at) count(events[index++]!, tally, states);
    const down = faultsOf(events.slice(0, index)).down;
    if (begun === index && samples.length > 0 && at < end) {
      samples.push({ ...samples.at(-1)!, at, traffic: {} });
      continue;
    }
    const open = [...states.values()];
    const some = (fits: RegExp) => open.filter((state) => fits.test(state)).length;
    samples.push({
      at: Math.min(at, end),
      cluster: {
        requestsPerS: 0,
        errorsPerS: 0,
        commitsPerS: perS(tally.commits),
        abortsPerS: perS(tally.aborts),
        voting: some(/^coordinator (preparing|holding|depending)/),
        committing: some(/^coordinator (deciding|committing)/),
        inDoubt: some(/^participant inDoubt/),
        cpuPercent: 0,
        memoryMb: 0,
        messagesPerS: perS(tally.sent),
        waiting: 0,
        deadLetters: 0,
        nodesUp: nodes.length - down.size,
      },
      nodes: nodes.map(({ name }) => {
        const messages = perS(tally.received.get(name) ?? 0);
        return {
          name,
          cpuPercent: 0,
          heapMb: 0,
          requestsPerS: messages,
          transactionsPerS: messages,
          messagesPerS: messages,
          lockWaiters: 0,
        };
      }),
      traffic: Object.fromEntries(
        Object.entries(tally.traffic).map(([link, sent]) => [link, perS(sent)]),
      ),
    });
  }
  return samples;
}

function count(event: TraceEvent, tally: Tally, states: Map<string, string>): void {
  const { from, to, note, state_before: before, state_after: after } = event;
  const [a, b] = [nodeName(from), nodeName(to)];
  if (from !== "fault" && a !== b) {
    tally.sent++;
    tally.received.set(b, (tally.received.get(b) ?? 0) + 1);
    tally.traffic[`${a}>${b}`] = (tally.traffic[`${a}>${b}`] ?? 0) + 1;
  }
  if (after === "") return;
  const end = endOf(event);
  if (end === "COMMITTED") tally.commits++;
  if (end === "ABORTED") tally.aborts++;
  if (before === after) return;
  const role = /coordinator/.test(to) ? "coordinator" : /participant/.test(to) ? "participant" : "";
  const key = `${to} ${transactionOf(note) ?? ""}`;
  if (/^(ended|aborted|forgotten|committed|idle)\b/.test(after)) states.delete(key);
  else states.set(key, `${role} ${after}`);
}

/** Whether a coordinator has just decided, and how. */
function endOf({ to, state_before: before, state_after: after }: TraceEvent): string | undefined {
  if (!/coordinator/.test(to)) return undefined;
  if (/^committing/.test(after) && !/^committing/.test(before)) return "COMMITTED";
  return /^aborted/.test(after) && !/^aborted/.test(before) ? "ABORTED" : undefined;
}

/** The transaction that a note begins with. */
export function transactionOf(note: string): string | undefined {
  return /^([0-9a-f-]{36}:\d+): /.exec(note)?.[1];
}

function lineOf(event: TraceEvent, { header, events }: Trace): LogEntry[] {
  const { t: at, from, to, type, note } = event;
  const own = transactionOf(note);
  const about = own === undefined ? {} : { transaction: own };
  const lines: LogEntry[] = [];
  if (from === "fault" || type === "$crash" || type === "$lost") {
    const over = type.endsWith(" over");
    const text = type === "$lost" ? `Lost: ${note}` : over ? type : `Injecting ${type}`;
    lines.push({ at, kind: over ? "info" : "warning", who: to, text: `${text}: ${to}` });
  }
  const end = endOf(event);
  if (end !== undefined) {
    const kind = end === "COMMITTED" ? "success" : "failure";
    lines.push({ at, kind, who: to, text: `Transaction ${end}`, ...about });
  } else if (from !== to && from !== "fault" && !CHATTER.has(type) && !type.startsWith("$")) {
    lines.push({ at, kind: "info", who: to, text: `${type} from ${from}`, ...about });
  }
  if (event === events.at(-1) && header.violation !== undefined) {
    lines.push({ at, kind: "failure", who: "", text: header.violation.message });
  }
  return lines;
}
