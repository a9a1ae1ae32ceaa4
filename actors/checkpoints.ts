/**
 * When a role's journal is replaced by what is still needed of it.
 *
 * @module
 */
import type { Services } from "../runtime/role.ts";

/** Journals grow to this size at least, in bytes, unless configured otherwise. */
export const CHECKPOINT_BYTES: number = 8 * 1024 * 1024;

/** The checkpoints of one role. */
export class Checkpoints {
  /** What was durable when the last one was taken. */
  #at = -1;
  #measured = true;
  /** What the last one kept, in bytes. */
  #kept = 0;

  /** @param records what is needed still, with all that was journaled so far taken into account */
  constructor(
    private readonly services: Services,
    private readonly limitBytes: number,
    private readonly records: () => readonly unknown[],
  ) {}

  /** A record was journaled: time for a checkpoint? */
  written(): void {
    const { store } = this.services;
    if (this.#at === store.durable) return; // Once a batch.
    if (!this.#measured) {
      this.#measured = true;
      this.#kept = store.journalBytes;
    }
    // Where much has to be kept (a participant that is down keeps the watermark of all others
    // down), one checkpoint after the other would write it all again for every batch.
    if (store.journalBytes > Math.max(this.limitBytes, 2 * this.#kept)) this.take();
  }

  /** Takes one with this batch. */
  take(): void {
    const { store } = this.services;
    this.#at = store.durable;
    this.#measured = false;
    store.checkpoint(this.records());
  }
}
