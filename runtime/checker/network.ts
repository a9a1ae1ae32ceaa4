/**
 * Messages on their way, as words of a state. The messages of a model are finite and numbered.
 *
 * - `set`: what was sent stays for ever and may be received any number of times, in any order, or
 *   never, as in the specifications of Lamport. Any loss, duplication, delay and reordering at once.
 * - `bag`: a message received is gone; each channel may lose and double some number.
 * - `fifo`: as `bag`, and a channel keeps its order.
 *
 * @module
 */
import type { Words } from "./model.ts";

/** How messages travel. */
export type NetworkKind = "set" | "bag" | "fifo";

/** What a network is made of. */
export interface NetworkOptions {
  /** How messages travel. */
  readonly kind: NetworkKind;
  /** The channel of each message, by the message's number. */
  readonly channels: readonly number[];
  /** How many messages a channel may lose: any number if it is infinite, as in a `set`. */
  readonly losses: number;
  /** How many messages a channel may double: any number if it is infinite, as in a `set`. */
  readonly duplicates: number;
  /** Copies of one message in a bag at most, up to 15; one more is dropped, as by a full channel. */
  readonly copies: number;
  /** Its first word in a state. */
  readonly offset: number;
}

/** Messages a FIFO channel holds at most. */
const MAX_QUEUE = 4;

/** Where a channel's byte of faults has the count of each. */
const LOSSES = 0;
const DUPLICATES = 4;

/** A network as part of a state. */
export class Network {
  /** Words it takes. */
  readonly width: number;
  readonly #faults: number;
  readonly #channels: number;
  /** For a FIFO: the digit of a message in its channel, from 1. */
  readonly #digit: readonly number[];
  readonly #byDigit = new Map<number, number>();

  /** A network; nothing is on its way until it is sent. */
  constructor(private readonly options: NetworkOptions) {
    const { kind, channels, losses, duplicates } = options;
    this.#channels = Math.max(-1, ...channels) + 1;
    const counts = new Array<number>(this.#channels).fill(0);
    this.#digit = channels.map((channel) => ++counts[channel]!);
    channels.forEach((channel, m) => this.#byDigit.set(channel * 16 + this.#digit[m]!, m));
    if (kind === "fifo" && Math.max(0, ...counts) > 15) {
      throw new RangeError("A FIFO channel carries at most 15 different messages");
    }
    const perWord = kind === "set" ? 16 : 4;
    const carried = kind === "fifo" ? this.#channels : Math.ceil(channels.length / perWord);
    this.#faults = options.offset + carried;
    const counted = kind !== "set" && Math.min(losses, duplicates) < Infinity;
    this.width = carried + (counted ? Math.ceil(this.#channels / 2) : 0);
  }

  /** Puts a message on its way. */
  send(state: Words, message: number): void {
    const { kind, offset, channels } = this.options;
    if (kind === "set") state[offset + (message >> 4)]! |= 1 << (message & 15);
    else if (kind === "bag") this.#count(state, message, 1);
    else {
      const place = offset + channels[message]!;
      const queue = state[place]!;
      if (queue < 1 << (4 * (MAX_QUEUE - 1))) state[place] = queue * 16 + this.#digit[message]!;
    }
  }

  /** Calls `visit` for each message that may be received next. */
  each(state: Words, visit: (message: number) => void): void {
    const { kind, offset, channels } = this.options;
    if (kind === "set") {
      for (let word = 0; word < this.width; word++) {
        let bits = state[offset + word]!;
        while (bits !== 0) {
          const low = 31 - Math.clz32(bits & -bits);
          bits &= bits - 1;
          visit(word * 16 + low);
        }
      }
    } else if (kind === "bag") {
      for (let m = 0; m < channels.length; m++) {
        if ((state[offset + (m >> 2)]! >> (4 * (m & 3)) & 15) > 0) visit(m);
      }
    } else {
      for (let channel = 0; channel < this.#channels; channel++) {
        let head = state[offset + channel]!;
        while (head >= 16) head >>= 4;
        if (head > 0) visit(this.#byDigit.get(channel * 16 + head)!);
      }
    }
  }

  /** Removes a message that was received; a `set` keeps it. */
  take(state: Words, message: number): void {
    const { kind, offset, channels } = this.options;
    if (kind === "bag") this.#count(state, message, -1);
    if (kind !== "fifo") return;
    const place = offset + channels[message]!;
    let top = 1;
    while (state[place]! >= top * 16) top *= 16;
    state[place] = state[place]! % top;
  }

  /** Whether a message may be lost. */
  mayLose(state: Words, message: number): boolean {
    const { kind, losses } = this.options;
    return kind !== "set" && (losses === Infinity || this.#used(state, message, LOSSES) < losses);
  }

  /** Loses a message. */
  lose(state: Words, message: number): void {
    if (this.options.losses < Infinity) this.#use(state, message, LOSSES);
    this.take(state, message);
  }

  /** Whether a message may be received and stay. */
  mayDouble(state: Words, message: number): boolean {
    const { kind, duplicates } = this.options;
    return kind !== "set" &&
      (duplicates === Infinity || this.#used(state, message, DUPLICATES) < duplicates);
  }

  /** Notes that a message is received and stays. */
  double(state: Words, message: number): void {
    if (this.options.duplicates < Infinity) this.#use(state, message, DUPLICATES);
  }

  /** Loses everything on its way, and forgets what each channel has done wrong. */
  clear(state: Words): void {
    state.fill(0, this.options.offset, this.options.offset + this.width);
  }

  /**
   * Whether whatever may become of the network of `b` may become of that of `a` as well: `a` carries
   * at least the same, and has done no more wrong. With an order, what is on the way has to be the
   * same. That holds for whoever does not look into the network.
   */
  covers(a: Words, b: Words): boolean {
    const { kind, offset } = this.options;
    for (let at = offset; at < this.#faults; at++) {
      const [more, less] = [a[at]!, b[at]!];
      if (
        kind === "set" ? (less & ~more) !== 0 : kind === "fifo" ? more !== less : !holds(more, less)
      ) {
        return false;
      }
    }
    for (let at = this.#faults; at < offset + this.width; at++) {
      if (!holds(b[at]!, a[at]!)) return false;
    }
    return true;
  }

  /** Whether this very message is on its way. */
  has(state: Words, message: number): boolean {
    let found = false;
    this.each(state, (other) => found ||= other === message);
    return found;
  }

  #count(state: Words, message: number, change: number): void {
    const place = this.options.offset + (message >> 2);
    const shift = 4 * (message & 3);
    const count = (state[place]! >> shift & 15) + change;
    if (count > this.options.copies) return;
    state[place] = state[place]! & ~(15 << shift) | count << shift;
  }

  #used(state: Words, message: number, fault: number): number {
    const channel = this.options.channels[message]!;
    return state[this.#faults + (channel >> 1)]! >> (8 * (channel & 1) + fault) & 15;
  }

  #use(state: Words, message: number, fault: number): void {
    const channel = this.options.channels[message]!;
    state[this.#faults + (channel >> 1)]! += 1 << (8 * (channel & 1) + fault);
  }

  /**
   * A function that writes the network of `from` into `to` with messages and channels renumbered:
   * message `m` becomes `messages[m]`.
   */
  permuter(messages: readonly number[]): (from: Words, to: Words) => void {
    return this.options.kind === "set" ? this.#setPermuter(messages) : this.#slowPermuter(messages);
  }

  /** Bytes are looked up: each gives the bits of all words it turns into. */
  #setPermuter(messages: readonly number[]): (from: Words, to: Words) => void {
    const { offset } = this.options;
    const { width } = this;
    const table = new Uint16Array(width * 2 * 256 * width);
    for (let byte = 0; byte < width * 2; byte++) {
      for (let value = 0; value < 256; value++) {
        for (let bit = 0; bit < 8; bit++) {
          const target = messages[byte * 8 + bit];
          if ((value >> bit & 1) === 0 || target === undefined) continue;
          table[(byte * 256 + value) * width + (target >> 4)]! |= 1 << (target & 15);
        }
      }
    }
    return (from, to) => {
      for (let word = 0; word < width; word++) {
        let bits = 0;
        for (let byte = 0; byte < width * 2; byte++) {
          const value = from[offset + (byte >> 1)]! >> (8 * (byte & 1)) & 255;
          bits |= table[(byte * 256 + value) * width + word]!;
        }
        to[offset + word] = bits;
      }
    };
  }

  #slowPermuter(messages: readonly number[]): (from: Words, to: Words) => void {
    const { kind, offset, channels } = this.options;
    return (from, to) => {
      to.fill(0, offset, offset + this.width);
      messages.forEach((target, m) => {
        const [channel, toChannel] = [channels[m]!, channels[target]!];
        const place = this.#faults + (toChannel >> 1);
        if (place < offset + this.width) {
          const faults = from[this.#faults + (channel >> 1)]! >> (8 * (channel & 1)) & 255;
          const shift = 8 * (toChannel & 1);
          to[place] = to[place]! & ~(255 << shift) | faults << shift;
        }
        // Messages keep their digit: the channels of a symmetric model carry the same, in one order.
        if (kind === "fifo") to[offset + toChannel] = from[offset + channel]!;
        else this.#count(to, target, from[offset + (m >> 2)]! >> (4 * (m & 3)) & 15);
      });
    };
  }
}

/** Whether each of the four counts of a word is as great as in another one. */
function holds(more: number, less: number): boolean {
  if (more === less) return true;
  for (let shift = 0; shift < 16; shift += 4) {
    if ((more >> shift & 15) < (less >> shift & 15)) return false;
  }
  return true;
}
