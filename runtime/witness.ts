/**
 * Who sees every message and record come and go: how the simulator proves that none vanishes, and
 * what an inspector shows.
 *
 * @module
 */
import type { Envelope, Outgoing } from "./codec.ts";
import type { Address, DeadLetter } from "./ports.ts";

/** Told by one host of its messages. */
export interface Witness {
  /** A frame left for `to`; the link made so many copies of it, 0 if it lost it. */
  sent(to: Address, envelopes: readonly Outgoing[], copies: number): void;
  /** The role is given a message now, with its body decoded. */
  delivered(envelope: Envelope, body: unknown): void;
  /** It has done with that message what it does at once. */
  handled(): void;
  /** So many messages became dead letters. */
  dead(letter: DeadLetter, count: number): void;
  /** A record was added to the journal under this number; it is not durable yet. */
  journaled?(record: unknown, number: number, forced: boolean): void;
  /** All records up to this number are durable. */
  durable?(number: number): void;
  /** What a message or record is about, should that be told when it leaves. */
  about?(content: unknown): string | undefined;
}
