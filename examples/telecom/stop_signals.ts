/**
 * Ctrl-C and its like.
 *
 * @module
 */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A terminal and whoever passes signals on may both deliver the same Ctrl-C. */
const SAME_MS = 400;

/** The first signal asks for an orderly stop, the second ends it. */
export class StopSignals {
  /** Resolves with the first signal. */
  readonly requested: Promise<string>;
  readonly #request = Promise.withResolvers<string>();
  readonly #listeners: [Deno.Signal, () => void][];
  #firstAt: number | undefined;

  constructor(second: () => void) {
    this.requested = this.#request.promise;
    this.#listeners = SIGNALS.map((signal) => [signal, () => this.#on(signal, second)]);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  #on(signal: string, second: () => void): void {
    const now = performance.now();
    if (this.#firstAt === undefined) {
      this.#firstAt = now;
      this.#request.resolve(signal);
    } else if (now - this.#firstAt > SAME_MS) second();
  }

  close(): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}
