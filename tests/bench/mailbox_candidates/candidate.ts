/** What the candidates of the `mailbox` bench have in common: bounded, several senders, one reader. */

/** Bytes of each mailbox, the same for all candidates. */
export const CAPACITY = 512 * 1024;
/** Most senders of one mailbox in the bench. */
export const SENDERS = 3;

/** A sender's end. */
export interface Writer {
  /** Copies bytes in; false if there is no room now, or no turn. */
  offer(bytes: Uint8Array): boolean;
}

/** The receiver's end. */
export interface Reader {
  /** The next message, copied out. */
  poll(): Uint8Array | undefined;
  empty(): boolean;
}

/** One way to make a mailbox in shared memory. */
export interface Candidate {
  readonly allocate: () => SharedArrayBuffer;
  /** @param index of the sender, from 0 */
  readonly writer: (memory: SharedArrayBuffer, index: number) => Writer;
  readonly reader: (memory: SharedArrayBuffer) => Reader;
}
