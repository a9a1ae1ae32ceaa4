/**
 * What happened in single transactions: the cluster is inspected while the console's own are under
 * way, and for a moment when somebody wants to see some of all the others.
 *
 * @module
 */
import type { InspectionHub } from "../../../runtime/inspection/hub.ts";
import type { InspectionRecord } from "../../../runtime/inspection/records.ts";
import { CLIENT } from "../../../runtime/role.ts";
import type { LogEntry, Story } from "./protocol.ts";
import { storyOf, tellOf } from "./story.ts";

/** What the stories are made from. */
export interface StoryParts {
  readonly hub: InspectionHub;
  /** Cluster time in ms, to which records refer. */
  readonly now: () => number;
  /** For lines about transactions. */
  readonly log: (entry: LogEntry) => void;
}

/** Acks and forgetting come after the answer. */
const AFTERMATH_MS = 700;
/** How long roles are waited for until they are inspected. */
const ATTACH_MS = 300;
const KEPT = 200;
/** Transactions of a capture that are told of. */
const TOLD = 12;
const COORDINATORS: ReadonlySet<string> = new Set([
  "twoPhaseCommit.coordinator",
  "threePhaseCommit.coordinator",
]);

/** Keeps the last stories. */
export class Stories {
  readonly #kept = new Map<string, Promise<Story>>();
  /** One act at a time: else nobody could tell whose transaction is whose. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: StoryParts) {}

  /** Does work that lets a coordinator begin a transaction for the client, and tells which. */
  async observed<T>(work: () => Promise<T>): Promise<{ value: T; transaction?: string }> {
    const before = this.#last;
    const done = Promise.withResolvers<void>();
    this.#last = done.promise;
    await before;
    let transaction: string | undefined;
    const asked = new Set<string>();
    const attachment = this.parts.hub.attach({}, (records) => {
      for (const record of records) {
        if (isAsk(record)) asked.add(record.role);
        else if (record.kind === "began" && COORDINATORS.has(record.machine)) {
          if (asked.delete(record.role)) transaction ??= record.about;
        }
      }
    });
    try {
      await this.#attached();
      const value = await work();
      // Records come a moment after what they tell of.
      const until = performance.now() + ATTACH_MS;
      while (transaction === undefined && performance.now() < until) await pause(10);
      if (transaction === undefined) return { value };
      this.#keep(transaction, pause(AFTERMATH_MS).then(() => attachment.detach()));
      return { value, transaction };
    } finally {
      if (transaction === undefined) attachment.detach();
      done.resolve();
    }
  }

  /** Inspects everything for a while, and tells of some transactions that ended meanwhile. */
  async capture(ms: number): Promise<number> {
    const begun = new Set<string>(), ended = new Set<string>();
    const attachment = this.parts.hub.attach({}, (records) => {
      for (const record of records) {
        if (record.kind === "began" && COORDINATORS.has(record.machine)) begun.add(record.about);
        if (record.kind === "ended" && begun.has(record.about)) ended.add(record.about);
      }
    });
    await pause(ms);
    attachment.detach();
    const told = [...ended].slice(0, TOLD);
    await Promise.all(told.map((each) => this.#keep(each, Promise.resolve())));
    return told.length;
  }

  /** A story that is kept. @throws {Error} with a message for people, if there is none */
  story(transaction: string): Promise<Story> {
    const kept = this.#kept.get(transaction);
    if (kept !== undefined) return kept;
    const message = `Nothing is known of ${transaction}: only transactions of this console, and ` +
      `those of a capture, are followed`;
    return Promise.reject(new Error(message));
  }

  #keep(transaction: string, over: Promise<void>): Promise<Story> {
    const story = over.then(() => {
      const { hub, now, log } = this.parts;
      const records = hub.recall({ about: transaction });
      const wallAt = (at: number) => Date.now() - (now() - at);
      for (const entry of tellOf(transaction, records, wallAt)) log(entry);
      return storyOf(transaction, records);
    });
    this.#kept.set(transaction, story);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return story;
  }

  /** Resolves when the roles are inspected, or some have not said so in time. */
  async #attached(): Promise<void> {
    const { hub } = this.parts;
    const asked = hub.roles().map(({ address }) => hub.census(address).catch(() => {}));
    await Promise.race([Promise.all(asked), pause(ATTACH_MS)]);
  }
}

function isAsk(record: InspectionRecord): boolean {
  return record.kind === "received" && record.type === "transact" && record.from === CLIENT;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
