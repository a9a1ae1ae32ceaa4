/**
 * One page that is open: what it looks at, and what it is told of that.
 *
 * @module
 */
import type { Kind } from "../inspection/filter.ts";
import type { Attachment, InspectionHub } from "../inspection/hub.ts";
import type { Listed } from "../inspection/questions.ts";
import type { InspectionRecord } from "../inspection/records.ts";
import type { Overview } from "./overview.ts";
import type { FromPage, LogLevel, ShownChart, ShownInstance, ToPage } from "./page_protocol.ts";

/** Most instances that are listed. */
const MOST_LISTED = 1000;
/** Most records of what is open that one message to the page has. */
const MOST_TOLD = 200;
/** Most lines of the log: ten messages come a second, and nobody reads more. */
const MOST_LOGGED = 40;
const LIST_MS = 500;
/** What the log tells of unless it is to tell everything. */
const EVENTS: readonly Kind[] = ["roleStarted", "roleEnded", "dead", "lost"];

interface Shown {
  readonly role: string;
  readonly machine: string;
  readonly state?: string | undefined;
}

/** A page's wishes, and what they lead to. */
export class Visitor implements Disposable {
  readonly #presence: Disposable;
  #shown: Shown | undefined;
  #opened: ShownInstance | undefined;
  #openedAttachment: Attachment | undefined;
  #logAttachment: Attachment | undefined;
  #level: LogLevel = "events";
  #here = false;
  #steps: InspectionRecord[] = [];
  #log: InspectionRecord[] = [];
  #skipped = 0;
  #news: { chart?: ShownChart; instances?: readonly Listed[]; instance?: ShownInstance | null } =
    {};
  #treeSent = -1;
  #listedAt = -Infinity;
  #listing = false;
  #listedBefore = "";
  #over = false;

  /** A page that looks at nothing yet. */
  constructor(
    private readonly hub: InspectionHub,
    private readonly overview: Overview,
    private readonly now: () => number,
  ) {
    this.#presence = overview.watch();
    this.#attachLog();
  }

  /**
   * Takes a wish of the page.
   *
   * @throws {TypeError} if it is not understood
   */
  wish(message: unknown): void {
    const wish = message as Partial<Record<"show" | "open" | "log" | "here", unknown>> | null;
    if (typeof wish !== "object" || wish === null) throw new TypeError("A wish must be an object");
    if (isShow(wish.show)) return this.#show(wish.show);
    if (wish.open === null || typeof wish.open === "string") return this.#open(wish.open);
    if (wish.log === "off" || wish.log === "events" || wish.log === "all") {
      this.#level = wish.log;
      this.#here = wish.here === true;
      return this.#attachLog();
    }
    throw new TypeError("A wish must have show, open or log");
  }

  // The machine ------------------------------------------------------------------------------

  #show({ role, machine, state }: Shown): void {
    const same = this.#shown?.role === role && this.#shown.machine === machine;
    this.#shown = { role, machine, state };
    this.#listedAt = -Infinity;
    this.#listedBefore = "";
    if (same) return;
    this.#open(null);
    this.#attachLog();
    const still = () =>
      !this.#over && this.#shown?.role === role && this.#shown.machine === machine;
    this.overview.chart(role, machine).then(
      (chart) => {
        if (still()) this.#news.chart = chart;
      },
      (error: Error) => {
        if (still()) this.#news.chart = { role, machine, problem: error.message, anywhere: [] };
      },
    );
  }

  async #list(): Promise<void> {
    const shown = this.#shown;
    if (shown === undefined || this.#listing || this.now() - this.#listedAt < LIST_MS) return;
    this.#listing = true;
    this.#listedAt = this.now();
    const { role, machine, state } = shown;
    const options = { most: MOST_LISTED, ...(state === undefined ? {} : { state }) };
    const listed = await this.hub.list(role, machine, options).catch(() => []);
    this.#listing = false;
    const text = JSON.stringify(listed);
    if (this.#shown !== shown || text === this.#listedBefore) return;
    this.#listedBefore = text;
    this.#news.instances = listed;
    // Where there is but one there is nothing to choose.
    const [only] = listed;
    if (listed.length === 1 && this.#opened === undefined) this.#open(only!.key);
  }

  // The instance -----------------------------------------------------------------------------

  #open(key: string | null): void {
    this.#openedAttachment?.detach();
    this.#openedAttachment = undefined;
    this.#opened = undefined;
    this.#steps = [];
    this.#news.instance = null;
    const shown = this.#shown;
    if (key === null || shown === undefined) return;
    const { role, machine } = shown;
    this.#tell({ key, state: undefined, snapshot: undefined, since: undefined });
    // Its role's messages that are about it, and the records that make them durable, too.
    const filter = { roles: [role], about: key, payloads: true };
    this.#openedAttachment = this.hub.attach(filter, (records) => this.#follow(machine, records));
    const still = () => this.#opened?.key === key && this.#shown === shown;
    this.hub.open(role, machine, key).then((opened) => {
      if (!still() || opened === undefined || this.#opened!.state !== undefined) return;
      this.#tell({ key, state: opened.state, snapshot: opened.snapshot, since: undefined });
    }, () => {});
  }

  #follow(machine: string, records: readonly InspectionRecord[]): void {
    for (const record of records) {
      this.#steps.push(record);
      const opened = this.#opened;
      if (opened === undefined || !("machine" in record) || record.machine !== machine) continue;
      if (record.kind === "ended") {
        this.#tell({ ...opened, state: undefined, since: record.at });
      } else {
        const state = record.kind === "step" ? record.after : record.state;
        const moved = record.kind === "began" || record.before !== state;
        const since = moved ? record.at : opened.since;
        this.#tell({ key: opened.key, state, snapshot: record.snapshot ?? opened.snapshot, since });
      }
    }
    if (this.#steps.length > MOST_TOLD) this.#steps = this.#steps.slice(-MOST_TOLD);
  }

  #tell(instance: ShownInstance): void {
    this.#opened = instance;
    this.#news.instance = instance;
  }

  // The log ----------------------------------------------------------------------------------

  #attachLog(): void {
    this.#logAttachment?.detach();
    this.#logAttachment = undefined;
    if (this.#level === "off") return;
    const kinds = this.#level === "all" ? {} : { kinds: EVENTS };
    const roles = this.#here && this.#shown !== undefined ? { roles: [this.#shown.role] } : {};
    this.#logAttachment = this.hub.attach({ ...kinds, ...roles }, (records, dropped) => {
      this.#skipped += dropped;
      // The latest are shown; of what is not, the number.
      const room = records.slice(-MOST_LOGGED);
      this.#skipped += records.length - room.length;
      this.#log.push(...room);
      if (this.#log.length <= MOST_LOGGED) return;
      this.#skipped += this.#log.length - MOST_LOGGED;
      this.#log = this.#log.slice(-MOST_LOGGED);
    });
  }

  // Messages ---------------------------------------------------------------------------------

  /** What is new for the page; undefined if nothing is. */
  news(): ToPage | undefined {
    void this.#list();
    const { version, roles } = this.overview.tree;
    const message = {
      now: this.now(),
      ...this.#news,
      ...(version === this.#treeSent ? {} : { tree: roles, figures: this.hub.figures }),
      ...(this.#steps.length === 0 ? {} : { steps: this.#steps }),
      ...(this.#log.length === 0 ? {} : { log: this.#log.sort((a, b) => a.at - b.at) }),
      ...(this.#skipped === 0 ? {} : { skipped: this.#skipped }),
    };
    this.#treeSent = version;
    this.#news = {};
    this.#steps = [];
    this.#log = [];
    this.#skipped = 0;
    return Object.keys(message).length === 1 ? undefined : message;
  }

  /** It has left. */
  [Symbol.dispose](): void {
    this.#over = true;
    this.#openedAttachment?.detach();
    this.#logAttachment?.detach();
    this.#presence[Symbol.dispose]();
  }
}

function isShow(value: unknown): value is Shown {
  if (typeof value !== "object" || value === null) return false;
  const { role, machine, state } = value as Partial<Record<keyof Shown, unknown>>;
  return typeof role === "string" && typeof machine === "string" &&
    (state === undefined || typeof state === "string");
}

/** Reads what a page says. @throws {SyntaxError | TypeError} if it is not understood */
export function readWish(text: unknown): FromPage {
  if (typeof text !== "string") throw new TypeError("A wish must be text");
  return JSON.parse(text);
}
