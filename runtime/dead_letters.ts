/**
 * What was not handled, counted by reason, the last ones kept.
 *
 * @module
 */
import type { Address, DeadLetter, DeadLetterReason } from "./ports.ts";
import type { Witness } from "./witness.ts";

const KEPT = 100;

/** The dead letters of one role. */
export class DeadLetters {
  readonly #last: DeadLetter[] = [];
  readonly #counts: Partial<Record<DeadLetterReason, number>> = {};

  /** @param state tells the state of the role at the moment */
  constructor(
    private readonly state: () => string,
    private readonly witness?: () => Witness | undefined,
  ) {}

  /** Adds one, or `count` of a kind. */
  add(
    reason: DeadLetterReason,
    { to, from, type }: { readonly to: Address; readonly from: Address; readonly type: string },
    count = 1,
  ): void {
    this.#counts[reason] = (this.#counts[reason] ?? 0) + count;
    const letter = { reason, to, from, type, state: this.state() };
    this.#last.push(letter);
    this.witness?.()?.dead(letter, count);
    if (this.#last.length > KEPT) this.#last.shift();
  }

  /** How many there were, by reason. */
  get counts(): Readonly<Partial<Record<DeadLetterReason, number>>> {
    return { ...this.#counts };
  }

  /** The last ones, oldest first. */
  last(count: number): readonly DeadLetter[] {
    return this.#last.slice(-count);
  }

  /** How many there were, and the last ones. */
  figures(last: number): Readonly<Record<string, unknown>> {
    return { deadLetters: this.counts, lastDeadLetters: this.last(last) };
  }
}
