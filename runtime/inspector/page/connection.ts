/**
 * The page's socket, and all it has told so far. It comes back by itself and says again what the
 * page looks at.
 *
 * @module
 */
/// <reference lib="dom" />
import type { Listed } from "../../inspection/questions.ts";
import type { InspectionRecord } from "../../inspection/records.ts";
import type {
  FromPage,
  LogLevel,
  ShownChart,
  ShownInstance,
  ToPage,
  TreeRole,
} from "../page_protocol.ts";

const LOG_KEPT = 300;
const STEPS_KEPT = 100;
const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 5000;

/** What the page looks at. */
export interface Looked {
  readonly role: string;
  readonly machine: string;
}

/** All the page knows. */
export interface Known {
  readonly connected: boolean;
  /** Why it is not, if that was said. */
  readonly reason: string;
  /** Cluster time less the page's own, in ms. */
  readonly ahead: number;
  readonly tree: readonly TreeRole[];
  readonly figures: { readonly records: number; readonly dropped: number };
  readonly looked: Looked | undefined;
  readonly state: string | undefined;
  readonly chart: ShownChart | undefined;
  readonly instances: readonly Listed[];
  readonly instance: ShownInstance | undefined;
  readonly steps: readonly InspectionRecord[];
  readonly log: readonly InspectionRecord[];
  readonly skipped: number;
  readonly level: LogLevel;
  readonly here: boolean;
}

const NOTHING: Known = {
  connected: false,
  reason: "",
  ahead: 0,
  tree: [],
  figures: { records: 0, dropped: 0 },
  looked: undefined,
  state: undefined,
  chart: undefined,
  instances: [],
  instance: undefined,
  steps: [],
  log: [],
  skipped: 0,
  level: "events",
  here: false,
};

/** The connection to the server. */
export class Connection {
  known: Known = NOTHING;
  #socket: WebSocket | undefined;
  #pause = FIRST_PAUSE_MS;

  /** @param changed called with all that is known, whenever that changes */
  constructor(private readonly changed: (known: Known) => void) {
    this.#connect();
  }

  #connect(): void {
    const url = `${location.origin.replace(/^http/, "ws")}/live${location.search}`;
    const socket = this.#socket = new WebSocket(url);
    socket.onopen = () => {
      this.#pause = FIRST_PAUSE_MS;
      this.#set({ connected: true, reason: "" });
      const { looked, state, instance, level, here } = this.known;
      this.#say({ log: level, here });
      if (looked === undefined) return;
      this.#say({ show: { ...looked, ...(state === undefined ? {} : { state }) } });
      if (instance !== undefined) this.#say({ open: instance.key });
    };
    socket.onmessage = ({ data }) => this.#told(JSON.parse(data));
    socket.onclose = ({ reason }) => {
      this.#set({ connected: false, reason });
      setTimeout(() => this.#connect(), this.#pause);
      this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2);
    };
  }

  #say(message: FromPage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #set(change: Partial<Known>): void {
    this.known = { ...this.known, ...change };
    this.changed(this.known);
  }

  #told(news: ToPage): void {
    const { known } = this;
    const { tree, figures, chart, instances, instance, steps, log, skipped } = news;
    this.#set({
      ahead: news.now - Date.now(),
      ...(tree === undefined ? {} : { tree }),
      ...(figures === undefined ? {} : { figures }),
      ...(chart === undefined ? {} : { chart }),
      ...(instances === undefined ? {} : { instances }),
      ...(instance === undefined ? {} : { instance: instance ?? undefined }),
      ...(instance === null ? { steps: [] } : {}),
      ...(steps === undefined ? {} : {
        steps: [...instance === null ? [] : known.steps, ...steps].slice(-STEPS_KEPT),
      }),
      ...(log === undefined ? {} : { log: [...known.log, ...log].slice(-LOG_KEPT) }),
      ...(skipped === undefined ? {} : { skipped: known.skipped + skipped }),
    });
  }

  /** Looks at a machine of a role. */
  show(looked: Looked, state?: string): void {
    const same = this.known.looked?.role === looked.role &&
      this.known.looked.machine === looked.machine;
    const fresh = { chart: undefined, instance: undefined, steps: [] };
    this.#set({ looked, state, instances: [], ...(same ? {} : fresh) });
    this.#say({ show: { ...looked, ...(state === undefined ? {} : { state }) } });
  }

  /** Opens an instance, or closes the one that is open. */
  open(key: string | null): void {
    this.#say({ open: key });
  }

  /** What the log is to tell. */
  follow(level: LogLevel, here: boolean): void {
    this.#set({ level, here, log: [], skipped: 0 });
    this.#say({ log: level, here });
  }
}
