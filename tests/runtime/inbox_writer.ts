/**
 * A worker that writes frames flat out into a shared inbox and, if told so, ends in the middle of
 * writing one: `self.close()` ends a Deno worker at once, without running `finally` blocks.
 */
/// <reference lib="deno.worker" />
import { setImmediate } from "node:timers";
import { Inbox } from "../../runtime/inbox.ts";
import { seeded } from "../../runtime/random.ts";
import { checkedFrame } from "./inbox_frames.ts";

/** What a writer is told. */
export interface WriterInit {
  readonly memory: SharedArrayBuffer;
  /** Frames accepted from each slot; an element at or above 1 in `stop` ends the survivor. */
  readonly accepted: SharedArrayBuffer;
  readonly stop: SharedArrayBuffer;
  readonly slot: number;
  readonly incarnation: number;
  readonly seed: number;
  /** The frame it dies in, and at which look at it; undefined: it writes until it is stopped. */
  readonly death: { readonly frame: number; readonly look: number } | undefined;
  readonly lock: string;
}

async function write(init: WriterInit): Promise<void> {
  const { slot, incarnation, death } = init;
  const inbox = new Inbox(init.memory);
  const accepted = new Int32Array(init.accepted), stop = new Int32Array(init.stop);
  const random = seeded(init.seed);
  for (let number = 0; Atomics.load(stop, 0) === 0;) {
    const size = 16 + Math.floor(random() * 3000);
    let frame = checkedFrame(slot, incarnation, number, size, random() < 0.3);
    let looks = 0;
    const look = () => {
      if (number === death?.frame && looks++ === death.look) self.close();
      return true;
    };
    // The inbox looks at the frame while it holds the lock, and asks whether we may still speak.
    frame = new Proxy(frame, {
      get: (target, name) => (look(), Reflect.get(target, name)),
    });
    if (inbox.offer(frame, look) !== "accepted") {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    Atomics.add(accepted, slot, 1);
    number++;
  }
}

interface LockManager {
  request(name: string, held: () => Promise<unknown>): Promise<unknown>;
}

self.onmessage = ({ data }: MessageEvent<WriterInit>) => {
  const { locks } = navigator as unknown as { locks: LockManager };
  locks.request(data.lock, () => {
    self.postMessage("locked");
    return write(data).then(() => self.close());
  });
};
