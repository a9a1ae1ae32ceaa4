/**
 * Writes the CBOR (RFC 8949, section 3) that nearly all messages consist of: plain objects and
 * arrays, numbers, texts in ASCII, bytes. It gives the same bytes as the general encoder, in a
 * fraction of the time; what else there is, it leaves to that one.
 *
 * Within, the place to write at is handed on and given back, never kept in an object: so the
 * compiler keeps it in a register.
 *
 * @module
 */

const UINT = 0x00, NEGATIVE = 0x20, BYTES = 0x40, TEXT = 0x60, ARRAY = 0x80, MAP = 0xa0;
const FALSE = 0xf4, TRUE = 0xf5, NULL = 0xf6, UNDEFINED = 0xf7, FLOAT64 = 0xfb;
/** Most that a head with its length, or a number, takes. */
const HEAD = 9;
/** More entries do not fit the first byte of a map's head. */
const SMALL_MAP = 23;
/** Deeper values are left to the general encoder. */
const MOST_DEPTH = 64;
const LEAST_INTEGER = -(2 ** 32);

/** Writes one item after the other into the same buffer. */
export class CborWriter {
  #target: Uint8Array<ArrayBuffer>;
  #view: DataView;
  /** Where the present item begins: what is before it has been taken. */
  #start = 0;
  #at = 0;
  #failed = false;

  /**
   * @param size of its buffers, in bytes
   * @param most an item larger than `size` gets a larger one, up to this
   */
  constructor(private readonly size: number, private readonly most: number = size) {
    this.#target = new Uint8Array(size);
    this.#view = new DataView(this.#target.buffer);
  }

  /** Forgets what was written, but for what was taken. */
  begin(): void {
    this.#at = this.#start;
    this.#failed = false;
  }

  /** What was written, valid until the next `begin`; undefined if some of it was not for it. */
  end(): Uint8Array | undefined {
    return this.#failed ? undefined : this.#target.subarray(this.#start, this.#at);
  }

  /**
   * As {@link CborWriter.end}, but nothing is written there again: it may be kept, side by side
   * with others, for memory of its own would cost each of them more than writing it.
   */
  take(): Uint8Array | undefined {
    if (this.#failed) return undefined;
    const taken = this.#target.subarray(this.#start, this.#at);
    // Small ones would keep a buffer that was made for a large one alive.
    this.#start = this.#target.length > this.size ? this.#target.length : this.#at;
    return taken;
  }

  /** Sees to it that there is room at a place, or at the one it gives back. */
  #room(at: number, bytes: number): number {
    return at + bytes <= this.#target.length ? at : this.#grow(at, bytes);
  }

  #grow(at: number, bytes: number): number {
    const old = this.#target, start = this.#start, needed = at - start + bytes;
    this.#failed ||= needed > this.most;
    // What follows a failure is written for nothing, but not over what was taken.
    const size = this.#failed || needed <= this.size
      ? Math.max(this.size, bytes)
      : Math.min(2 * needed, this.most);
    this.#target = new Uint8Array(size);
    this.#view = new DataView(this.#target.buffer);
    this.#start = 0;
    if (this.#failed) return 0;
    this.#target.set(old.subarray(start, at));
    return at - start;
  }

  /** Begins an array of so many items. */
  array(length: number): void {
    this.#at = this.#head(this.#at, ARRAY, length);
  }

  /** Writes a number. */
  number(value: number): void {
    this.#at = this.#number(this.#at, value);
  }

  /** Writes a text. */
  text(text: string): void {
    this.#at = this.#text(this.#at, text);
  }

  /** Writes a byte string. */
  bytes(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length > this.most) return void (this.#failed = true);
    const at = this.#head(this.#room(this.#at, HEAD + length), BYTES, length);
    this.#target.set(bytes, at);
    this.#at = at + length;
  }

  /** Writes a value. */
  value(value: unknown): void {
    this.#at = this.#value(this.#at, value, 0);
  }

  #head(from: number, major: number, value: number): number {
    const at = this.#room(from, HEAD), target = this.#target;
    if (value < 0x18) {
      target[at] = major | value;
      return at + 1;
    }
    if (value < 0x100) {
      target[at] = major | 0x18;
      target[at + 1] = value;
      return at + 2;
    }
    if (value < 0x10000) {
      target[at] = major | 0x19;
      target[at + 1] = value >>> 8;
      target[at + 2] = value & 0xff;
      return at + 3;
    }
    target[at] = major | 0x1a;
    this.#view.setUint32(at + 1, value);
    return at + 5;
  }

  #number(from: number, value: number): number {
    if (value >>> 0 === value) return this.#head(from, UINT, value);
    if (value < 0 && value >= LEAST_INTEGER && Math.floor(value) === value) {
      return this.#head(from, NEGATIVE, -1 - value);
    }
    const at = this.#room(from, HEAD);
    this.#target[at] = FLOAT64;
    this.#view.setFloat64(at + 1, value);
    return at + HEAD;
  }

  #text(from: number, text: string): number {
    const { length } = text;
    if (length > this.most) this.#failed = true;
    if (this.#failed) return from;
    const at = this.#head(this.#room(from, HEAD + length), TEXT, length), target = this.#target;
    let all = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      all |= code;
      target[at + i] = code;
    }
    if (all > 0x7f) this.#failed = true;
    return at + length;
  }

  #value(at: number, value: unknown, depth: number): number {
    switch (typeof value) {
      case "string":
        return this.#text(at, value);
      case "number":
        return this.#number(at, value);
      case "boolean":
        return this.#simple(at, value ? TRUE : FALSE);
      case "undefined":
        return this.#simple(at, UNDEFINED);
      case "object":
        if (value === null) return this.#simple(at, NULL);
        if (depth > MOST_DEPTH) break;
        if (value.constructor === Object) return this.#map(at, value, depth + 1);
        if (value.constructor === Array) return this.#array(at, value as unknown[], depth + 1);
    }
    this.#failed = true;
    return at;
  }

  #simple(from: number, byte: number): number {
    const at = this.#room(from, 1);
    this.#target[at] = byte;
    return at + 1;
  }

  #array(from: number, items: readonly unknown[], depth: number): number {
    const { length } = items;
    let at = this.#head(from, ARRAY, length);
    for (let i = 0; i < length && !this.#failed; i++) at = this.#value(at, items[i], depth);
    return at;
  }

  #map(from: number, object: object, depth: number): number {
    const start = this.#room(from, 1);
    const offset = start - this.#start; // It may be moved to a larger buffer.
    let at = start + 1, count = 0;
    // The one loop whose reads of a property need no look-up.
    for (const name in object) {
      if (++count > SMALL_MAP) return this.#largeMap(this.#start + offset, object, depth);
      at = this.#text(at, name);
      at = this.#value(at, (object as Record<string, unknown>)[name], depth);
    }
    if (!this.#failed) this.#target[this.#start + offset] = MAP | count;
    return at;
  }

  #largeMap(from: number, object: object, depth: number): number {
    const names = Object.keys(object);
    let at = this.#head(from, MAP, names.length);
    for (let i = 0; i < names.length && !this.#failed; i++) {
      const name = names[i]!;
      at = this.#text(at, name);
      at = this.#value(at, (object as Record<string, unknown>)[name], depth);
    }
    return at;
  }
}
