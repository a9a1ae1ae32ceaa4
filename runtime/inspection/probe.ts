/**
 * What looks on at one role and tells the hub. It keeps a bounded number of records, hands them on
 * in batches, and drops what a slow hub has no room for: the role itself never waits.
 *
 * @module
 */
import type { Envelope, Outgoing } from "../codec.ts";
import type { Effect } from "../engine.ts";
import type { Lives, Observer } from "../instances.ts";
import type { Address, DeadLetter } from "../ports.ts";
import type { Witness } from "../witness.ts";
import type { EventObject } from "../xstate_types.ts";
import {
  ABOUT,
  AFTER,
  AT,
  type Batch,
  BEFORE,
  EFFECTS,
  PAYLOAD,
  ROW,
  TYPE,
  WHOM,
} from "./batch.ts";
import { type Filter, type Kind, KINDS, maskOf } from "./filter.ts";
import { Machines } from "./machines.ts";
import { Texts } from "./texts.ts";

/** Records that one batch holds. */
const MOST_ROWS = 8192;
/** Batches that the hub has not taken yet; beyond this records are dropped. */
const MOST_UNTAKEN = 8;
/** A record waits at most this long for others to travel with. */
const BATCH_MS = 20;

const numberOf = (kind: Kind): number => KINDS.indexOf(kind);
const BEGAN = numberOf("began"), STEP = numberOf("step"), ENDED = numberOf("ended");
const SENT = numberOf("sent"), RECEIVED = numberOf("received"), LOST = numberOf("lost");
const DEAD = numberOf("dead");
const JOURNALED = numberOf("journaled"), DURABLE = numberOf("durable");

/** What a probe is given by the host it looks on at. */
export interface ProbeParts {
  readonly address: Address;
  readonly incarnation: number;
  readonly now: () => number;
  /** Calls back in a turn of the host. */
  readonly later: (delayMs: number, call: () => void) => void;
  /** What a message or record is about. */
  readonly about: (content: unknown) => string | undefined;
  readonly post: (batch: Batch) => void;
}

/** Looks on at one role. */
export class Probe implements Witness {
  readonly #parts: ProbeParts;
  readonly #texts = new Texts();
  readonly #machines = new Machines(this.#texts);
  readonly #rows = new Int32Array(MOST_ROWS * ROW);
  #filter: Filter;
  #mask: number;
  #only: string | undefined;
  #payloads = false;
  #count = 0;
  #base = 0;
  #number = 0;
  #taken = 0;
  #dropped = 0;
  #flushing = false;
  #over = false;
  /** What the message is about that the role is given now. */
  #handling: string | undefined;
  /** Number of the last record of the journal it told of, and of the last it said was durable. */
  #journaled = 0;
  #durable = 0;

  /** A probe that lets pass what the filter says. */
  constructor(parts: ProbeParts, filter: Filter) {
    this.#parts = parts;
    this.#filter = filter;
    this.#mask = 0;
    this.filter = filter;
  }

  /** What it lets pass; it can be changed at any time. */
  set filter(filter: Filter) {
    this.#filter = filter;
    this.#mask = maskOf(filter.kinds);
    this.#only = filter.about;
    this.#payloads = filter.payloads ?? false;
  }

  get filter(): Filter {
    return this.#filter;
  }

  /** Told of steps; for the host. */
  readonly observer: Observer = Object.assign(
    (
      machine: string,
      key: string,
      event: EventObject,
      before: string,
      after: string,
      effects: readonly Effect[],
      lives?: Lives,
      state?: unknown,
    ) => {
      if (!this.#wants(STEP, key)) return;
      const at = this.#row(STEP, key);
      if (at < 0) return;
      const rows = this.#rows, texts = this.#texts;
      rows[at + WHOM] = texts.lasting(machine);
      rows[at + TYPE] = texts.lasting(event.type);
      rows[at + BEFORE] = texts.lasting(before);
      rows[at + AFTER] = this.#machines.state(lives, after, state);
      rows[at + EFFECTS] = this.#machines.effects(effects);
      if (this.#payloads) {
        rows[at + PAYLOAD] = texts.once(this.#machines.payload(lives, event, state));
      }
    },
    {
      began: (lives: Lives, key: string, state: unknown, effects: readonly Effect[]) => {
        const at = this.#wants(BEGAN, key) ? this.#row(BEGAN, key) : -1;
        if (at < 0) return;
        const text = lives.describe({ key, facts: undefined, state });
        this.#rows[at + WHOM] = this.#texts.lasting(lives.id);
        this.#rows[at + AFTER] = this.#machines.state(lives, text, state);
        this.#rows[at + EFFECTS] = this.#machines.effects(effects);
      },
      ended: (lives: Lives, key: string, state: unknown) => {
        const at = this.#wants(ENDED, key) ? this.#row(ENDED, key) : -1;
        if (at < 0) return;
        const text = lives.describe({ key, facts: undefined, state });
        this.#rows[at + WHOM] = this.#texts.lasting(lives.id);
        this.#rows[at + AFTER] = this.#machines.state(lives, text, state);
      },
    },
  );

  // Messages and records ---------------------------------------------------------------------

  about(content: unknown): string | undefined {
    return (this.#mask & (1 << SENT | 1 << LOST)) === 0 ? undefined : this.#parts.about(content);
  }

  sent(_: Address, envelopes: readonly Outgoing[], copies: number): void {
    for (const { to, type, bytes, about } of envelopes) {
      const kind = copies === 0 ? LOST : SENT;
      const at = this.#wants(kind, about) ? this.#row(kind, about) : -1;
      if (at >= 0) this.#message(at, to, type, bytes.length, copies);
    }
  }

  delivered({ from, type, bytes }: Envelope, body: unknown): void {
    if ((this.#mask & (1 << RECEIVED | 1 << DEAD)) === 0) return;
    const about = this.#handling = this.#parts.about(body);
    const at = this.#wants(RECEIVED, about) ? this.#row(RECEIVED, about) : -1;
    if (at >= 0) this.#message(at, from, type, bytes.length, 1);
  }

  #message(at: number, whom: Address, type: string, bytes: number, copies: number): void {
    const rows = this.#rows;
    rows[at + WHOM] = this.#texts.lasting(whom);
    rows[at + TYPE] = this.#texts.lasting(type);
    rows[at + BEFORE] = bytes;
    rows[at + AFTER] = copies;
  }

  handled(): void {
    this.#handling = undefined;
  }

  dead({ reason, from, to, type, state }: DeadLetter, count: number): void {
    const about = this.#handling;
    const at = this.#wants(DEAD, about) ? this.#row(DEAD, about) : -1;
    if (at < 0) return;
    const texts = this.#texts, rows = this.#rows;
    rows[at + PAYLOAD] = texts.fleeting(to);
    rows[at + WHOM] = texts.lasting(from);
    rows[at + TYPE] = texts.lasting(type);
    rows[at + BEFORE] = texts.lasting(state);
    rows[at + AFTER] = count;
    rows[at + EFFECTS] = texts.lasting(reason);
  }

  journaled(record: unknown, number: number, forced: boolean): void {
    if ((this.#mask & 1 << JOURNALED) === 0) return;
    const about = this.#parts.about(record);
    const at = this.#wants(JOURNALED, about) ? this.#row(JOURNALED, about) : -1;
    if (at < 0) return;
    const { kind, type } = (record ?? {}) as { readonly kind?: unknown; readonly type?: unknown };
    const name = typeof kind === "string" ? kind : typeof type === "string" ? type : "record";
    this.#rows[at + TYPE] = this.#texts.lasting(name);
    this.#rows[at + BEFORE] = number;
    this.#rows[at + AFTER] = forced ? 1 : 0;
    this.#journaled = number;
  }

  durable(number: number): void {
    // What it has not told of need not be said to be durable.
    if (this.#durable >= this.#journaled || number <= this.#durable) return;
    this.#durable = number;
    const at = (this.#mask & 1 << DURABLE) === 0 ? -1 : this.#row(DURABLE, undefined);
    if (at >= 0) this.#rows[at + BEFORE] = number;
  }

  // Batches ----------------------------------------------------------------------------------

  #wants(kind: number, about: string | undefined): boolean {
    if ((this.#mask & 1 << kind) === 0) return false;
    return this.#only === undefined || this.#only === about;
  }

  /** Begins a row; answers with where it is, or -1 if there is no room. */
  #row(kind: number, about: string | undefined): number {
    const now = this.#parts.now();
    if (this.#count === 0) this.#begin(now);
    else if (this.#count === MOST_ROWS) {
      if (!this.#flush()) {
        this.#dropped++;
        return -1;
      }
      this.#begin(now);
    }
    const at = this.#count++ * ROW;
    const rows = this.#rows;
    rows.fill(0, at, at + ROW);
    rows[at] = kind;
    rows[at + AT] = (now - this.#base) * 1000;
    rows[at + ABOUT] = this.#texts.fleeting(about);
    return at;
  }

  #begin(now: number): void {
    this.#base = now;
    if (this.#flushing) return;
    this.#flushing = true;
    this.#parts.later(BATCH_MS, () => {
      this.#flushing = false;
      if (!this.#over && this.#count > 0 && !this.#flush()) this.#begin(this.#base);
    });
  }

  /** Hands on what there is; false if the hub has not taken enough of what it has. */
  #flush(): boolean {
    if (this.#number - this.#taken >= MOST_UNTAKEN) return false;
    const { address: role, incarnation, post } = this.#parts;
    const rows = this.#rows.slice(0, this.#count * ROW);
    post({
      role,
      incarnation,
      number: ++this.#number,
      base: this.#base,
      count: this.#count,
      rows,
      ...this.#texts.take(),
      ...this.#machines.take(),
      dropped: this.#dropped,
    });
    this.#dropped = 0;
    this.#count = 0;
    return true;
  }

  /** The hub has taken all batches up to this one. */
  taken(number: number): void {
    this.#taken = Math.max(this.#taken, number);
  }

  /** Hands on what is left; it tells nothing any more. */
  close(): void {
    if (this.#count > 0) this.#flush();
    this.#over = true;
    this.#mask = 0;
  }
}
