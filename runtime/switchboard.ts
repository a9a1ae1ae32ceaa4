/**
 * What all roles of one process share: who may speak (incarnations), who runs, the links between
 * nodes and the nodes' vector clocks. It lies in shared memory, so that a fault set by anyone
 * takes effect at every sender at once, and costs a sender a few loads.
 *
 * @module
 */
import { checkLinkChange } from "./link_model.ts";
import type { LinkParameters, Links, NodeClock } from "./ports.ts";

/** Most nodes of one cluster, and most roles of one process over its life. */
export const MAX_NODES = 32;
/** Most roles of one process over its life. */
export const MAX_SLOTS = 256;

const LINK_FIELDS = [
  "delayMs",
  "jitterMs",
  "bandwidthMbps",
  "loss",
  "duplicate",
  "reorder",
] as const;
const EXISTS = LINK_FIELDS.length, UP = EXISTS + 1, BUSY = UP + 1, LINK_SIZE = BUSY + 1;

// Per slot: incarnation (0: never used), whether its role runs, its heartbeat counter.
const INCARNATION = 0, RUNS = 1, BEAT = 2, SLOT_SIZE = 4;
const LINKS_AT = 16;
const SLOTS_AT = LINKS_AT + MAX_NODES * MAX_NODES * LINK_SIZE * 8;
const CLOCKS_AT = SLOTS_AT + MAX_SLOTS * SLOT_SIZE * 4;
// 64 bits: a busy node would run through 31 in a day.
const BYTES = CLOCKS_AT + MAX_NODES * MAX_NODES * 8;
const EPOCH = 0;

/** A view of the shared table. Make one per thread over the same memory. */
export class Switchboard implements Links {
  /** The table; hand it to other threads. */
  readonly memory: SharedArrayBuffer;
  /** Node names; the index of a name is its index in links and vector clocks. */
  readonly nodes: readonly string[];
  readonly #index: ReadonlyMap<string, number>;
  readonly #head: Int32Array;
  readonly #links: Float64Array;
  readonly #slots: Int32Array;
  readonly #clocks: BigInt64Array;
  /** The same memory, by halves: low first, as on every platform that Deno runs on. */
  readonly #halves: Uint32Array;

  /**
   * A view of a new table, or of one that another thread made.
   *
   * @throws {RangeError} if there are more than {@link MAX_NODES} nodes or a name comes twice
   */
  constructor(
    nodes: readonly string[],
    memory: SharedArrayBuffer = new SharedArrayBuffer(BYTES),
  ) {
    if (nodes.length > MAX_NODES) {
      throw new RangeError(`Cannot connect ${nodes.length} nodes: at most ${MAX_NODES}`);
    }
    this.nodes = nodes;
    this.memory = memory;
    this.#index = new Map(nodes.map((name, i) => [name, i]));
    if (this.#index.size !== nodes.length) throw new RangeError("A node name comes twice");
    this.#head = new Int32Array(memory, 0, LINKS_AT / 4);
    this.#links = new Float64Array(memory, LINKS_AT, MAX_NODES * MAX_NODES * LINK_SIZE);
    this.#slots = new Int32Array(memory, SLOTS_AT, MAX_SLOTS * SLOT_SIZE);
    this.#clocks = new BigInt64Array(memory, CLOCKS_AT, MAX_NODES * MAX_NODES);
    this.#halves = new Uint32Array(memory, CLOCKS_AT, 2 * MAX_NODES * MAX_NODES);
  }

  /** Epoch of the roster. */
  get epoch(): number {
    return Atomics.load(this.#head, EPOCH);
  }

  /** Announces a new roster. */
  nextEpoch(): number {
    return Atomics.add(this.#head, EPOCH, 1) + 1;
  }

  // Links ------------------------------------------------------------------------------------

  #link(from: string, to: string): number | undefined {
    const a = this.#index.get(from), b = this.#index.get(to);
    return a === undefined || b === undefined ? undefined : (a * MAX_NODES + b) * LINK_SIZE;
  }

  /** Lays a link in one direction. @throws {RangeError} for an unknown node or bad parameters. */
  connect(from: string, to: string, parameters: LinkParameters): void {
    const at = this.#link(from, to);
    if (at === undefined) throw new RangeError(`Cannot connect ${from} to ${to}: no such node`);
    checkLinkChange(parameters);
    this.#links[at + EXISTS] = 1;
    this.set(from, to, parameters);
  }

  get(from: string, to: string): LinkParameters | undefined {
    const at = this.#link(from, to);
    if (at === undefined || this.#links[at + EXISTS] !== 1) return undefined;
    const l = this.#links;
    return {
      up: l[at + UP] === 1,
      delayMs: l[at]!,
      jitterMs: l[at + 1]!,
      bandwidthMbps: l[at + 2]!,
      loss: l[at + 3]!,
      duplicate: l[at + 4]!,
      reorder: l[at + 5]!,
    };
  }

  set(from: string, to: string, change: Partial<LinkParameters>): void {
    const at = this.#link(from, to);
    if (at === undefined || this.#links[at + EXISTS] !== 1) {
      throw new RangeError(`Cannot change the link ${from} -> ${to}: no such link`);
    }
    checkLinkChange(change);
    if (change.up !== undefined) this.#links[at + UP] = change.up ? 1 : 0;
    LINK_FIELDS.forEach((field, i) => {
      const value = change[field];
      if (value !== undefined) this.#links[at + i] = value;
    });
  }

  busyUntil(from: string, to: string): number {
    const at = this.#link(from, to);
    return at === undefined ? 0 : this.#links[at + BUSY]!;
  }

  setBusyUntil(from: string, to: string, until: number): void {
    const at = this.#link(from, to);
    if (at !== undefined) this.#links[at + BUSY] = until;
  }

  /** All directed links there are. */
  *links(): Iterable<readonly [from: string, to: string, parameters: LinkParameters]> {
    for (const from of this.nodes) {
      for (const to of this.nodes) {
        const parameters = this.get(from, to);
        if (parameters !== undefined) yield [from, to, parameters];
      }
    }
  }

  // Slots ------------------------------------------------------------------------------------

  /**
   * Begins a new incarnation of a slot: whatever older ones still say is refused from now on.
   *
   * @param above for an address that had another slot before: the last incarnation it had there
   */
  incarnate(slot: number, above = 0): number {
    const at = this.#slot(slot) + INCARNATION;
    // Only the spawner calls this, so nobody counts in between.
    const next = Math.max(Atomics.load(this.#slots, at), above) + 1;
    Atomics.store(this.#slots, at, next);
    return next;
  }

  /** The incarnation that may speak for a slot; 0 if none ever did. */
  incarnation(slot: number): number {
    return Atomics.load(this.#slots, this.#slot(slot) + INCARNATION);
  }

  /** Says whether the role of a slot takes mail. */
  setRuns(slot: number, runs: boolean): void {
    Atomics.store(this.#slots, this.#slot(slot) + RUNS, runs ? 1 : 0);
  }

  /** Whether the role of a slot takes mail. */
  runs(slot: number): boolean {
    return Atomics.load(this.#slots, this.#slot(slot) + RUNS) === 1;
  }

  /** Counts a turn of the slot's loop, so that its supervisor can tell busy from hung. */
  beat(slot: number): void {
    Atomics.add(this.#slots, this.#slot(slot) + BEAT, 1);
  }

  /** The counter that {@link Switchboard.beat} moves. */
  beats(slot: number): number {
    return Atomics.load(this.#slots, this.#slot(slot) + BEAT);
  }

  #slot(slot: number): number {
    if (!(slot >= 0 && slot < MAX_SLOTS)) throw new RangeError(`No slot ${slot}`);
    return slot * SLOT_SIZE;
  }

  // Vector clocks ----------------------------------------------------------------------------

  /** The vector clock of one node, shared by its roles. */
  nodeClock(node: string): NodeClock {
    const own = this.#index.get(node);
    if (own === undefined) throw new RangeError(`No node ${node}`);
    const at = own * MAX_NODES, clocks = this.#clocks, halves = this.#halves;
    const count = this.nodes.length;
    return {
      tick() {
        Atomics.add(clocks, at + own, 1n);
        const clock = new Array<number>(count);
        for (let i = 0; i < count; i++) clock[i] = load(halves, at + i);
        return clock;
      },
      merge(received) {
        for (let i = 0; i < count; i++) {
          // Nobody knows more of this node's events than itself; a liar must not make it overflow.
          const to = received[i] ?? 0;
          if (i !== own && load(halves, at + i) < to) raise(clocks, at + i, to);
        }
        Atomics.add(clocks, at + own, 1n);
      },
    };
  }
}

/** A clock's count, without the BigInt that a load of 64 bits makes: see `#halves`. */
function load(halves: Uint32Array, index: number): number {
  for (;;) {
    const high = Atomics.load(halves, 2 * index + 1);
    const low = Atomics.load(halves, 2 * index);
    // Counts only grow: if the high half still stands, the low one is of its time.
    if (Atomics.load(halves, 2 * index + 1) === high) return high * 2 ** 32 + low;
  }
}

function raise(clocks: BigInt64Array, at: number, to: number): void {
  for (let now = Atomics.load(clocks, at); now < to;) {
    const seen = Atomics.compareExchange(clocks, at, now, BigInt(to));
    if (seen === now) return;
    now = seen;
  }
}
