/**
 * Who sees every message come and go: how the simulator proves that none vanishes.
 *
 * @module
 */
import type { Envelope, Outgoing } from "./codec.ts";
import type { Address, DeadLetter } from "./ports.ts";

/** Told by one host of its messages. */
export interface Witness {
  /** A frame left for `to`; the link made so many copies of it, 0 if it lost it. */
  sent(to: Address, envelopes: readonly Outgoing[], copies: number): void;
  /** The role is given a message now. */
  delivered(envelope: Envelope): void;
  /** It has done with that message what it does at once. */
  handled(): void;
  /** So many messages became dead letters. */
  dead(letter: DeadLetter, count: number): void;
}
