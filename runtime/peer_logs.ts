/**
 * What a role remembers of how long its peers' journals were.
 *
 * A journal that has lost its tail is a sound, shorter journal: its owner cannot tell. But every
 * frame of a durable role says how far its journal reaches, and whoever receives it remembers the
 * highest number, in memory at once and with its own store's next lazy commit. A role whose journal
 * ends below what a peer remembers is not heard any more, is told so, and ends. A role that opens
 * its store announces itself to all it remembers, so that this comes up before it does harm.
 *
 * A node that is alone, or whose peers have all forgotten what they had not yet written, finds
 * nothing.
 *
 * @module
 */
import type { Envelope, LogLength } from "./codec.ts";
import type { Address, Store } from "./ports.ts";
import type { Services } from "./role.ts";
import { StoreError } from "./store_error.ts";

/** Tells a role that its journal is shorter than it was: a {@link LogLength}. */
export const LOST_TAIL = "$lostTail";
/** Says nothing; its frame tells how long the sender's journal is. */
export const LOG = "$log";

/** Lengths are written this long after the first that grew, in ms. */
const WRITE_MS = 200;
const PREFIX = "meta/log/";

/** The furthest that a journal was seen to reach, and at which opening. */
interface Seen {
  readonly durable: number;
  readonly born: number;
}

/** Lengths of peers' journals, as far as they are known. */
export class PeerLogs {
  /** By sender and store. */
  readonly #seen = new Map<string, Seen>();
  readonly #unwritten = new Set<string>();
  #own: Omit<LogLength, "durable"> | undefined;
  /** What was admitted last: all envelopes of a frame share it. */
  #admitted: LogLength | undefined;

  /** @param store the role's own, once it is open */
  constructor(
    private readonly services: Pick<Services, "address" | "timers" | "clock" | "send">,
    private readonly store: () => Store | undefined,
  ) {}

  /** What the role's own frames say. */
  get own(): LogLength | undefined {
    const store = this.store();
    if (store === undefined || this.#own === undefined) return undefined;
    return { ...this.#own, durable: store.durable };
  }

  /** Reads what was remembered, and lets those who are remembered look. */
  opened(store: Store): Store {
    if (this.#own !== undefined) return store;
    this.#own = { id: store.id, opened: store.durable, born: this.services.clock.wall() };
    const peers = new Set<Address>();
    for (const [key, value] of store.scan(PREFIX)) {
      const name = key.slice(PREFIX.length);
      this.#seen.set(name, value as unknown as Seen);
      peers.add(name.slice(0, name.lastIndexOf("/")));
    }
    for (const peer of peers) this.services.send(peer, LOG, null, { urgent: true });
    return store;
  }

  /** Takes note of a sender's journal; false if it is shorter than it was. */
  admits({ from, log, type }: Envelope): boolean {
    // A role that is told of its own loss must hear it, whatever became of the teller.
    if (log === undefined || log === this.#admitted || type === LOST_TAIL) return true;
    const name = `${from}/${log.id}`;
    const seen = this.#seen.get(name);
    // Frames of one opening overtake each other; a later opening begins where that one ended.
    if (seen === undefined || seen.born === log.born || log.opened >= seen.durable) {
      const grown = seen === undefined || seen.born !== log.born || log.durable > seen.durable;
      if (grown) this.#note(name, log);
      this.#admitted = log;
      return true;
    }
    this.services.send(from, LOST_TAIL, { id: log.id, ...seen }, { urgent: true });
    return log.born < seen.born; // A late frame of an earlier opening says nothing wrong.
  }

  #note(name: string, { durable, born }: LogLength): void {
    this.#seen.set(name, { durable, born });
    if (this.store() === undefined) return;
    if (this.#unwritten.size === 0) {
      const { timers, clock } = this.services;
      timers.set(clock.now() + WRITE_MS, () => this.#write());
    }
    this.#unwritten.add(name);
  }

  #write(): void {
    const store = this.store();
    for (const name of this.#unwritten) store?.put(PREFIX + name, { ...this.#seen.get(name)! });
    this.#unwritten.clear();
  }

  /** A peer remembers more of this role's journal than was there. @throws {StoreError} if so */
  told(body: unknown, from: Address): void {
    const { own } = this;
    const { id, durable, born } = (body ?? {}) as Partial<LogLength>;
    if (own === undefined || id !== own.id || !Number.isSafeInteger(durable)) return;
    if (born === own.born || durable! <= own.opened) return;
    throw new StoreError(
      `Cannot open the store of ${this.services.address}: its journal ended at record ` +
        `${own.opened}, but ${from} has heard of record ${durable}: its tail is gone. ` +
        "Restore a copy, or open it with --salvage, which makes it another log",
    );
  }
}
