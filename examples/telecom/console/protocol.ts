/**
 * What the console's server and its page say to each other: JSON texts over one WebSocket.
 *
 * | from | frame | meaning |
 * |---|---|---|
 * | page | `hello` | what it has seen already, and the operator's token if it has one |
 * | page | `act` | a method of the API, to be carried out with that token |
 * | page | `story` | what is known of one transaction |
 * | page | `capture` | follow all transactions for a moment |
 * | server | `welcome` | everything as it is now, or only that it goes on from there |
 * | server | `change` | something is different; numbered without gaps for those who may see all |
 * | server | `done` | what came of an act or a question |
 * | server | `refused` | a frame that was not understood or not taken, and why |
 *
 * Nodes, links and figures are for everyone, as `GET /healthz` and `GET /metrics` are. Log and
 * transactions are for operators, as `transactions.list` is, and so is every act.
 *
 * @module
 */

/** Colours of the log: blue, green, yellow and red. */
export type LogKind = "info" | "success" | "warning" | "failure";

/** A node of the map. */
export interface NodeInfo {
  readonly name: string;
  readonly tier: string;
  /** What it does, such as `gateway`. */
  readonly roles: readonly string[];
  /** A built-in subscriber whose account it keeps, if it keeps any. */
  readonly subscriber?: string;
  /** Whether it is one of those that agree, and can be made to lie. */
  readonly mayLie?: boolean;
}

/** What does not change while the cluster runs. */
export interface Topology {
  /** Name of the profile. */
  readonly profile: string;
  /** Where the API is served. */
  readonly api: string;
  /** Whether operators may order faults. */
  readonly faults: boolean;
  /** Ways for a node to lie; none where nobody agrees in spite of liars. */
  readonly behaviours: readonly string[];
  readonly nodes: readonly NodeInfo[];
}

/** A link in one direction. */
export interface LinkState {
  readonly from: string;
  readonly to: string;
  readonly up: boolean;
  /** One way, in ms. */
  readonly delayMs: number;
  /** The share of messages lost, from 0 to 1. */
  readonly loss: number;
}

/** A role in one second. */
export interface RoleSample {
  readonly address: string;
  /** State of its life, such as `serving`. */
  readonly state: string;
  /** Messages waiting in its mailbox. */
  readonly waiting: number;
  /** Messages it could not handle, so far. */
  readonly deadLetters: number;
  /** Of one processor. */
  readonly cpuPercent: number;
  readonly heapMb: number;
  /** Transactions by the state of their machine. */
  readonly machines: Readonly<Record<string, number>>;
  /** Other figures it gives of itself, by name. */
  readonly figures: Readonly<Record<string, number>>;
}

/** A node in one second. Latency and rates are of that second. */
export interface NodeSample {
  readonly name: string;
  /** Of one processor, all threads of the node. */
  readonly cpuPercent: number;
  /** JavaScript heaps of its threads. */
  readonly heapMb: number;
  /** Requests answered by its gateway. */
  readonly requestsPerS: number;
  /** Committed: by its coordinator, or applied by its participant. */
  readonly transactionsPerS: number;
  /** Of requests at an edge, of transactions in the core; undefined where there were none. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly messagesPerS: number;
  /** Owners that wait for a locked row. */
  readonly lockWaiters: number;
  /** What it runs; of the latest second only. */
  readonly roles?: readonly RoleSample[];
}

/** The whole in one second. */
export interface ClusterSample {
  readonly requestsPerS: number;
  readonly errorsPerS: number;
  readonly commitsPerS: number;
  readonly abortsPerS: number;
  /** Transactions whose votes are awaited. */
  readonly voting: number;
  /** Transactions whose decision is made durable and told. */
  readonly committing: number;
  /** Participants that wait for a decision. */
  readonly inDoubt: number;
  /** Of requests at the edges, from the merged histograms of that second. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** Of all processors of the machine. */
  readonly cpuPercent: number;
  /** Resident memory of the process. */
  readonly memoryMb: number;
  /** Of the machine's memory, where that may be known. */
  readonly memoryPercent?: number;
  readonly messagesPerS: number;
  /** Messages waiting in mailboxes. */
  readonly waiting: number;
  /** Since the cluster started. */
  readonly deadLetters: number;
  /** Nodes of which a role has answered. */
  readonly nodesUp: number;
}

/** One second of figures. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly cluster: ClusterSample;
  readonly nodes: readonly NodeSample[];
  /** Messages a second, by `from>to`; of the latest second only. */
  readonly traffic?: Readonly<Record<string, number>>;
}

/** A line of the log. */
export interface LogEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly kind: LogKind;
  /** Address of who says it, or a node; empty for the cluster itself. */
  readonly who: string;
  readonly text: string;
  /** The transaction it is about. */
  readonly transaction?: string;
}

/** What happened in one transaction. */
export interface Story {
  readonly transaction: string;
  /** Addresses of all who took part, clients first. */
  readonly lanes: readonly string[];
  /** In the order in which things happened. Times in ms since the first. */
  readonly steps: readonly StoryStep[];
}

/** One thing that happened. */
export type StoryStep =
  | {
    readonly what: "message";
    readonly at: number;
    readonly from: string;
    readonly to: string;
    readonly type: string;
    /** When it was handled; undefined if it never was, or nobody saw it. */
    readonly arrived?: number;
    /** A link lost it. */
    readonly lost?: boolean;
  }
  | {
    readonly what: "state";
    readonly at: number;
    readonly who: string;
    readonly event: string;
    readonly before: string;
    readonly after: string;
  }
  | {
    readonly what: "record";
    readonly at: number;
    readonly who: string;
    readonly type: string;
    /** Whether something waits for it to be on disk. */
    readonly forced: boolean;
    /** When it was on disk; undefined if it is not yet. */
    readonly durable?: number;
  };

/** What is different. */
export type Change =
  | { readonly what: "nodes"; readonly down: readonly string[] }
  | { readonly what: "links"; readonly links: readonly LinkState[] }
  | { readonly what: "sample"; readonly sample: Sample }
  | { readonly what: "log"; readonly entries: readonly LogEntry[] };

/** From the server to the page. */
export type FromServer =
  | {
    readonly type: "welcome";
    /** Of this run of the server: another one's numbers mean nothing here. */
    readonly session: string;
    /** Number of the last change that is in here. */
    readonly n: number;
    /** Whether changes follow from where the page left off; then nothing else is in here. */
    readonly resumed: boolean;
    /** Who the token is for; undefined without a good one. */
    readonly operator?: string;
    /** Why the token was not taken. */
    readonly problem?: string;
    readonly state?: State;
  }
  | { readonly type: "change"; readonly n: number; readonly change: Change }
  | { readonly type: "done"; readonly id: number; readonly result: unknown }
  | { readonly type: "done"; readonly id: number; readonly error: string }
  | { readonly type: "refused"; readonly message: string };

/** Everything as it is. */
export interface State {
  readonly topology: Topology;
  readonly down: readonly string[];
  readonly links: readonly LinkState[];
  readonly samples: readonly Sample[];
  readonly log: readonly LogEntry[];
}

/** From the page to the server. */
export type FromPage =
  | {
    readonly type: "hello";
    readonly session?: string;
    readonly n?: number;
    readonly token?: string;
  }
  | {
    readonly type: "act";
    readonly id: number;
    readonly method: string;
    readonly params: Readonly<Record<string, unknown>>;
  }
  | { readonly type: "story"; readonly id: number; readonly transaction: string }
  | { readonly type: "capture"; readonly id: number };

/** The longest frame a page may send, in characters. */
export const PAGE_FRAME_LIMIT = 16 * 1024;

/** Samples kept: five minutes. */
export const SAMPLES_KEPT = 300;

/** Lines of the log kept. */
export const LOG_KEPT = 1000;

/** Reads a page's frame. @throws {SyntaxError} with a sentence that says what is wrong with it */
export function readFrame(text: unknown): FromPage {
  if (typeof text !== "string") throw new SyntaxError("Cannot read a binary frame: send JSON text");
  if (text.length > PAGE_FRAME_LIMIT) {
    throw new SyntaxError(
      `Cannot read a frame of ${text.length} characters: at most ${PAGE_FRAME_LIMIT}`,
    );
  }
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    throw new SyntaxError("Cannot read a frame that is not JSON");
  }
  if (!isObject(frame)) throw new SyntaxError("Cannot read a frame that is no object");
  const { type, id } = frame;
  if (type === "hello") {
    const { session, n, token } = frame;
    if (optional(session, "string") && optional(n, "number") && optional(token, "string")) {
      return frame as unknown as FromPage;
    }
    throw new SyntaxError("Cannot read hello: session and token are texts, n is a number");
  }
  if (type === "act" || type === "story" || type === "capture") {
    if (!Number.isSafeInteger(id)) throw new SyntaxError(`Cannot read ${type}: id is a number`);
    const told = typeof frame["transaction"] === "string";
    if (type === "capture" || (type === "act" ? isAct(frame) : told)) {
      return frame as unknown as FromPage;
    }
    const takes = type === "act" ? "method, a text, and params, an object" : "transaction, a text";
    throw new SyntaxError(`Cannot read ${type}: it takes ${takes}`);
  }
  const named = JSON.stringify(type)?.slice(0, 40) ?? "no type";
  throw new SyntaxError(
    `Cannot read a frame of type ${named}: there are hello, act, story, capture`,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function optional(value: unknown, type: "string" | "number"): boolean {
  return value === undefined || typeof value === type;
}

function isAct(frame: Record<string, unknown>): boolean {
  return typeof frame["method"] === "string" && isObject(frame["params"]);
}
