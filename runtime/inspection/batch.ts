/**
 * Records on their way from a role to the hub. They are rows of integers in one buffer, and texts
 * are said once: a text that comes again and again (a state, a type) is numbered for good, one that
 * is soon gone (the id of a transaction) for this batch alone.
 *
 * @module
 */
import type { Address } from "../ports.ts";

/** Integers in a row. */
export const ROW = 9;
// Columns of a row. A text is 0 for none, above 0 for a lasting one, below 0 for one of its batch.
/** Microseconds since the start of the batch; column 0 is the kind. */
export const AT = 1;
/** Key of an instance, or what a message is about: a text. */
export const ABOUT = 2;
/** Machine or other role: a text. */
export const WHOM = 3;
/** Type of an event, message or record: a text. */
export const TYPE = 4;
/** State before (a text), or how many bytes, or the number of a record. */
export const BEFORE = 5;
/** State after (of {@link Batch.states}), or how many copies or letters, or whether it is forced. */
export const AFTER = 6;
/** Names of effects, or the reason of a dead letter: a text. */
export const EFFECTS = 7;
/** Event and context as JSON, or whom a dead letter was for: a text. */
export const PAYLOAD = 8;

/** A state of a machine, as the hub is told of it once. */
export interface KnownState {
  /** `preparing.waiting`. */
  readonly text: string;
  /** Status, value and context as JSON, where the text and the table fix them. */
  readonly snapshot: string | undefined;
}

/** A machine as the hub is told of it once. */
export interface KnownMachine {
  /** Its id. */
  readonly id: string;
  /** JSON for `createMachine`. */
  readonly definition: string;
}

/** Some records of one role. */
export interface Batch {
  /** Where they happened. */
  readonly role: Address;
  /** Which life of that role. */
  readonly incarnation: number;
  /** Counted from 1 since the role was attached; answered when it was taken. */
  readonly number: number;
  /** Cluster time in ms that {@link AT} counts from. */
  readonly base: number;
  /** How many records. */
  readonly count: number;
  /** The records, {@link ROW} integers each. */
  readonly rows: Int32Array<ArrayBuffer>;
  /** Lasting texts that are new with this batch. */
  readonly lasting: readonly string[];
  /** States that are. */
  readonly states: readonly KnownState[];
  /** Machines that are. */
  readonly machines: readonly KnownMachine[];
  /** Texts of this batch alone. */
  readonly fleeting: readonly string[];
  /** Records that were lost since the batch before, for want of room. */
  readonly dropped: number;
}
