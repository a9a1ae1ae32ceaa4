/**
 * Envelopes and frames as CBOR (RFC 8949). An envelope's body is a byte string, so that
 * signatures, digests and journals cover exact bytes. What all envelopes of a frame share
 * (sender, epoch, clock) is said once a frame.
 *
 * @module
 */
import { Encoder } from "cbor-x/encode";
import { Decoder } from "cbor-x/decode";
import { isDeeper, limitDecoder, MAX_DEPTH } from "./cbor_limits.ts";
import { CborReader } from "./cbor_reader.ts";
import { CborWriter } from "./cbor_writer.ts";
import type { Address } from "./ports.ts";

/** Largest frame in bytes unless configured otherwise. */
export const MAX_FRAME_BYTES = 64 * 1024;

const VERSION = 1;

// Plain maps, no shared record structures: a decoder without the matching structures would
// return wrong data in silence.
const OPTIONS = { useRecords: false, variableMapSize: true, mapsAsObjects: true } as const;
const encoder = new Encoder(OPTIONS);
const decoder = new Decoder(OPTIONS);
limitDecoder();

// What nearly all messages consist of goes past the package: it is made for much more than that.
const CHUNK = 16 * 1024, MOST_BYTES = 64 * 1024 * 1024;
const values = new CborWriter(CHUNK, MOST_BYTES);
const views = new CborWriter(2 * MAX_FRAME_BYTES, MOST_BYTES);
const reader = new CborReader();

/** What an envelope may carry besides its body. */
export interface Metadata {
  /** Correlates an answer with its question; unique per asker and incarnation. */
  readonly call?: number;
  /** Instant after which the receiver need not bother, in cluster milliseconds. */
  readonly deadline?: number;
  /** W3C trace parent. */
  readonly trace?: string;
}

/** How far a durable role's journal reaches. */
export interface LogLength {
  /** Identity of its store. */
  readonly id: string;
  /** Number of the last durable record when the frame was made. */
  readonly durable: number;
  /** The same when the role opened its store. */
  readonly opened: number;
  /** When that was, in milliseconds since 1970; tells one opening from another. */
  readonly born: number;
}

/** One message as the receiver sees it. */
export interface Envelope {
  /** Whom it is for. */
  readonly to: Address;
  /** The role that sent it. */
  readonly from: Address;
  /** What kind of message it is. */
  readonly type: string;
  /** The exact bytes that were sent. */
  readonly bytes: Uint8Array;
  /** Incarnation of the sending role. */
  readonly incarnation: number;
  /** Epoch of the roster the sender went by. */
  readonly epoch: number;
  /** Vector clock of the sending node, by roster index of that epoch. */
  readonly clock: readonly number[];
  /** What it carries besides its body. */
  readonly metadata: Metadata;
  /** Of the sender's journal, if it keeps one. */
  readonly log?: LogLength | undefined;
}

/** An envelope on its way out: body already coded. */
export interface Outgoing {
  /** Whom it is for. */
  readonly to: Address;
  /** What kind of message it is. */
  readonly type: string;
  /** The body, coded. */
  readonly bytes: Uint8Array;
  /** What it carries besides its body. */
  readonly metadata?: Metadata | undefined;
  /** What it is about, for those who look on; it does not travel. */
  readonly about?: string | undefined;
}

/** A frame or body that cannot be read; becomes a dead letter. */
export class MalformedFrame extends Error {
  /** Always `MalformedFrame`. */
  override readonly name = "MalformedFrame";
}

/** Codes a value; the result is a copy that may be kept. */
export function encode(value: unknown): Uint8Array {
  values.begin();
  values.value(value);
  // The package gives a view into a buffer of its own.
  return values.take() ?? new Uint8Array(encoder.encode(value));
}

/** Codes a value; the result is valid until the next call of this module's `encode*`. */
export function encodeView(value: unknown): Uint8Array {
  views.begin();
  views.value(value);
  return views.end() ?? encoder.encode(value);
}

/** Decodes a value. @throws {MalformedFrame} if the bytes are not exactly one CBOR item. */
export function decode(bytes: Uint8Array): unknown {
  const read = reader.all(bytes, readValue);
  if (read !== undefined) return read;
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new MalformedFrame(`Cannot decode ${bytes.length} bytes: ${(error as Error).message}`);
  }
}

function readValue(from: CborReader): unknown {
  return from.value();
}

/**
 * Decodes what a stranger sent as the body of a message.
 *
 * @throws {MalformedFrame} if it is not exactly one CBOR item, or nested too deep
 */
export function decodeBody(bytes: Uint8Array): unknown {
  const body = decode(bytes);
  // A level takes a byte or more.
  if (bytes.length > MAX_DEPTH && isDeeper(body, MAX_DEPTH)) {
    throw new MalformedFrame(`A body is nested more than ${MAX_DEPTH} levels deep`);
  }
  return body;
}

/** Codes a frame; the result is valid until the next call of this module's `encode*`. */
export function encodeFrame(
  header: {
    from: Address;
    incarnation: number;
    epoch: number;
    clock: readonly number[];
    log?: LogLength | undefined;
  },
  envelopes: readonly Outgoing[],
): Uint8Array {
  return writeFrame(header, envelopes) ?? encodeAnyFrame(header, envelopes);
}

type Header = Parameters<typeof encodeFrame>[0];

function writeFrame(
  { from, incarnation, epoch, clock, log }: Header,
  envelopes: readonly Outgoing[],
): Uint8Array | undefined {
  views.begin();
  views.array(log === undefined ? 6 : 7);
  views.number(VERSION);
  views.text(from);
  views.number(incarnation);
  views.number(epoch);
  views.array(clock.length);
  for (const count of clock) views.number(count);
  views.array(envelopes.length);
  for (const { to, type, bytes, metadata } of envelopes) {
    views.array(metadata === undefined ? 3 : 4);
    views.text(to);
    views.text(type);
    views.bytes(bytes);
    if (metadata !== undefined) views.value(metadata);
  }
  if (log !== undefined) {
    views.array(4);
    views.text(log.id);
    views.number(log.durable);
    views.number(log.opened);
    views.number(log.born);
  }
  return views.end();
}

function encodeAnyFrame(header: Header, envelopes: readonly Outgoing[]): Uint8Array {
  const items = envelopes.map((e) =>
    e.metadata === undefined ? [e.to, e.type, e.bytes] : [e.to, e.type, e.bytes, e.metadata]
  );
  const { from, incarnation, epoch, clock, log } = header;
  const frame: unknown[] = [VERSION, from, incarnation, epoch, clock, items];
  if (log !== undefined) frame.push([log.id, log.durable, log.opened, log.born]);
  return encoder.encode(frame) as Uint8Array;
}

function isClock(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function logOf(value: unknown): LogLength | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length !== 4) throw new MalformedFrame("Bad frame header");
  const [id, durable, opened, born] = value;
  const numbers = [durable, opened, born].every((n) => Number.isFinite(n) && n >= 0);
  if (typeof id !== "string" || id.length > 64 || !numbers) {
    throw new MalformedFrame("Bad frame header");
  }
  return { id, durable, opened, born };
}

function metadataOf(value: unknown): Metadata {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null) throw new MalformedFrame("Bad metadata");
  const { call, deadline, trace } = value as Record<string, unknown>;
  if (
    (call !== undefined && !Number.isSafeInteger(call)) ||
    (deadline !== undefined && typeof deadline !== "number") ||
    (trace !== undefined && typeof trace !== "string")
  ) throw new MalformedFrame("Bad metadata");
  return value as Metadata;
}

/** Decodes and validates a frame, once, at the receiving node. @throws {MalformedFrame} */
export function decodeFrame(bytes: Uint8Array, maxBytes: number = MAX_FRAME_BYTES): Envelope[] {
  if (bytes.length > maxBytes) {
    throw new MalformedFrame(`Frame of ${bytes.length} bytes is larger than ${maxBytes}`);
  }
  return reader.all(bytes, readFrame) ?? decodeAnyFrame(bytes);
}

const NO_METADATA: Metadata = Object.freeze({});

function readFrame(from: CborReader): Envelope[] {
  const parts = from.array();
  if ((parts !== 6 && parts !== 7) || from.number() !== VERSION) return from.refuse();
  const sender = from.text();
  const incarnation = readCount(from), epoch = readCount(from);
  const clock: number[] = [];
  for (let left = from.array(); left > 0; left--) clock.push(readCount(from));
  const envelopes: (Envelope & { log: LogLength | undefined })[] = [];
  for (let left = from.array(); left > 0; left--) {
    const size = from.array();
    if (size !== 3 && size !== 4) return from.refuse();
    const to = from.text(), type = from.text(), bytes = from.bytes();
    const metadata = size === 4 ? metadataOf(from.value()) : NO_METADATA;
    const log = undefined;
    envelopes.push({ to, from: sender, type, bytes, incarnation, epoch, clock, metadata, log });
  }
  if (parts === 6) return envelopes;
  const log = logOf(from.value()) ?? from.refuse();
  for (const envelope of envelopes) envelope.log = log;
  return envelopes;
}

function readCount(from: CborReader): number {
  const count = from.number();
  return Number.isSafeInteger(count) && count >= 0 ? count : from.refuse();
}

function decodeAnyFrame(bytes: Uint8Array): Envelope[] {
  const frame = decode(bytes);
  if (!Array.isArray(frame) || frame.length < 6 || frame.length > 7) {
    throw new MalformedFrame("Not a frame");
  }
  const [version, from, incarnation, epoch, clock, items] = frame;
  if (version !== VERSION) throw new MalformedFrame(`Unknown frame version ${String(version)}`);
  if (
    typeof from !== "string" || !Number.isSafeInteger(incarnation) ||
    !Number.isSafeInteger(epoch) || !isClock(clock) || !Array.isArray(items)
  ) throw new MalformedFrame("Bad frame header");
  const log = logOf(frame[6]);
  return items.map((item: unknown): Envelope => {
    if (!Array.isArray(item)) throw new MalformedFrame("Bad envelope");
    const [to, type, body, metadata] = item;
    if (typeof to !== "string" || typeof type !== "string" || !(body instanceof Uint8Array)) {
      throw new MalformedFrame("Bad envelope");
    }
    return {
      to,
      from,
      type,
      bytes: body,
      incarnation,
      epoch,
      clock,
      metadata: metadataOf(metadata),
      log,
    };
  });
}
