/**
 * Reads the CBOR that nearly all messages consist of; see `cbor_writer.ts`. Anything else is left
 * to the general decoder, which also says what is wrong with what is no CBOR at all.
 *
 * @module
 */
const NEGATIVE = 1, BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5;
const FALSE = 0xf4, TRUE = 0xf5, NULL = 0xf6, UNDEFINED = 0xf7, FLOAT64 = 0xfb;
/** Texts up to this length are remembered: addresses, names, tokens. */
const SHORT = 512;
/** Texts that are remembered: a power of two. */
const TEXTS = 4096;
/** Of longer texts the hash takes some characters only, spread over all of it. */
const HASHED = 24;
/** Deeper values are left to the general decoder. */
const MOST_DEPTH = 64;

/** What is not for this reader. One object: it says no more than that. */
const UNUSUAL = new Error("not for the reader of the usual");

/** Reads one item after the other. */
export class CborReader {
  /**
   * Names, addresses and types come again and again: by a hash, the last text that had it. A text
   * that is found is not made again, and who looks it up in a map need not hash it again.
   */
  readonly #texts: string[] = new Array<string>(TEXTS).fill("");
  readonly #eight = new Uint8Array(8);
  readonly #view = new DataView(this.#eight.buffer);
  #bytes: Uint8Array = this.#eight;
  #at = 0;

  /** What `read` makes of all of the bytes; undefined if some of them are not for this reader. */
  all<T>(bytes: Uint8Array, read: (reader: CborReader) => T): T | undefined {
    this.#bytes = bytes;
    this.#at = 0;
    try {
      const value = read(this);
      return this.#at === bytes.length ? value : undefined;
    } catch (error) {
      if (error !== UNUSUAL) throw error;
      return undefined;
    } finally {
      this.#bytes = this.#eight; // What it read is not its to keep.
    }
  }

  /** Leaves it all to the general decoder. */
  refuse(): never {
    throw UNUSUAL;
  }

  /** Past the end it is 0, and the place is not that of the end. */
  #byte(): number {
    return this.#bytes[this.#at++]! | 0;
  }

  /** A length that may be true: every item takes a byte or more. */
  #count(info: number): number {
    const count = this.#argument(info);
    return count <= this.#bytes.length - this.#at ? count : this.refuse();
  }

  /** What a head of this major type says: a length. */
  #head(major: number): number {
    const byte = this.#byte();
    if (byte >> 5 !== major) throw UNUSUAL;
    return this.#count(byte & 0x1f);
  }

  #argument(info: number): number {
    if (info < 0x18) return info;
    if (info === 0x18) return this.#byte();
    if (info === 0x19) return this.#byte() << 8 | this.#byte();
    if (info !== 0x1a) throw UNUSUAL;
    const high = this.#byte() << 8 | this.#byte();
    return high * 0x10000 + (this.#byte() << 8 | this.#byte());
  }

  /** Reads the length of an array; its items follow. */
  array(): number {
    return this.#head(ARRAY);
  }

  /** Reads a number that is not a negative integer. */
  number(): number {
    const byte = this.#byte();
    return byte === FLOAT64
      ? this.#float()
      : byte >> 5 === 0
      ? this.#argument(byte)
      : this.refuse();
  }

  #float(): number {
    if (this.#at + 8 > this.#bytes.length) throw UNUSUAL;
    for (let i = 0; i < 8; i++) this.#eight[i] = this.#bytes[this.#at++]!;
    return this.#view.getFloat64(0);
  }

  /** Reads a byte string: a view of what is read. */
  bytes(): Uint8Array {
    return this.#slice(this.#head(BYTES));
  }

  #slice(length: number): Uint8Array {
    const start = this.#at, end = start + length;
    if (end > this.#bytes.length) throw UNUSUAL;
    this.#at = end;
    return this.#bytes.subarray(start, end);
  }

  /** Reads a text. */
  text(): string {
    return this.#text(this.#head(TEXT));
  }

  #text(length: number): string {
    const bytes = this.#bytes, start = this.#at, end = start + length;
    if (length > SHORT || end > bytes.length) return this.#long(length);
    this.#at = end;
    const step = length > HASHED ? length >> 3 : 1;
    let hash = length;
    for (let i = end - 1; i >= start; i -= step) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    const slot = (hash ^ hash >>> 15) & TEXTS - 1;
    const known = this.#texts[slot]!;
    if (isText(known, bytes, start, length)) return known;
    for (let i = start; i < end; i++) if (bytes[i]! > 0x7f) throw UNUSUAL;
    return this.#texts[slot] = ascii(bytes.subarray(start, end));
  }

  #long(length: number): string {
    const bytes = this.#slice(length);
    for (let i = 0; i < length; i++) if (bytes[i]! > 0x7f) throw UNUSUAL;
    let text = "";
    for (let i = 0; i < length; i += SHORT) text += ascii(bytes.subarray(i, i + SHORT));
    return text;
  }

  /** Reads a value. */
  value(depth = 0): unknown {
    const byte = this.#byte();
    const info = byte & 0x1f;
    switch (byte >> 5) {
      case 0:
        return this.#argument(info);
      case NEGATIVE:
        return -1 - this.#argument(info);
      case BYTES:
        return this.#slice(this.#argument(info));
      case TEXT:
        return this.#text(this.#argument(info));
      case ARRAY:
        return this.#array(this.#count(info), depth + 1);
      case MAP:
        return this.#map(this.#count(info), depth + 1);
    }
    if (byte === NULL) return null;
    if (byte === FALSE || byte === TRUE) return byte === TRUE;
    if (byte === FLOAT64) return this.#float();
    if (byte === UNDEFINED) return undefined;
    throw UNUSUAL;
  }

  #array(length: number, depth: number): unknown[] {
    if (depth > MOST_DEPTH) throw UNUSUAL;
    const items: unknown[] = [];
    for (let left = length; left > 0; left--) items.push(this.value(depth));
    return items;
  }

  #map(size: number, depth: number): Record<string, unknown> {
    if (depth > MOST_DEPTH) throw UNUSUAL;
    const object: Record<string, unknown> = {};
    for (let left = size; left > 0; left--) {
      const name = this.text();
      if (name === "__proto__") throw UNUSUAL;
      object[name] = this.value(depth);
    }
    return object;
  }
}

function ascii(bytes: Uint8Array): string {
  // Applied, not spread: that would go through an iterator.
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

function isText(text: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}
