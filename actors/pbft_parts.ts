/**
 * Messages that no frame can hold travel in parts: view changes with all their proofs, new views, long
 * batches.
 *
 * @module
 */
import { encode, type Envelope } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import { isIndex, isRecord } from "./guards.ts";
import { isBytes, readBody } from "./pbft_wire.ts";

/** Larger bodies are cut. */
const PART_BYTES = 40 * 1024;
/** Most that is put together for one sender. */
const MOST_PARTS = 100;

/** A part of a message of type `of`. */
export type Part = {
  readonly of: string;
  readonly id: number;
  readonly index: number;
  readonly count: number;
  readonly bytes: Uint8Array;
};

/** Whether a body is a part. */
export function isPart(it: unknown): it is Part {
  return isRecord(it) && typeof it["of"] === "string" && isIndex(it["id"]) &&
    isIndex(it["count"], MOST_PARTS + 1) && isIndex(it["index"], it["count"] as number) &&
    isBytes(it["bytes"]) && it["bytes"].length <= PART_BYTES;
}

/** Whether a body with so many bytes of content may need parts. */
export function mayNeedParts(bytes: number): boolean {
  return bytes > PART_BYTES / 2;
}

/** A body in parts; undefined if it needs none. */
export function inParts(of: string, id: number, body: unknown): readonly Part[] | undefined {
  const bytes = encode(body);
  if (bytes.length <= PART_BYTES) return undefined;
  const count = Math.ceil(bytes.length / PART_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const at = index * PART_BYTES;
    return { of, id, index, count, bytes: bytes.slice(at, at + PART_BYTES) };
  });
}

/** Messages in parts that wait for one replica, at most. */
const MOST_QUEUED = 8;
/** Until a mailbox that was full is tried again, in ms. */
const RETRY_MS = 20;

/** What parts are sent with. */
export interface PartSender {
  /** Gives a part to the link; false: it is full for now. */
  readonly send: (to: number, part: Part) => boolean;
  /** Does something in so many ms. */
  readonly later: (ms: number, work: () => void) => void;
}

/**
 * Parts on their way out. A new view of ten replicas whose windows are full has more bytes than may
 * wait for one destination at a time: what finds no room is sent when there is some again.
 */
export class PartQueues {
  readonly #waiting = new Map<number, Map<string, readonly Part[]>>();

  constructor(private readonly sender: PartSender) {}

  /** Sends a message. One of this name that has not left yet is not begun again: it would never end. */
  add(to: number, name: string, parts: readonly Part[]): void {
    const queue = this.#waiting.get(to) ?? new Map<string, readonly Part[]>();
    if (queue.has(name) || queue.size >= MOST_QUEUED) return;
    this.#waiting.set(to, queue.set(name, parts));
    if (queue.size === 1) this.#drain(to, queue);
  }

  #drain(to: number, queue: Map<string, readonly Part[]>): void {
    for (const [name, parts] of queue) {
      let at = 0;
      while (at < parts.length && this.sender.send(to, parts[at]!)) at++;
      if (at < parts.length) {
        queue.set(name, parts.slice(at));
        return this.sender.later(RETRY_MS, () => this.#drain(to, queue));
      }
      queue.delete(name);
    }
  }
}

/** An envelope that came round about. */
export type Handed = Envelope & {
  /** Who has handed it on, and says whose it is. */
  readonly handedBy?: Address;
};

/** The way of a message: what one who hands on makes of it does no harm to what another brings. */
export function pathOf({ from, handedBy = "" }: Handed): string {
  return `${from} ${handedBy}`;
}

type Assembly = { readonly id: number; readonly parts: Map<number, Uint8Array> };

/** Puts messages together: one a sender, see {@link pathOf}, and type at a time. */
export class Assemblies {
  readonly #open = new Map<string, Assembly>();

  /** Takes a part; gives the body when it was the last one and they are one */
  add(sender: string, { of, id, index, count, bytes }: Part): unknown {
    const key = `${sender} ${of}`;
    let assembly = this.#open.get(key);
    if (assembly === undefined || assembly.id < id) {
      this.#open.set(key, assembly = { id, parts: new Map() });
    }
    if (assembly.id !== id) return undefined; // Of one that was given up.
    assembly.parts.set(index, bytes);
    if (assembly.parts.size < count) return undefined;
    this.#open.delete(key);
    const whole = new Uint8Array([...assembly.parts.values()].reduce((n, it) => n + it.length, 0));
    let at = 0;
    for (let part = 0; part < count; part++) {
      const it = assembly.parts.get(part) ?? new Uint8Array();
      whole.set(it, at);
      at += it.length;
    }
    return readBody(whole);
  }
}
