/** The message of the `messaging` bench: a vote, as two-phase commit sends it. */

/** A vote of some 150 bytes in CBOR. */
export interface Vote {
  readonly id: { readonly log: string; readonly sequence: number };
  readonly index: number;
  readonly store: string;
  readonly answer: { readonly balance: number };
  readonly entries: readonly string[];
}

/** Makes one; each has a number of its own, as real ones do. */
export function vote(sequence: number): Vote {
  return {
    id: { log: "0b8e3a52-6f0e-4f5e-9f0a-3c1d2e4f5a6b", sequence },
    index: 1,
    store: "7d4c1b2a-9e8f-4a6b-8c5d-1e2f3a4b5c6d",
    answer: { balance: 99_500 },
    entries: [],
  };
}

/** Reads every field of it: what the least of receivers would do. */
export function touch(body: Vote): number {
  const { id, index, store, answer, entries } = body;
  return id.sequence + id.log.length + index + store.length + answer.balance + entries.length;
}
