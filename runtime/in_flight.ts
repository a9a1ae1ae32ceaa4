/**
 * What one sender has on its way to one role. The receiver holds it until it is due, so what is
 * on its way is bounded, as by the window of TCP: else one slow link would fill the receiver, and
 * it could read nobody else's mail.
 *
 * @module
 */

/** A fault may be a delay of hours; when it is over, what it delays must not block what follows. */
const LONGEST_MS = 10_000;

/** Frames that are sent and not due yet. */
export class InFlight {
  readonly #frames: { readonly due: number; readonly bytes: number }[] = [];
  #bytes = 0;

  /** @param limit most bytes on their way until nothing more is sent */
  constructor(private readonly limit: number) {}

  /** A frame was sent. @param due in cluster ms; 0 for one that arrives at once */
  add(due: number, bytes: number, now: number): void {
    if (due === 0) return;
    this.#frames.push({ due: Math.min(due, now + LONGEST_MS), bytes });
    this.#bytes += bytes;
  }

  /** Whether more must wait. */
  full(now: number): boolean {
    while (this.#frames.length > 0 && this.#frames[0]!.due <= now) {
      this.#bytes -= this.#frames.shift()!.bytes;
    }
    return this.#bytes >= this.limit;
  }
}
