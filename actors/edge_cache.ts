/**
 * The cache of an edge: answers it may give without asking, each under a lease, and the holds of
 * transactions that are changing them. Volatile: a restarted edge begins with nothing.
 *
 * @module
 */
import { holder, type HolderEvent } from "../protocols/two_phase_commit/holder.ts";
import {
  formatTransactionId,
  type Hold,
  type Release,
  type TransactionId,
} from "../protocols/two_phase_commit/messages.ts";
import { admitFill, edgeLease } from "../protocols/two_phase_commit/rules.ts";
import type { Envelope } from "../runtime/codec.ts";
import { Instances } from "../runtime/instances.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import { hasId, isStrings } from "./guards.ts";

interface Entry {
  /** Until when its lease may be trusted, in cluster ms. */
  until: number;
  /** Answers by key. */
  readonly answers: Map<string, unknown>;
}

interface Facts {
  readonly id: TransactionId;
  readonly coordinator: string;
  readonly entries: readonly string[];
}

/** What {@link EdgeCache.look} found. */
export type Look =
  | { readonly found: "answer"; readonly answer: unknown; readonly leftMs: number }
  | { readonly found: "nothing" }
  /** A transaction is changing it: look again when `free` resolves. */
  | { readonly found: "held"; readonly free: Promise<void> };

/** Proof of when a fill was asked for; see {@link EdgeCache.fill}. */
export interface FillTicket {
  /** When the fill was asked for, in cluster ms. */
  readonly askedAt: number;
  /** How many holds there had been. */
  readonly holds: number;
}

/** Options of an {@link EdgeCache}. Times in ms. */
export interface EdgeCacheOptions {
  /** How long a lease lasts. */
  readonly leaseMs: number;
  /** How far clocks may drift apart, in parts per million. */
  readonly driftPpm: number;
  /** Most answers kept; the entry that was made first goes first, with all of its answers. */
  readonly capacity: number;
  /** Who may hold and release. */
  readonly coordinators: readonly string[];
  /** Whether a commit that changed these entries leaves the answers of one of them true. */
  readonly survives: (entry: string, changed: readonly string[]) => boolean;
}

/** A leased cache. */
export class EdgeCache {
  /** What coordinators send: `hold` and `release`. */
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #entries = new Map<string, Entry>();
  /** Entry of each answer's key. */
  readonly #entryOf = new Map<string, string>();
  /** Entries under a hold, with how many, and who waits. */
  readonly #held = new Map<string, { count: number; free: PromiseWithResolvers<void> }>();
  /** When an entry was last held, as a count of holds: a fill asked for before is too old. */
  readonly #lastHold = new Map<string, { holds: number; at: number }>();
  readonly #holders: Instances<Facts, HolderEvent>;
  /** How long a lease is trusted, in ms, with the edge's margin for drift. */
  readonly leaseMs: number;
  #holds = 0;

  /** An empty cache. */
  constructor(private readonly services: Services, private readonly options: EdgeCacheOptions) {
    this.leaseMs = edgeLease(options.leaseMs, options.driftPpm);
    this.#holders = new Instances<Facts, HolderEvent>({
      engine: services.engine(holder),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      effects: {
        suspend: ({ facts }) => this.#suspend(facts.entries),
        resume: ({ facts }) => this.#resume(facts.entries),
        install: ({ facts }) => this.#install(facts.entries),
        drop: ({ facts }) => this.#drop(facts.entries),
        sendCoordinator: ({ facts }) => {
          const { id, coordinator } = facts;
          const { address, incarnation } = services;
          const body = { id, holder: address, incarnation };
          services.send(coordinator, "held", body, { urgent: true });
        },
        reject: ({ key }) => services.log("warning", `${key}: unexpected message to a holder`),
      },
    });
    this.messages = {
      hold: { accepts: isHold, handle: (body: Hold, envelope) => this.#hold(body, envelope) },
      release: {
        accepts: isRelease,
        handle: (body: Release, envelope) => this.#release(body, envelope),
      },
    };
  }

  /** Looks an answer up. */
  look(key: string): Look {
    const name = this.#entryOf.get(key);
    if (name === undefined) return { found: "nothing" };
    const held = this.#held.get(name);
    if (held !== undefined) return { found: "held", free: held.free.promise };
    const entry = this.#entries.get(name);
    const leftMs = entry === undefined ? 0 : entry.until - this.services.clock.now();
    if (entry === undefined || leftMs <= 0) return { found: "nothing" };
    return { found: "answer", answer: entry.answers.get(key), leftMs };
  }

  /** To be taken before a fill is asked for. */
  ticket(): FillTicket {
    return { askedAt: this.services.clock.now(), holds: this.#holds };
  }

  /**
   * Keeps an answer under a lease that counts from when it was asked for. One that was asked for
   * before a hold of its entry is dropped: it may be older than what the hold's transaction wrote.
   */
  fill(entryName: string, key: string, answer: unknown, ticket: FillTicket): void {
    const until = ticket.askedAt + this.leaseMs;
    const held = this.#held.has(entryName);
    const lastHold = this.#lastHold.get(entryName)?.holds;
    if (!admitFill({ asked: ticket.holds, lastHold, held })) return;
    if (until <= this.services.clock.now()) return;
    // What an earlier lease covered went with it: nobody had to tell this edge of changes since, and
    // the new lease must not bring it back.
    if ((this.#entries.get(entryName)?.until ?? 0) <= this.services.clock.now()) {
      this.#drop([entryName]);
    }
    if (!this.#entryOf.has(key) && this.#entryOf.size >= this.options.capacity) this.#evict();
    let entry = this.#entries.get(entryName);
    if (entry === undefined) this.#entries.set(entryName, entry = { until, answers: new Map() });
    // Answers of one entry share its lease; an older fill does not shorten it.
    entry.until = Math.max(entry.until, until);
    entry.answers.set(key, answer);
    this.#entryOf.set(key, entryName);
  }

  #evict(): void {
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#drop([oldest]);
  }

  /** Entries kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** Answers kept. */
  get answers(): number {
    return this.#entryOf.size;
  }

  #hold({ id, entry }: Hold, envelope: Envelope): void {
    const { from } = envelope;
    const key = formatTransactionId(id);
    const known = this.#holders.get(key);
    const mayHold = this.options.coordinators.includes(from) &&
      (known === undefined || known.facts.coordinator === from);
    if (!mayHold) return this.services.deadLetter("forbidden", envelope);
    if (known !== undefined) return this.#holders.step(known, { type: "hold" });
    const facts: Facts = { id, coordinator: from, entries: entry as readonly string[] };
    const instance = this.#holders.create(key, { leaseMs: this.leaseMs }, facts);
    this.#holders.step(instance, { type: "hold" });
  }

  /** Only who began a hold may end it: readers of its entry would see what it is changing. */
  #release({ id, outcome }: Release, envelope: Envelope): void {
    const instance = this.#holders.get(formatTransactionId(id));
    if (instance === undefined) return;
    if (instance.facts.coordinator !== envelope.from) {
      return this.services.deadLetter("forbidden", envelope);
    }
    this.#holders.step(instance, { type: "release", outcome });
  }

  #suspend(entries: readonly string[]): void {
    this.#holds++;
    const at = this.services.clock.now();
    for (const name of entries) {
      this.#lastHold.delete(name); // Kept in order of time.
      this.#lastHold.set(name, { holds: this.#holds, at });
      const held = this.#held.get(name);
      if (held !== undefined) held.count++;
      else this.#held.set(name, { count: 1, free: Promise.withResolvers<void>() });
    }
    for (const [name, last] of this.#lastHold) {
      if (at - last.at <= 2 * this.options.leaseMs) break;
      this.#lastHold.delete(name); // Every fill asked for before that has lost its lease.
    }
  }

  #resume(entries: readonly string[]): void {
    for (const name of entries) {
      const held = this.#held.get(name);
      if (held === undefined || --held.count > 0) continue;
      this.#held.delete(name);
      held.free.resolve();
    }
  }

  #install(changed: readonly string[]): void {
    this.#drop(changed.filter((name) => !this.options.survives(name, changed)));
  }

  #drop(entries: readonly string[]): void {
    for (const name of entries) {
      for (const key of this.#entries.get(name)?.answers.keys() ?? []) this.#entryOf.delete(key);
      this.#entries.delete(name);
    }
  }
}

function isRelease(body: unknown): boolean {
  return hasId(body) && (body["outcome"] === "commit" || body["outcome"] === "abort");
}

function isHold(body: unknown): boolean {
  return hasId(body) && isStrings(body["entry"]);
}
