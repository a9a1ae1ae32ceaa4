/**
 * The probe of one host, attached and detached while it runs, and the answers it gives.
 *
 * @module
 */
import type { Host } from "../host.ts";
import type { Batch } from "./batch.ts";
import type { Filter } from "./filter.ts";
import { Probe } from "./probe.ts";
import { answer, type Question } from "./questions.ts";

/** Looks after the onlookers of one host, on its own thread. */
export class Overseer {
  #probe: Probe | undefined;

  /** @param post hands a batch to the hub */
  constructor(private readonly host: Host, private readonly post: (batch: Batch) => void) {}

  /** Attaches a probe, changes its filter, or (undefined) detaches it. */
  watch(filter: Filter | undefined): void {
    const { host, post } = this;
    if (filter === undefined) {
      this.#probe?.close();
      this.#probe = undefined;
      return host.onlookers.set(undefined);
    }
    if (this.#probe !== undefined) {
      this.#probe.filter = filter;
      return;
    }
    this.#probe = new Probe({
      address: host.address,
      incarnation: host.incarnation,
      now: () => host.clock.now(),
      later: (delayMs, call) => {
        host.timers.set(host.clock.now() + delayMs, call);
        host.wake();
      },
      about: host.onlookers.about,
      post,
    }, filter);
    host.onlookers.set(this.#probe.observer, this.#probe);
  }

  /** All batches up to this number were taken. */
  taken(number: number): void {
    this.#probe?.taken(number);
  }

  /** Answers a question about its machines. */
  answer(question: Question): unknown {
    return answer(this.host.onlookers.lives(), question);
  }

  /** Hands on what is left: the role is going. */
  close(): void {
    this.#probe?.close();
  }
}
