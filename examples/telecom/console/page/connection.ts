/**
 * The page's end of the socket: what is known of the cluster, kept up to date; it comes back by
 * itself and goes on from the last change it saw.
 *
 * @module
 */
/// <reference lib="dom" />
import type { Change, FromPage, FromServer, LogEntry, Sample, State } from "../protocol.ts";
import { LOG_KEPT, SAMPLES_KEPT } from "../protocol.ts";

/** How the socket fares. */
export type Link = "connecting" | "live" | "lost";

/** What the page knows. */
export interface Known {
  readonly link: Link;
  /** Why the socket was closed, if that was said. */
  readonly reason: string;
  /** Undefined until the first welcome. */
  readonly state: State | undefined;
  /** The latest second, with all its details. */
  readonly latest: Sample | undefined;
  /** Who the token is for. */
  readonly operator: string | undefined;
  /** Why the token was not taken, or a frame refused. */
  readonly problem: string | undefined;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Where the token is kept: for this tab, until it is closed. */
const TOKEN_KEY = "trunkline-token";
/** Lines of the log are shown at most so often. */
const LOG_PAUSE_MS = 100;
const FIRST_RETRY_MS = 300, MOST_RETRY_MS = 5000;

/** Follows the cluster. */
export class Connection {
  known: Known = {
    link: "connecting",
    reason: "",
    state: undefined,
    latest: undefined,
    operator: undefined,
    problem: undefined,
  };
  readonly #listeners = new Set<() => void>();
  readonly #waiting = new Map<number, Waiting>();
  #socket: WebSocket | undefined;
  #session: string | undefined;
  #n: number | undefined;
  #token: string | undefined;
  #ids = 0;
  #retryMs = FIRST_RETRY_MS;
  #telling: ReturnType<typeof setTimeout> | undefined;
  /** When the listeners are told next. */
  #due = Infinity;

  constructor(private readonly url: string) {
    this.#token = takeToken();
    this.#connect();
  }

  /** Calls a listener after changes; answers with a function that ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes another token, or none, and asks for what it opens. */
  authorize(token: string | undefined): void {
    this.#token = token;
    if (token === undefined) sessionStorage.removeItem(TOKEN_KEY);
    else sessionStorage.setItem(TOKEN_KEY, token);
    this.#n = undefined;
    this.#hello();
  }

  /** Carries out a method of the API. */
  act(method: string, params: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.#ask((id) => ({ type: "act", id, method, params }));
  }

  /** What is known of a transaction. */
  story(transaction: string): Promise<unknown> {
    return this.#ask((id) => ({ type: "story", id, transaction }));
  }

  /** Follows all transactions for a moment; answers how many the log tells of. */
  capture(): Promise<unknown> {
    return this.#ask((id) => ({ type: "capture", id }));
  }

  #ask(frame: (id: number) => FromPage): Promise<unknown> {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Error("Not connected: nothing was asked for"));
    }
    const id = ++this.#ids;
    this.#send(frame(id));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #send(frame: FromPage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #connect(): void {
    const socket = this.#socket = new WebSocket(this.url);
    socket.onopen = () => this.#hello();
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data) as FromServer);
    socket.onclose = ({ reason }) => {
      for (const { reject } of this.#waiting.values()) {
        reject(new Error("The connection was lost: it may have been done"));
      }
      this.#waiting.clear();
      this.#know({ link: "lost", reason });
      setTimeout(() => this.#connect(), this.#retryMs);
      this.#retryMs = Math.min(MOST_RETRY_MS, this.#retryMs * 2);
    };
  }

  #hello(): void {
    this.#send({
      type: "hello",
      ...(this.#session === undefined || this.#n === undefined
        ? {}
        : { session: this.#session, n: this.#n }),
      ...(this.#token === undefined ? {} : { token: this.#token }),
    });
  }

  #take(frame: FromServer): void {
    switch (frame.type) {
      case "welcome": {
        this.#session = frame.session;
        this.#retryMs = FIRST_RETRY_MS;
        const { operator, problem, state = this.known.state } = frame;
        if (!frame.resumed) this.#n = frame.n;
        return this.#know({ link: "live", operator, problem, state });
      }
      case "change":
        this.#n = frame.n;
        return this.#change(frame.change);
      case "done": {
        const waiting = this.#waiting.get(frame.id);
        this.#waiting.delete(frame.id);
        if ("error" in frame) waiting?.reject(new Error(frame.error));
        else waiting?.resolve(frame.result);
        return;
      }
      case "refused":
        return this.#know({ problem: frame.message });
    }
  }

  #change(change: Change): void {
    const { state } = this.known;
    if (state === undefined) return;
    switch (change.what) {
      case "nodes":
        return this.#know({ state: { ...state, down: change.down } });
      case "links":
        return this.#know({ state: { ...state, links: change.links } });
      case "sample":
        return this.#know({
          latest: change.sample,
          state: { ...state, samples: more(state.samples, [change.sample], SAMPLES_KEPT) },
        });
      case "log":
        return this.#know({
          state: { ...state, log: more<LogEntry>(state.log, change.entries, LOG_KEPT) },
        }, LOG_PAUSE_MS);
    }
  }

  /** Tells of all that comes at the same time at once; lines of the log may wait for others. */
  #know(news: Partial<Known>, pauseMs = 0): void {
    this.known = { ...this.known, ...news };
    const due = performance.now() + pauseMs;
    if (this.#due <= due) return;
    clearTimeout(this.#telling);
    this.#due = due;
    this.#telling = setTimeout(() => {
      this.#due = Infinity;
      for (const listener of this.#listeners) listener();
    }, pauseMs);
  }
}

function more<T>(kept: readonly T[], news: readonly T[], limit: number): readonly T[] {
  return [...kept, ...news].slice(-limit);
}

/** From the link that was opened, whose fragment is then cleared, or what this tab was given. */
function takeToken(): string | undefined {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null && given !== "") {
    sessionStorage.setItem(TOKEN_KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(TOKEN_KEY) ?? undefined;
}
