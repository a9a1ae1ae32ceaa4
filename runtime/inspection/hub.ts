/**
 * Where the records of all roles of a process come together. It lives on the thread that made the
 * system. Probes are attached to the roles while somebody is attached here, and to the roles that
 * somebody wants to be told of only.
 *
 * @module
 */
import type { Address } from "../ports.ts";
import type { Batch } from "./batch.ts";
import { type Filter, KINDS, union } from "./filter.ts";
import type { Listed, MachineCensus, Opened, Question } from "./questions.ts";
import { ReadableBatch, Vocabulary } from "./reader.ts";
import type { InspectionRecord } from "./records.ts";
import { Selection } from "./selection.ts";

/** Records of the last moments that {@link InspectionHub.recall} finds, by rows. */
const MOST_KEPT = 400_000;

/** One role, as the hub reaches it. */
export interface Station {
  /** Where the role is. */
  readonly address: Address;
  /** Which life of it. */
  readonly incarnation: number;
  /** Attaches its probe, changes its filter, or (undefined) detaches it. */
  watch(filter: Filter | undefined): void;
  /** All batches up to this number were taken. */
  taken(number: number): void;
  /** Asks it; rejects if it is gone before it answers. */
  ask(question: Question): Promise<unknown>;
}

/** Takes records as they come, and how many were dropped before them. */
export type Subscriber = (records: readonly InspectionRecord[], dropped: number) => void;

/** Somebody is attached until this is disposed of. */
export interface Attachment extends Disposable {
  /** What it is told; set it to be told something else. */
  filter: Filter;
  /**
   * Resolves when all roles that run look on as the filter says. A role in a worker hears of it a
   * moment later; what it does before that is not told.
   */
  ready(): Promise<void>;
  /** Detaches; no probe is left where nobody else is attached. */
  detach(): void;
}

interface Attached {
  selection: Selection;
  readonly subscriber: Subscriber;
}

interface Place {
  readonly station: Station;
  readonly since: number;
  words: Vocabulary;
  watched: boolean;
}

/** A role that runs. */
export interface InspectedRole {
  /** Where it is. */
  readonly address: Address;
  /** Which life of it. */
  readonly incarnation: number;
  /** When it began, in cluster ms. */
  readonly since: number;
}

/** The hub of one process. */
export class InspectionHub {
  readonly #places = new Map<Address, Place>();
  readonly #attached = new Set<Attached>();
  readonly #definitions = new Map<string, string>();
  #kept: ReadableBatch[] = [];
  #keptRows = 0;
  #records = 0;
  #dropped = 0;

  /** A hub without roles. @param now cluster time in ms */
  constructor(private readonly now: () => number) {}

  /** Cluster time in ms. */
  time(): number {
    return this.now();
  }

  // Roles ------------------------------------------------------------------------------------

  /** A role began to run. Whoever wants to be told of it is, from its first step on. */
  began(station: Station): void {
    const { address, incarnation } = station;
    const since = this.now();
    this.#places.set(address, { station, since, words: new Vocabulary(), watched: false });
    this.#tell({ kind: "roleStarted", at: since, role: address, incarnation });
    this.#watch(address);
  }

  /** A role is gone. */
  ended(address: Address, incarnation: number, reason: string): void {
    if (this.#places.get(address)?.station.incarnation !== incarnation) return;
    this.#places.delete(address);
    this.#tell({ kind: "roleEnded", at: this.now(), role: address, incarnation, reason });
  }

  /** The roles that run. */
  roles(): readonly InspectedRole[] {
    return [...this.#places.values()].map(({ station: { address, incarnation }, since }) => {
      return { address, incarnation, since };
    });
  }

  // Onlookers --------------------------------------------------------------------------------

  /**
   * Attaches somebody: from now on `subscriber` is told what `filter` lets pass, in batches. It is
   * called on this thread and must not take long; an error it throws detaches it.
   */
  attach(filter: Filter, subscriber: Subscriber): Attachment {
    const attached: Attached = { selection: new Selection(filter), subscriber };
    this.#attached.add(attached);
    const watch = () => this.#watchAll();
    this.#watchAll();
    const detach = () => {
      if (this.#attached.delete(attached)) this.#watchAll();
    };
    return {
      get filter() {
        return attached.selection.filter;
      },
      set filter(next: Filter) {
        attached.selection = new Selection(next);
        watch();
      },
      ready: () => this.#ready(attached),
      detach,
      [Symbol.dispose]: detach,
    };
  }

  /** A role answers in order: who answers has heard of the filter that was said before. */
  async #ready({ selection }: Attached): Promise<void> {
    const wanted = [...this.#places.keys()].filter((address) => selection.takes(address));
    await Promise.allSettled(wanted.map((address) => this.census(address)));
  }

  #watchAll(): void {
    for (const address of this.#places.keys()) this.#watch(address);
  }

  #watch(address: Address): void {
    const place = this.#places.get(address)!;
    const filters = [...this.#attached].map(({ selection }) => selection.filter);
    const wanted = union(filters, address);
    if (wanted === undefined && !place.watched) return;
    place.watched = wanted !== undefined;
    place.station.watch(wanted);
  }

  /** How many are attached. */
  get attached(): number {
    return this.#attached.size;
  }

  /** Records taken, and dropped for want of room, since the hub was made. */
  get figures(): { readonly records: number; readonly dropped: number } {
    return { records: this.#records, dropped: this.#dropped };
  }

  // Records ----------------------------------------------------------------------------------

  /** Takes a batch of a role. */
  take(batch: Batch): void {
    const place = this.#places.get(batch.role);
    if (place === undefined || place.station.incarnation !== batch.incarnation) return;
    if (batch.number === 1) place.words = new Vocabulary();
    place.words.add(batch);
    for (const { id, definition } of batch.machines) this.#definitions.set(id, definition);
    place.station.taken(batch.number);
    this.#records += batch.count;
    this.#dropped += batch.dropped;
    const readable = new ReadableBatch(batch, place.words);
    this.#keep(readable);
    for (const attached of [...this.#attached]) this.#pass(attached, readable);
  }

  #keep(readable: ReadableBatch): void {
    this.#kept.push(readable);
    this.#keptRows += readable.count;
    let gone = 0;
    while (this.#keptRows > MOST_KEPT && gone < this.#kept.length - 1) {
      this.#keptRows -= this.#kept[gone++]!.count;
    }
    if (gone > 0) this.#kept = this.#kept.slice(gone);
  }

  #pass(attached: Attached, readable: ReadableBatch): void {
    const { role, dropped } = readable.batch;
    if (!attached.selection.takes(role)) return;
    const records = attached.selection.of(readable);
    if (records.length > 0 || dropped > 0) this.#call(attached, records, dropped);
  }

  #call(attached: Attached, records: readonly InspectionRecord[], dropped: number): void {
    try {
      attached.subscriber(records, dropped);
    } catch (error) {
      this.#attached.delete(attached);
      this.#watchAll();
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #tell(record: InspectionRecord): void {
    for (const attached of [...this.#attached]) {
      const { kinds = KINDS, about } = attached.selection.filter;
      if (about !== undefined || !kinds.includes(record.kind)) continue;
      if (attached.selection.takes(record.role)) this.#call(attached, [record], 0);
    }
  }

  /**
   * What was told lately and is let pass by a filter, in the order in which it happened. Only what
   * somebody was attached for at the time can be found.
   *
   * @param most at most so many, the latest
   */
  recall(filter: Filter, most = 10_000): InspectionRecord[] {
    const found: InspectionRecord[] = [];
    const selection = new Selection(filter);
    for (const readable of this.#kept) {
      if (selection.takes(readable.batch.role)) found.push(...selection.of(readable));
    }
    return found.sort((a, b) => a.at - b.at).slice(-most);
  }

  // Questions --------------------------------------------------------------------------------

  #ask(address: Address, question: Question): Promise<unknown> {
    const place = this.#places.get(address);
    if (place === undefined) return Promise.reject(new Error(`There is no role ${address} now`));
    return place.station.ask(question);
  }

  /** The machines of a role, and how many instances are in each state. Costs no attachment. */
  async census(address: Address): Promise<readonly MachineCensus[]> {
    return (await this.#ask(address, { ask: "census" }) ?? []) as MachineCensus[];
  }

  /** Some instances of a machine, the oldest first. */
  async list(
    address: Address,
    machine: string,
    options: { readonly most?: number; readonly state?: string } = {},
  ): Promise<readonly Listed[]> {
    return (await this.#ask(address, { ask: "list", machine, ...options }) ?? []) as Listed[];
  }

  /** One instance, with its context; undefined if it is not alive. */
  async open(address: Address, machine: string, key: string): Promise<Opened | undefined> {
    return await this.#ask(address, { ask: "open", machine, key }) as Opened | undefined;
  }

  /** The definition of a machine of a role as JSON for `createMachine`, if it is known. */
  async definition(address: Address, machine: string): Promise<string | undefined> {
    const known = this.#definitions.get(machine);
    if (known !== undefined) return known;
    const told = await this.#ask(address, { ask: "definition", machine }) as string | undefined;
    if (told !== undefined) this.#definitions.set(machine, told);
    return told;
  }
}
