/**
 * Writers that end in mid-write must neither stall the ring nor leave a torn frame in it. Real
 * workers, 1,000 of them, each ending at a drawn look at a drawn frame.
 */
import { setImmediate } from "node:timers";
import { assert, assertEquals } from "@std/assert";
import { allocateInbox, Inbox } from "../../runtime/inbox.ts";
import { seeded } from "../../runtime/random.ts";
import { numberOf } from "./inbox_frames.ts";
import type { WriterInit } from "./inbox_writer.ts";

const TERMINATIONS = 1000;
const AT_ONCE = 4;
/** Looks at a frame in one offer; from the fourth on the writer holds the lock. */
const LOOKS = 12;
const SURVIVOR = AT_ONCE;

interface LockManager {
  request(name: string, held: () => Promise<unknown>): Promise<unknown>;
}

class Scene {
  readonly memory = allocateInbox({ normal: 64 * 1024, urgent: 16 * 1024 });
  readonly inbox = new Inbox(this.memory);
  readonly accepted = new SharedArrayBuffer(4 * (AT_ONCE + 1));
  readonly counts = new Int32Array(this.accepted);
  readonly stop = new SharedArrayBuffer(4);
  /** Numbers read, by lane, of each slot's present incarnation. */
  readonly read: Set<number>[] = Array.from({ length: AT_ONCE + 1 }, () => new Set());
  readonly incarnations = new Array<number>(AT_ONCE + 1).fill(0);
  readonly random = seeded(20);
  frames = 0;
  sealed = 0;

  drain(): void {
    const last = new Map<string, number>();
    for (let frame = this.inbox.poll(); frame !== undefined; frame = this.inbox.poll()) {
      const number = numberOf(frame);
      const { sender, incarnation, urgent } = frame;
      assertEquals(incarnation, this.incarnations[sender], "a frame of a gone incarnation");
      assert(!this.read[sender]!.has(number), `frame ${number} of ${sender} came twice`);
      const lane = `${sender} ${urgent}`;
      assert(number > (last.get(lane) ?? -1), "a lane lost its order");
      last.set(lane, number);
      this.read[sender]!.add(number);
      this.frames++;
    }
  }

  /** Runs a writer; resolves when its thread is gone. */
  async run(slot: number, death: WriterInit["death"]): Promise<void> {
    const incarnation = ++this.incarnations[slot]!;
    this.read[slot] = new Set();
    Atomics.store(this.counts, slot, 0);
    const worker = new Worker(new URL("./inbox_writer.ts", import.meta.url), { type: "module" });
    const lock = `inbox-writer:${slot}:${incarnation}`;
    const locked = new Promise<void>((resolve) => worker.onmessage = () => resolve());
    const { memory, accepted, stop } = this;
    const seed = Math.floor(this.random() * 2 ** 31);
    const init: WriterInit = { memory, accepted, stop, slot, incarnation, seed, death, lock };
    worker.postMessage(init);
    await locked;
    const { locks } = navigator as unknown as { locks: LockManager };
    await locks.request(lock, () => Promise.resolve());
    worker.terminate();
  }

  /** One writer after the other ends in one slot; after each the slot is sealed. */
  async *endings(slot: number, count: number): AsyncGenerator<void> {
    for (let i = 0; i < count; i++) {
      const frame = Math.floor(this.random() * 30);
      await this.run(slot, { frame, look: Math.floor(this.random() * LOOKS) });
      if (this.inbox.seal(slot)) this.sealed++;
      this.drain();
      // All that was accepted came through, and at most the frame it ended in besides.
      const { size } = this.read[slot]!;
      const accepted = Atomics.load(this.counts, slot);
      assert(size === accepted || size === accepted + 1, `${size} read, ${accepted} accepted`);
      for (let n = 0; n < size; n++) assert(this.read[slot]!.has(n), `frame ${n} is lost`);
      yield;
    }
  }
}

Deno.test(`inbox: ${TERMINATIONS} writers end in mid-write, the others write on`, async () => {
  const scene = new Scene();
  let reading = true;
  const reader = (async () => {
    while (reading) {
      scene.drain();
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const survivor = scene.run(SURVIVOR, undefined);
  await Promise.all(Array.from({ length: AT_ONCE }, async (_, slot) => {
    for await (const _ of scene.endings(slot, TERMINATIONS / AT_ONCE)) {
      // The survivor gets frames through after every ending.
      const before = scene.read[SURVIVOR]!.size;
      while (scene.read[SURVIVOR]!.size === before) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }));
  Atomics.store(new Int32Array(scene.stop), 0, 1);
  await survivor;
  reading = false;
  await reader;
  scene.drain();
  const { size } = scene.read[SURVIVOR]!;
  assertEquals(size, Atomics.load(scene.counts, SURVIVOR), "the survivor lost frames");
  assert(scene.sealed > TERMINATIONS / 4, `only ${scene.sealed} ended while they held the lock`);
  assertEquals(scene.inbox.empty, true);
});
