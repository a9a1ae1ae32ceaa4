/**
 * The logs that a coordinator answers for: its own, and those that are handed over to it. The charts
 * in `protocols/configuration/hand_over.ts` say when what is done; this file journals, orders,
 * fetches and hands out what they name.
 *
 * | message     | from              | body                      | answer              |
 * | ----------- | ----------------- | ------------------------- | ------------------- |
 * | `roster`    | the own node      | the configuration         |                     |
 * | `log.chunk` | other coordinators | `{ log, digest, index }` | bytes, and how many chunks there are |
 *
 * @module
 */
import type {
  Configuration,
  ConfigurationOperation,
} from "../protocols/configuration/configuration.ts";
import {
  predecessor,
  type PredecessorEvent,
  successor,
  type SuccessorEvent,
} from "../protocols/configuration/hand_over.ts";
import { type Instance, Instances, type Perform } from "../runtime/instances.ts";
import type { MessageHandler } from "../runtime/role.ts";
import type { LogKeeperParts } from "./log_keeper_parts.ts";
import { type HandOverRecord, ownRecords, recoverLogs } from "./log_records.ts";
import { digestOfLog, fetchLog, handsOut } from "./log_transfer.ts";
import { RosterListener } from "./roster_listener.ts";

/** A log that is, or was, this coordinator's. */
type Owned = { readonly log: string; digest: string; records: readonly unknown[]; hard: boolean };
/** A log that is to be. */
type Coming = {
  readonly log: string;
  owner: string;
  digest: string;
  records: readonly unknown[];
  isKept: boolean;
};

const ORDER_MS = 5000;
const POLL_MS = 20;

/** Keeps the logs of one coordinator. */
export class LogKeeper {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #roster: RosterListener;
  readonly #owned: Instances<Owned, PredecessorEvent>;
  readonly #coming: Instances<Coming, SuccessorEvent>;
  #registering = false;

  constructor(private readonly parts: LogKeeperParts) {
    const { services } = parts;
    this.#roster = new RosterListener(services, (now) => this.#heard(now));
    const common = {
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
    };
    this.#owned = new Instances<Owned, PredecessorEvent>({
      ...common,
      engine: services.engine(predecessor),
      effects: this.#predecessorEffects(),
    });
    this.#coming = new Instances<Coming, SuccessorEvent>({
      ...common,
      engine: services.engine(successor),
      effects: this.#successorEffects(),
    });
    this.messages = {
      ...this.#roster.messages,
      ...handsOut(services, (log, digest, to) => this.#recordsFor(log, digest, to)),
    };
  }

  /** Whether transactions may be begun. */
  get begins(): boolean {
    const own = this.#owned.get(this.parts.services.store.id);
    return own !== undefined && this.#owned.describe(own) === "serving";
  }

  /** What the group has set for transactions at a time, if it has. */
  get limit(): number | undefined {
    return this.#roster.now?.settings.maxConcurrentTransactions;
  }

  // Life -------------------------------------------------------------------------------------

  /** Goes on with what a journal says. */
  recover(records: readonly unknown[]): void {
    const own = this.parts.services.store.id;
    const found = recoverLogs(records);
    if (!found.has(own)) {
      this.#own(own);
      this.parts.goOn(own, ownRecords(records, found));
    }
    for (const [log, { state, digest, records }] of found) {
      if (state === "adopted") {
        const coming = this.#come(log, { owner: "", digest, records, isKept: true });
        this.#coming.step(coming, { type: "recovered" });
      } else if (state === "sealed" || log === own) {
        const owned = this.#own(log);
        Object.assign(owned.facts, { digest, records });
        this.parts.drop(log);
        this.#owned.step(owned, { type: "recovered", as: state });
      }
    }
  }

  /** Asks what the configuration is by now. */
  serve(): void {
    if (this.parts.roster) this.#roster.ask();
  }

  #own(log: string): Instance<Owned> {
    const facts: Owned = { log, digest: "", records: [], hard: false };
    return this.#owned.get(log) ?? this.#owned.create(log, this.#input, facts);
  }

  #come(log: string, facts: Omit<Coming, "log">): Instance<Coming> {
    return this.#coming.get(log) ?? this.#coming.create(log, this.#input, { log, ...facts });
  }

  get #input() {
    const { drainMs, retryMs } = this.parts;
    return { drainMs, retryMs };
  }

  /** Ends. */
  clear(): void {
    this.#owned.clear();
    this.#coming.clear();
  }

  /** What stands in for the whole journal so far. */
  checkpoint(): readonly unknown[] {
    const kept: unknown[] = [];
    const keep = (record: HandOverRecord) => kept.push(record);
    for (const owned of this.#owned) {
      const { log, digest, records } = owned.facts;
      const state = this.#owned.describe(owned);
      if (state === "sealing" || state === "sealed") {
        keep({ handOver: "sealed", log, digest, records });
      } else if (state === "released") keep({ handOver: "released", log });
      else if (log === this.parts.services.store.id) kept.push(...this.parts.records(log));
      else keep({ handOver: "adopted", log, digest, records: this.parts.records(log) });
    }
    for (const { facts: { log, digest, records, isKept } } of this.#coming) {
      if (isKept) keep({ handOver: "adopted", log, digest, records });
    }
    return kept;
  }

  /** What is done with each log. */
  states(): Record<string, string> {
    const states: Record<string, string> = {};
    for (const each of this.#coming) states[each.key] = this.#coming.describe(each);
    for (const each of this.#owned) states[each.key] = this.#owned.describe(each);
    return states;
  }

  // The configuration ------------------------------------------------------------------------

  #heard(now: Configuration): void {
    const { services } = this.parts;
    const { node } = services;
    const isNew = now.logs[services.store.id] === undefined;
    const mayOwn = now.coordinators.includes(node);
    if (this.begins && isNew && mayOwn && !this.#registering) this.#register();
    for (const owned of [...this.#owned]) {
      const ownership = now.logs[owned.key];
      if (ownership === undefined) continue;
      const type = ownership.owner !== node
        ? "released"
        : ownership.to === undefined
        ? "canceled"
        : "handOver";
      this.#owned.step(owned, { type });
    }
    for (const [log, { owner, to, sealed }] of Object.entries(now.logs)) {
      if (to !== node || sealed === undefined) continue;
      const coming = this.#come(log, { owner, digest: sealed, records: [], isKept: false });
      this.#coming.step(coming, { type: "sealed" });
    }
    for (const coming of [...this.#coming]) {
      const { owner, to } = now.logs[coming.key] ?? {};
      if (owner === node) this.#coming.step(coming, { type: "owned" });
      else if (to !== node) this.#coming.step(coming, { type: "withdrawn" });
    }
  }

  /** Has the own log registered, until it is. */
  #register(): void {
    const { services, retryMs } = this.parts;
    const log = services.store.id;
    this.#registering = this.#roster.now?.logs[log] === undefined;
    if (!this.#registering) return;
    this.#order({ op: "register", log, owner: services.node });
    services.timers.set(services.clock.now() + retryMs, () => this.#register());
  }

  /** What comes of it is heard as a configuration. */
  #order(operation: ConfigurationOperation): void {
    const { services } = this.parts;
    services.ask(`${services.node}/node`, "order", operation, ORDER_MS).catch(() => {});
    // It may have been ordered and heard before, when this was not waited for yet.
    services.timers.set(services.clock.now(), () => {
      if (this.#roster.now !== undefined) this.#heard(this.#roster.now);
    });
  }

  #journal(record: HandOverRecord, durable?: () => void): void {
    const { services, written } = this.parts;
    services.journal(record, durable !== undefined, durable);
    written();
  }

  // The owner --------------------------------------------------------------------------------

  #predecessorEffects(): Record<string, Perform<Owned>> {
    return {
      drain: (owned) => {
        if (owned.key === this.parts.services.store.id) this.parts.stopBeginning();
        this.#awaitDrained(owned);
      },
      abort: ({ facts }) => {
        facts.hard = true;
        this.parts.abort();
      },
      resume: () => {},
      fence: ({ facts: { log } }) => {
        this.parts.drop(log);
        this.parts.services.log("failure", `log ${log} is another's: this copy of it is old`);
      },
      seal: (owned) => this.#seal(owned),
      order: ({ facts: { log, digest } }) => this.#order({ op: "sealed", log, digest }),
      release: ({ facts }) => this.#release(facts),
      reject: ({ key }) => this.parts.services.log("warning", `log ${key}: unexpected event`),
    };
  }

  #awaitDrained(owned: Instance<Owned>): void {
    const { services, undecided } = this.parts;
    services.timers.set(services.clock.now() + POLL_MS, () => {
      const state = this.#owned.describe(owned);
      if (state !== "draining" && state !== "aborting") return;
      const isOwn = owned.key === services.store.id;
      if (isOwn && undecided(owned.facts.hard)) return this.#awaitDrained(owned);
      this.#owned.step(owned, { type: "drained" });
    });
  }

  /** In the journal it comes after every decision, so it holds all of them. */
  #seal(owned: Instance<Owned>): void {
    const { facts } = owned;
    const { log } = facts;
    // As the journal gives them back: the digest must be the same after a restart.
    facts.records = JSON.parse(JSON.stringify(this.parts.records(log)));
    facts.digest = digestOfLog(facts.records);
    const { digest, records } = facts;
    this.#journal({ handOver: "sealed", log, digest, records }, () => {
      this.parts.drop(log);
      this.parts.services.log("info", `log ${log} is sealed with ${records.length} records`);
      this.#owned.step(owned, { type: "journaled" });
    });
  }

  #release(facts: Owned): void {
    if (facts.records.length === 0) return;
    facts.records = [];
    this.#journal({ handOver: "released", log: facts.log });
  }

  /** The records of a log that is sealed here, for whoever is to have it. */
  #recordsFor(log: string, digest: string, to: string): readonly unknown[] | "forbidden" {
    if (this.#roster.now?.logs[log]?.to !== to) return "forbidden";
    const owned = this.#owned.get(log);
    const isSealed = owned?.facts.digest === digest && this.#owned.describe(owned) === "sealed";
    return isSealed ? owned.facts.records : "forbidden";
  }

  // The successor ----------------------------------------------------------------------------

  #successorEffects(): Record<string, Perform<Coming>> {
    return {
      fetch: (coming) => void this.#fetch(coming),
      adopt: (coming) => {
        const { log, digest, records } = coming.facts;
        coming.facts.isKept = true;
        const durable = () => this.#coming.step(coming, { type: "journaled" });
        this.#journal({ handOver: "adopted", log, digest, records }, durable);
      },
      order: ({ facts: { log, digest } }) => this.#order({ op: "adopted", log, digest }),
      serve: (coming) => this.#serve(coming),
      drop: ({ facts }) => {
        Object.assign(facts, { records: [], isKept: false });
        this.#journal({ handOver: "released", log: facts.log });
      },
      reject: ({ key }) => this.parts.services.log("warning", `log ${key}: unexpected event`),
    };
  }

  async #fetch(coming: Instance<Coming>): Promise<void> {
    const { services } = this.parts;
    const { facts } = coming;
    const { log } = facts;
    // It may be sealed with other records than were asked for last, by another owner.
    const { owner = facts.owner, sealed = facts.digest } = this.#roster.now?.logs[log] ?? {};
    Object.assign(facts, { owner, digest: sealed });
    const records = await fetchLog(services, `${owner}/coordinator`, log, sealed);
    if (this.#coming.get(log) !== coming) return;
    facts.records = records ?? [];
    this.#coming.step(coming, { type: records === undefined ? "failed" : "fetched" });
    services.wake();
  }

  /** The group has said that it is the owner. */
  #serve(coming: Instance<Coming>): void {
    const { log, digest, records } = coming.facts;
    this.#coming.drop(coming);
    const owned = this.#own(log);
    owned.facts.digest = digest;
    this.parts.goOn(log, records);
    this.parts.services.log("info", `log ${log} is served here, ${records.length} records`);
  }
}
