/**
 * What happened in single transactions: the cluster is inspected while the console's own are under
 * way, and for a moment when somebody wants to see some of all the others.
 *
 * @module
 */
import type { InspectionHub } from "../../../runtime/inspection/hub.ts";
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

/** Acks and forgetting come after the answer. In ms. */
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

  constructor(private readonly parts: StoryParts) {}

  /** Does work, and follows the transaction that it turns out to have been, if it was one. */
  async observed<T>(work: () => Promise<T>, of: (value: T) => string | undefined): Promise<T> {
    const attachment = this.parts.hub.attach({}, () => {});
    let transaction: string | undefined;
    try {
      await this.#attached();
      const value = await work();
      transaction = of(value);
      // Acks, and records of what was told, come a moment after the answer.
      if (transaction !== undefined) {
        void this.#keep(transaction, pause(AFTERMATH_MS).then(() => attachment.detach()));
      }
      return value;
    } finally {
      if (transaction === undefined) attachment.detach();
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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
