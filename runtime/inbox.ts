/**
 * One role's mailbox: two bounded rings in shared memory, written directly by every sender and
 * read by one receiver. The urgent ring is the room reserved for votes, decisions, acks and
 * heartbeats; it is read first.
 *
 * Writers take turns by a lock word that holds the writer's slot. A writer holds it for one
 * copy, never waits for it (it is told `busy` and tries again in its next turn), and publishes by
 * moving the tail last: a writer that ends in mid-write leaves nothing visible, and the
 * supervisor takes the lock back with {@link Inbox.seal}. The reader takes no lock.
 *
 * @module
 */
import type { Frame } from "./ports.ts";

const LOCK = 0;
const DOORBELL = 1;
const ASLEEP = 2;
const MESSAGES = 3;
const RINGS = 4; // head and tail of the normal ring, then of the urgent one
const CONTROL_BYTES = 64;

const HEADER = 24; // length, sender, incarnation, count (u32 each), due (f64)
const SKIP = 0xffffffff;
const TRIES = 64;

/** Sizes of the two rings in bytes, each a power of two. */
export interface InboxSize {
  /** Of the ring for most frames. */
  readonly normal: number;
  /** Of the reserved room. */
  readonly urgent: number;
}

/** Room for some thousands of protocol messages. */
export const INBOX_SIZE: InboxSize = { normal: 512 * 1024, urgent: 256 * 1024 };

/** The answer to {@link Inbox.offer}. */
export type Offer = "accepted" | "full" | "busy" | "fenced";

interface Ring {
  readonly index: number;
  readonly words: Uint32Array;
  readonly floats: Float64Array;
  readonly bytes: Uint8Array;
  readonly size: number;
}

/** Memory for one inbox. @throws {RangeError} if a size is no power of two. */
export function allocateInbox(size: InboxSize = INBOX_SIZE): SharedArrayBuffer {
  for (const bytes of [size.normal, size.urgent]) {
    if (bytes < 1024 || (bytes & (bytes - 1)) !== 0) {
      throw new RangeError(`Cannot allocate an inbox: ${bytes} must be a power of two >= 1024`);
    }
  }
  const memory = new SharedArrayBuffer(CONTROL_BYTES + size.normal + size.urgent);
  new Int32Array(memory)[CONTROL_BYTES / 4 - 1] = size.normal;
  return memory;
}

/** A view of an inbox; writers and the reader each have their own over the same memory. */
export class Inbox {
  readonly #control: Int32Array;
  readonly #normal: Ring;
  readonly #urgent: Ring;
  #waiting: { value: number; until: number; promise: Promise<unknown> } | undefined;

  /** A view of what {@link allocateInbox} made. */
  constructor(memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, CONTROL_BYTES / 4);
    const normal = this.#control[CONTROL_BYTES / 4 - 1]!;
    this.#normal = ring(memory, RINGS, CONTROL_BYTES, normal);
    this.#urgent = ring(
      memory,
      RINGS + 2,
      CONTROL_BYTES + normal,
      memory.byteLength - CONTROL_BYTES - normal,
    );
  }

  /**
   * Copies a frame in. `full` when there is no room now; `busy` when another writer holds the
   * lock (a matter of a microsecond unless that writer's thread is not running).
   */
  offer(frame: Frame, stillSpeaks: () => boolean = always): Offer {
    const ring = frame.urgent ? this.#urgent : this.#normal;
    const needed = (HEADER + frame.bytes.length + 7) & ~7;
    if (needed > ring.size / 2) return "full";
    if (!this.#lock(frame.sender)) return "busy";
    try {
      // Fenced while it waited or slept: an old incarnation must not speak any more.
      if (!stillSpeaks()) return "fenced";
      const head = Atomics.load(this.#control, ring.index) >>> 0;
      const tail = Atomics.load(this.#control, ring.index + 1) >>> 0;
      const used = (tail - head) >>> 0;
      const position = tail & (ring.size - 1);
      const contiguous = ring.size - position;
      const padding = contiguous < needed ? contiguous : 0;
      if (used + padding + needed > ring.size) return "full";
      if (padding > 0) ring.words[position >>> 2] = SKIP;
      write(ring, padding > 0 ? 0 : position, frame);
      Atomics.add(this.#control, MESSAGES, frame.count);
      Atomics.store(this.#control, ring.index + 1, (tail + padding + needed) | 0);
    } finally {
      Atomics.compareExchange(this.#control, LOCK, frame.sender + 1, 0);
    }
    this.ring();
    return "accepted";
  }

  #lock(writer: number): boolean {
    for (let i = 0; i < TRIES; i++) {
      if (Atomics.compareExchange(this.#control, LOCK, 0, writer + 1) === 0) return true;
    }
    return false;
  }

  /** Takes the lock from a writer that has ended. True if it held it. */
  seal(writer: number): boolean {
    return Atomics.compareExchange(this.#control, LOCK, writer + 1, 0) === writer + 1;
  }

  /** The next frame, urgent ones first, copied out of shared memory. */
  poll(): Frame | undefined {
    return this.#take(this.#urgent, true) ?? this.#take(this.#normal, false);
  }

  #take(ring: Ring, urgent: boolean): Frame | undefined {
    let head = Atomics.load(this.#control, ring.index) >>> 0;
    const tail = Atomics.load(this.#control, ring.index + 1) >>> 0;
    if (head === tail) return undefined;
    let position = head & (ring.size - 1);
    if (ring.words[position >>> 2] === SKIP) {
      head = (head + ring.size - position) >>> 0;
      position = 0;
    }
    const word = position >>> 2;
    const length = ring.words[word]!;
    const frame: Frame = {
      sender: ring.words[word + 1]!,
      incarnation: ring.words[word + 2]!,
      count: ring.words[word + 3]!,
      due: ring.floats[(position + 16) >>> 3]!,
      urgent,
      // A copy: the room is given back below, and text decoders refuse shared memory.
      bytes: ring.bytes.slice(position + HEADER, position + HEADER + length),
    };
    Atomics.sub(this.#control, MESSAGES, frame.count);
    Atomics.store(this.#control, ring.index, (head + ((HEADER + length + 7) & ~7)) | 0);
    return frame;
  }

  /** Whether there is nothing to read. */
  get empty(): boolean {
    return this.#used(this.#urgent) === 0 && this.#used(this.#normal) === 0;
  }

  /** What waits: envelopes and bytes. */
  depth(): { messages: number; bytes: number } {
    return {
      messages: Math.max(0, Atomics.load(this.#control, MESSAGES)),
      bytes: this.#used(this.#urgent) + this.#used(this.#normal),
    };
  }

  #used(ring: Ring): number {
    const tail = Atomics.load(this.#control, ring.index + 1);
    return (tail - Atomics.load(this.#control, ring.index)) >>> 0;
  }

  /** Wakes the reader if it sleeps. For other threads: a thread cannot ring for itself. */
  ring(): void {
    if (Atomics.load(this.#control, ASLEEP) === 0) return;
    // One bell wakes it, and a bell costs as much as some messages. (Should this thread end before
    // the next line, the sleeper has its own time to get up.)
    if (Atomics.exchange(this.#control, ASLEEP, 0) === 0) return;
    Atomics.add(this.#control, DOORBELL, 1);
    Atomics.notify(this.#control, DOORBELL);
  }

  /**
   * Goes to sleep until the doorbell rings or `timeoutMs` has passed; undefined when there is
   * something to read already. The reader only, which says {@link Inbox.awake} when it is up,
   * whatever woke it.
   */
  sleep(timeoutMs: number): Promise<unknown> | undefined {
    const value = Atomics.load(this.#control, DOORBELL);
    Atomics.store(this.#control, ASLEEP, 1);
    // A frame published between the last poll and this store rang no bell: look again.
    if (!this.empty) {
      this.awake();
      return undefined;
    }
    const until = performance.now() + timeoutMs;
    const old = this.#waiting;
    // A wait that something else cut short is still good: do not pile them up.
    if (old?.value === value && old.until <= until && old.until > performance.now()) {
      return old.promise;
    }
    const wait = Atomics.waitAsync(this.#control, DOORBELL, value, timeoutMs);
    if (!wait.async) return undefined;
    this.#waiting = { value, until, promise: wait.value };
    return wait.value;
  }

  /** The reader is up: no bell is needed. */
  awake(): void {
    Atomics.store(this.#control, ASLEEP, 0);
  }
}

function always(): boolean {
  return true;
}

function ring(memory: SharedArrayBuffer, index: number, offset: number, size: number): Ring {
  return {
    index,
    words: new Uint32Array(memory, offset, size / 4),
    floats: new Float64Array(memory, offset, size / 8),
    bytes: new Uint8Array(memory, offset, size),
    size,
  };
}

function write(ring: Ring, position: number, frame: Frame): void {
  const word = position >>> 2;
  ring.words[word] = frame.bytes.length;
  ring.words[word + 1] = frame.sender;
  ring.words[word + 2] = frame.incarnation;
  ring.words[word + 3] = frame.count;
  ring.floats[(position + 16) >>> 3] = frame.due;
  ring.bytes.set(frame.bytes, position + HEADER);
}
