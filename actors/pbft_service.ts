/**
 * The state machine that a group replicates: what it is to its author, and how a replica keeps it,
 * with the replies that make execution happen once, and with snapshots that are fetched by digest.
 *
 * @module
 */
import type { Assigned } from "../protocols/pbft/messages.ts";
import { INITIAL_DIGEST } from "../protocols/pbft/messages.ts";
import { admitRequest } from "../protocols/pbft/rules.ts";
import { decode, decodeBody, encode } from "../runtime/codec.ts";
import type { Store } from "../runtime/ports.ts";
import { memberOf, type ReadRequest } from "./pbft_authority.ts";
import { sha256 } from "./pbft_keys.ts";

/**
 * A deterministic state machine: every replica must come from one state and operation to the same
 * state and reply, so `apply` knows no clock, chance or I/O. States and replies must survive CBOR.
 */
export interface StateMachine<S = unknown, O = unknown, R = unknown> {
  /** The state that all replicas begin with. */
  readonly initial: S;
  /**
   * Executes an operation, which may be anything a client sends. A refusal is a reply.
   *
   * @param client who asks, by its name in the group: its signature has been verified
   */
  apply(state: S, operation: O, client: string): readonly [state: S, reply: R];
  /** Whether an operation changes nothing: such a one may be answered without being ordered. */
  isReadOnly?(operation: O): boolean;
}

/** The last reply to a client. */
type Answered = { readonly timestamp: number; readonly result: Uint8Array };

/** A state in chunks. Its digest is that of the hashes of its chunks. */
export type Snapshot = {
  readonly digest: string;
  readonly hashes: readonly string[];
  readonly chunks: readonly Uint8Array[];
};

/** Chunks travel in a message each. */
const CHUNK_BYTES = 32 * 1024;
const STATE_ROW = "state/";

/** The digest that a list of hashes must have. */
export function digestOfHashes(hashes: readonly string[]): string {
  return sha256("state", ...hashes);
}

function cut(bytes: Uint8Array): Snapshot {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    chunks.push(bytes.slice(at, at + CHUNK_BYTES));
  }
  const hashes = chunks.map((chunk) => sha256(chunk));
  return { digest: digestOfHashes(hashes), hashes, chunks };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** One replica's copy. */
export class Service {
  #state: unknown;
  #answered = new Map<string, Answered>();
  readonly #snapshots = new Map<number, Snapshot>();
  /** Requests executed in this life. */
  executed = 0;

  /**
   * In the initial state.
   *
   * @param changed called with every new state
   */
  constructor(
    private readonly machine: StateMachine,
    private readonly changed: (state: unknown) => void = () => {},
  ) {
    this.#state = machine.initial;
  }

  /** What is to be done with a request. */
  admit({ client, timestamp }: ReadRequest): ReturnType<typeof admitRequest> {
    return admitRequest(timestamp, this.#answered.get(client)?.timestamp);
  }

  /** The last result a client was given; coded. */
  answer(client: string): Answered | undefined {
    return this.#answered.get(client);
  }

  /** Executes a request, once; the results of its operations, coded. */
  execute({ client, timestamp, operations }: ReadRequest): Uint8Array {
    const before = this.#state;
    const results = operations.map((operation) => {
      const [state, result] = this.#apply(operation, client);
      this.#state = state;
      return result;
    });
    const result = encode(results);
    this.#answered.set(client, { timestamp, result });
    this.executed++;
    if (this.#state !== before) this.changed(this.#state);
    return result;
  }

  /** Whether all operations of a request only read. */
  isReadOnly({ operations }: ReadRequest): boolean {
    try {
      return operations.every((it) => this.machine.isReadOnly?.(decodeBody(it)) === true);
    } catch {
      return false;
    }
  }

  /** The results of a request that only reads, coded. */
  read({ operations, client }: ReadRequest): Uint8Array {
    return encode(operations.map((operation) => this.#apply(operation, client)[1]));
  }

  /** A client may send anything: what makes the machine throw is refused, by every replica alike. */
  #apply(operation: Uint8Array, client: string): readonly [state: unknown, result: Uint8Array] {
    try {
      const asked = decodeBody(operation);
      const [state, reply] = this.machine.apply(this.#state, asked, memberOf(client));
      return [state, encode(reply ?? null)];
    } catch {
      return [this.#state, encode({ error: "the operation cannot be executed" })];
    }
  }

  /** The last timestamp of every client. */
  get clients(): readonly { readonly client: string; readonly timestamp: number }[] {
    return [...this.#answered].map(([client, { timestamp }]) => ({ client, timestamp }));
  }

  /** Takes a snapshot of the state after `sequence`, durable with this turn's batch. */
  checkpoint(sequence: number, store: Store): string {
    const answered = [...this.#answered].map(([client, { timestamp, result }]) => {
      return [client, timestamp, result] as const;
    }).sort(([a], [b]) => a < b ? -1 : 1);
    const snapshot = cut(encode([this.#state, answered]));
    this.#keep(sequence, snapshot, store);
    return snapshot.digest;
  }

  #keep(sequence: number, snapshot: Snapshot, store: Store): void {
    this.#snapshots.set(sequence, snapshot);
    const rows = snapshot.chunks.map((chunk) => chunk.toBase64());
    store.put(rowOf(sequence), { digest: snapshot.digest, chunks: rows });
  }

  /** A snapshot that is kept. */
  snapshot({ sequence, digest }: Assigned): Snapshot | undefined {
    const snapshot = this.#snapshots.get(sequence);
    return snapshot?.digest === digest ? snapshot : undefined;
  }

  /** Takes a fetched state for its own. The chunks are those of the digest: see `pbft_transfer.ts`. */
  install({ sequence }: Assigned, chunks: readonly Uint8Array[], store: Store): void {
    this.#restore(chunks);
    this.#keep(sequence, cut(joined(chunks)), store);
  }

  #restore(chunks: readonly Uint8Array[]): void {
    const [state, answered] = decode(joined(chunks)) as [
      unknown,
      readonly (readonly [string, number, Uint8Array])[],
    ];
    this.#state = state;
    this.#answered = new Map(
      answered.map(([client, timestamp, result]) => [client, { timestamp, result }]),
    );
    this.changed(state);
  }

  /** Lets go of snapshots below a stable one. */
  forget(below: number, store: Store): void {
    for (const sequence of this.#snapshots.keys()) {
      if (sequence >= below) continue;
      this.#snapshots.delete(sequence);
      store.put(rowOf(sequence), null);
    }
  }

  /** Goes on from the last durable snapshot up to `most`; says which that is. */
  recover(store: Store, most: number): Assigned {
    for (const [key, value] of store.scan(STATE_ROW)) {
      const { digest, chunks } = value as { digest: string; chunks: readonly string[] };
      const bytes = chunks.map((text) => Uint8Array.fromBase64(text));
      const snapshot = cut(joined(bytes));
      if (snapshot.digest !== digest) continue; // Changed on the disk: another one, or fetched.
      this.#snapshots.set(Number(key.slice(STATE_ROW.length)), snapshot);
    }
    const sequence = Math.max(0, ...[...this.#snapshots.keys()].filter((it) => it <= most));
    const snapshot = this.#snapshots.get(sequence);
    if (snapshot === undefined) return { sequence: 0, digest: INITIAL_DIGEST };
    this.#restore(snapshot.chunks);
    return { sequence, digest: snapshot.digest };
  }
}

/** Rows are in order of their sequence numbers. */
function rowOf(sequence: number): string {
  return `${STATE_ROW}${String(sequence).padStart(16, "0")}`;
}
