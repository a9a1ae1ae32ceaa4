/** Frames whose wholeness can be checked. */
import { assertEquals } from "@std/assert";
import type { Frame } from "../../runtime/ports.ts";

function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** A frame with a number and a checksum in its bytes; at least 8 bytes. */
export function checkedFrame(
  sender: number,
  incarnation: number,
  number: number,
  size: number,
  urgent = false,
): Frame {
  const bytes = new Uint8Array(Math.max(8, size));
  const view = new DataView(bytes.buffer);
  for (let i = 8; i < bytes.length; i++) bytes[i] = (number * 31 + i * 7 + sender) & 0xff;
  view.setUint32(4, number);
  view.setUint32(0, checksum(bytes.subarray(4)));
  return { due: number / 2, urgent, sender, incarnation, count: 1, bytes };
}

/** The number of a frame. @throws {AssertionError} if it is not whole. */
export function numberOf(frame: Frame): number {
  const view = new DataView(frame.bytes.buffer, frame.bytes.byteOffset);
  const number = view.getUint32(4);
  assertEquals(view.getUint32(0), checksum(frame.bytes.subarray(4)), "a frame is not whole");
  assertEquals([frame.due, frame.count], [number / 2, 1]);
  return number;
}
