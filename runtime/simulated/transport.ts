/**
 * Transport in one thread: bounded mailboxes as arrays, with the semantics of the worker one.
 *
 * @module
 */
import { Chunks } from "../chunks.ts";
import { INBOX_SIZE, type InboxSize } from "../inbox.ts";
import type { Address, Frame, SendResult, Transport } from "../ports.ts";
import type { Switchboard } from "../switchboard.ts";
import type { DriftingClock } from "./conditions.ts";

/** What a frame takes besides its bytes, as in the worker's rings. */
const HEADER = 24;

interface Lane {
  readonly limit: number;
  frames: Frame[];
  bytes: number;
  messages: number;
}

/** One role's mailbox: a lane for normal frames and one of reserved room, read first. */
export class Mailbox {
  readonly #normal: Lane;
  readonly #urgent: Lane;
  readonly #copies = new Chunks();
  /** A fault: it takes nothing, or nothing but what the reserved room is for. */
  jammed: "no" | "normal" | "all" = "no";

  /** An empty mailbox. */
  constructor(size: InboxSize = INBOX_SIZE) {
    this.#normal = { limit: size.normal, frames: [], bytes: 0, messages: 0 };
    this.#urgent = { limit: size.urgent, frames: [], bytes: 0, messages: 0 };
  }

  /** Copies a frame in; false if there is no room. */
  offer(frame: Frame): boolean {
    if (this.jammed !== "no" && !(frame.urgent && this.jammed === "normal")) return false;
    const lane = frame.urgent ? this.#urgent : this.#normal;
    const needed = room(frame);
    if (needed > lane.limit / 2 || lane.bytes + needed > lane.limit) return false;
    lane.bytes += needed;
    lane.messages += frame.count;
    lane.frames.push({ ...frame, bytes: this.#copies.copy(frame.bytes) });
    return true;
  }

  /** The next frame, urgent ones first. */
  poll(): Frame | undefined {
    const lane = this.#urgent.frames.length > 0 ? this.#urgent : this.#normal;
    const frame = lane.frames.shift();
    if (frame === undefined) return undefined;
    lane.bytes -= room(frame);
    lane.messages -= frame.count;
    return frame;
  }

  /** What waits: envelopes and bytes. */
  depth(): { messages: number; bytes: number } {
    const { messages, bytes } = this.#urgent;
    return { messages: messages + this.#normal.messages, bytes: bytes + this.#normal.bytes };
  }
}

function room(frame: Frame): number {
  return (HEADER + frame.bytes.length + 7) & ~7;
}

/** Where an address is served. */
export interface Served {
  /** Its place in the switchboard. */
  readonly slot: number;
  /** Where its mail goes. */
  readonly mailbox: Mailbox;
  /** Something came in. */
  readonly arrived: () => void;
}

/** From address to mailbox; one for the whole system. */
export class SimulatedDirectory {
  readonly #byAddress = new Map<Address, Served>();
  #fingerprint = 0x811c9dc5;
  readonly #float = new Float64Array(1);
  readonly #words = new Uint32Array(this.#float.buffer);

  /** Adds or replaces an address. */
  set(address: Address, served: Served): void {
    this.#byAddress.set(address, served);
  }

  /** Where an address is served. */
  get(address: Address): Served | undefined {
    return this.#byAddress.get(address);
  }

  /** A hash of all traffic so far, with its times: equal for runs that went the same way. */
  get fingerprint(): string {
    return (this.#fingerprint >>> 0).toString(16).padStart(8, "0");
  }

  /** Takes a frame that was sent at `now` into the fingerprint (FNV-1a, by words of 32 bits). */
  note(now: number, to: Served, { due, sender, incarnation, bytes }: Frame): void {
    const { length } = bytes;
    this.#number(now);
    this.#number(due);
    this.#word(sender << 16 | to.slot);
    this.#word(incarnation);
    this.#word(length);
    let i = 0;
    for (; i + 4 <= length; i += 4) {
      this.#word(bytes[i]! | bytes[i + 1]! << 8 | bytes[i + 2]! << 16 | bytes[i + 3]! << 24);
    }
    for (; i < length; i++) this.#word(bytes[i]!);
  }

  #number(value: number): void {
    this.#float[0] = value;
    this.#word(this.#words[0]!);
    this.#word(this.#words[1]!);
  }

  #word(word: number): void {
    const hash = Math.imul(this.#fingerprint ^ word, 0x01000193);
    // The high bits of a word must reach the low ones of the hash.
    this.#fingerprint = hash ^ hash >>> 15;
  }
}

/** What a simulated wire does besides what the link model of the sender says. */
export interface Wire {
  /** The role's own. */
  readonly address: Address;
  /** Of its node: instants in frames are true ones on the way. */
  readonly clock: DriftingClock;
  /** Holds a packet up, in ms. */
  readonly delay: (to: Address) => number;
  /** A frame of so many messages was handed over, or was not. */
  readonly transmitted: (to: Address, count: number, result: SendResult) => void;
}

/** The transport of one simulated role. */
export class SimulatedTransport implements Transport {
  /** The transport of the role in a slot, as one incarnation of it. */
  constructor(
    readonly slot: number,
    readonly incarnation: number,
    private readonly mailbox: Mailbox,
    private readonly directory: SimulatedDirectory,
    private readonly switchboard: Switchboard,
    private readonly now: () => number,
    private readonly wire?: Wire,
  ) {}

  transmit(to: Address, frame: Frame): SendResult {
    const result = this.#transmit(to, this.#onTheWire(to, frame));
    this.wire?.transmitted(to, frame.count, result);
    return result;
  }

  /** The frame with the true instant at which it is handed over. */
  #onTheWire(to: Address, frame: Frame): Frame {
    if (this.wire === undefined) return frame;
    const { clock, delay } = this.wire;
    const more = delay(to);
    if (more === 0 && (frame.due === 0 || clock.rate === 1)) return frame;
    const due = frame.due === 0 ? this.now() : clock.trueTime(frame.due);
    return { ...frame, due: due + more };
  }

  #transmit(to: Address, frame: Frame): SendResult {
    const found = this.directory.get(to);
    if (found === undefined || !this.switchboard.runs(found.slot)) return "unreachable";
    if (!this.#speaks()) return "unreachable"; // Fenced: an old incarnation is not heard.
    if (!found.mailbox.offer(frame)) return "full";
    this.directory.note(this.now(), found, frame);
    found.arrived();
    return "accepted";
  }

  receive(): Frame | undefined {
    // A fenced incarnation must not take mail that is meant for its successor.
    const frame = this.#speaks() ? this.mailbox.poll() : undefined;
    if (frame === undefined || frame.due === 0 || this.wire === undefined) return frame;
    const { clock } = this.wire;
    return clock.rate === 1 ? frame : { ...frame, due: clock.shown(frame.due) };
  }

  #speaks(): boolean {
    return this.current(this.slot, this.incarnation);
  }

  current(sender: number, incarnation: number): boolean {
    return this.switchboard.incarnation(sender) === incarnation;
  }

  knows(to: Address): boolean {
    const found = this.directory.get(to);
    return found !== undefined && this.switchboard.runs(found.slot);
  }

  depth(): { messages: number; bytes: number } {
    return this.mailbox.depth();
  }
}
