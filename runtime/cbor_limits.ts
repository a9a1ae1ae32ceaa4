/**
 * What a stranger's CBOR may hold. RFC 8949 section 10: a decoder has to survive hostile input,
 * and so has whoever walks what it gave.
 *
 * @module
 */
import { addExtension } from "cbor-x/decode";

/** Deeper values are refused: whoever walks or codes one again would run out of stack. */
export const MAX_DEPTH = 256;
/** Longer numbers are refused: making one takes time that grows with the square of its length. */
const MAX_BIGINT_BYTES = 256;

/** Tags that no encoder of ours writes; shared references (28, 29) can make a value endless. */
const REFUSED_TAGS = [6, 28, 29, 51, 105];

/** Makes the decoder of this thread refuse what it would otherwise do for anyone. */
export function limitDecoder(): void {
  for (const tag of REFUSED_TAGS) {
    extend(tag, () => {
      throw new RangeError(`tag ${tag} is not taken`);
    });
  }
  extend(2, bigint);
  extend(3, (bytes) => -1n - bigint(bytes));
}

/** The package's types ask for a class and an encoder; its decoder uses neither. */
function extend(tag: number, decode: (item: unknown) => unknown): void {
  (addExtension as (extension: { tag: number; decode: typeof decode }) => void)({ tag, decode });
}

function bigint(bytes: unknown): bigint {
  if (!(bytes instanceof Uint8Array) || bytes.length > MAX_BIGINT_BYTES) {
    throw new RangeError("a number is too long");
  }
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) + BigInt(byte);
  return value;
}

/** Whether a decoded value is nested more than `left` levels deep. */
export function isDeeper(value: unknown, left: number): boolean {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false;
  if (left === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isDeeper(item, left - 1));
  if (value instanceof Map || value instanceof Set) {
    for (const [key, item] of value.entries()) {
      if (isDeeper(key, left - 1) || isDeeper(item, left - 1)) return true;
    }
    return false;
  }
  for (const name in value) {
    if (isDeeper((value as Record<string, unknown>)[name], left - 1)) return true;
  }
  return false;
}
