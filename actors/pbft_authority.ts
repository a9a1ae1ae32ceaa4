/**
 * Who may say what in a group: signatures are made and verified here, and proofs, so that a replica's
 * machine may believe what it is told.
 *
 * @module
 */
import type {
  Assigned,
  NewView,
  Prepared,
  ReplicaMessage,
  SentViewChange,
} from "../protocols/pbft/messages.ts";
import { INITIAL_DIGEST, NULL_DIGEST } from "../protocols/pbft/messages.ts";
import {
  type Group,
  isPreparedProof,
  isReplica,
  isStableProof,
  primaryOf,
} from "../protocols/pbft/rules.ts";
import { isIndex } from "./guards.ts";
import { type Keys, sha256 } from "./pbft_keys.ts";
import {
  isBytes,
  isListOf,
  newViewBytes,
  type NewViewWire,
  type Proof,
  readBody,
  requestBytes,
  type RequestContent,
  type SignedRequest,
  statement,
  type ViewChangeWire,
  type Votes,
} from "./pbft_wire.ts";

/** Verified view changes that are remembered: each is shown again by new views. */
const MOST_REMEMBERED = 64;
/** Signatures that are remembered. */
const MOST_SIGNATURES = 4096;
/** Operations in a request. */
export const MAX_OPERATIONS = 64;

/** A request that was read. */
export type ReadRequest = RequestContent & { readonly digest: string };

/** Digest of a batch: of the digests of its requests. */
export function batchDigest(batch: readonly SignedRequest[]): string {
  return sha256("batch", ...batch.map(({ bytes }) => sha256(bytes)));
}

/** The content of a view change. */
export function viewChangeOf({ view, stable, prepared, from }: ViewChangeWire): SentViewChange {
  return {
    type: "viewChange",
    from,
    view,
    stable: assignedOf(stable),
    prepared: prepared.map(({ sequence, view, digest }) => ({ sequence, view, digest })),
  };
}

/** The content of a new view. */
export function newViewOf({ view, viewChanges, assigned }: NewViewWire): NewView {
  const content = viewChanges.map(viewChangeOf);
  return { type: "newView", view, viewChanges: content, assigned: assigned.map(assignedOf) };
}

function assignedOf({ sequence, digest }: Assigned): Assigned {
  return { sequence, digest };
}

/**
 * Signatures that were verified in this process, by whose key and what was signed: a request comes
 * again in a batch, a vote in a proof, and in a simulation each of them to every replica.
 */
const verified = new Map<string, Proof>();

/** The authority of one member. */
export class Authority {
  readonly #remembered = new Set<string>();
  readonly #parsed = new WeakMap<SignedRequest, ReadRequest>();
  /** What it has signed: each word goes to many, and some into proofs. */
  readonly #signed = new Map<string, Proof>();

  /** @param name of the group */
  constructor(
    readonly name: string,
    readonly group: Group,
    readonly keys: Keys,
  ) {}

  /** Signs as replica `from`, itself. */
  sign(from: number, message: ReplicaMessage): Proof {
    const name = nameOf(message);
    const known = this.#signed.get(name);
    if (known !== undefined) return known;
    const proof = this.keys.sign(statement(this.name, from, message));
    if (name !== "") keep(this.#signed, name, proof);
    return proof;
  }

  /** Whether a replica has signed this. */
  isSigned(from: number, message: ReplicaMessage, signature: Proof): boolean {
    if (!isReplica(from, this.group)) return false;
    const name = nameOf(message);
    const bytes = () => statement(this.name, from, message);
    return this.#isBy(String(from), name && `${from} ${name}`, bytes, signature);
  }

  /** Whether a member has signed what has this name, "" if it is not worth to be remembered. */
  #isBy(member: string, name: string, bytes: () => Uint8Array, signature: Proof): boolean {
    const whole = name && `${this.keys.publicKey(member)} ${this.name} ${name}`;
    const known = verified.get(whole);
    if (known !== undefined && isSameProof(known, signature)) return true;
    if (!this.keys.verify(member, bytes(), signature)) return false;
    if (name !== "") keep(verified, whole, signature);
    return true;
  }

  /** An authenticator for one replica. */
  mac(to: number, from: number, message: ReplicaMessage): Proof {
    return this.keys.mac(String(to), statement(this.name, from, message));
  }

  /** Whether a replica has authenticated this to this one. */
  isAuthentic(from: number, message: ReplicaMessage, mac: Proof): boolean {
    return isReplica(from, this.group) &&
      this.keys.isFrom(String(from), statement(this.name, from, message), mac);
  }

  /** Whether the primary of its view has signed a pre-prepare. */
  isPrePrepared({ view, sequence, digest }: Prepared, signature: Proof): boolean {
    const primary = primaryOf(view, this.group);
    return this.isSigned(primary, { type: "prePrepare", view, sequence, digest }, signature);
  }

  /** Signs a request as its client. */
  request(content: RequestContent): SignedRequest {
    const bytes = requestBytes(this.name, content);
    return { bytes, signature: this.keys.sign(bytes) };
  }

  /** Reads a request; undefined if it is not its client's. */
  read(signed: SignedRequest): ReadRequest | undefined {
    const request = this.parse(signed);
    if (request === undefined) return undefined;
    const member = memberOf(request.client);
    if (isReplica(Number(member), this.group)) return undefined; // A replica asks for nothing.
    const isSigned = this.#isBy(member, request.digest, () => signed.bytes, signed.signature);
    return isSigned ? request : undefined;
  }

  /** Reads a request that is known to be its client's. */
  parse(signed: SignedRequest): ReadRequest | undefined {
    const known = this.#parsed.get(signed);
    if (known !== undefined) return known;
    const request = this.#parse(signed);
    if (request !== undefined) this.#parsed.set(signed, request);
    return request;
  }

  #parse({ bytes }: SignedRequest): ReadRequest | undefined {
    const parts = readBody(bytes);
    if (!Array.isArray(parts) || parts.length !== 6) return undefined;
    const [kind, group, client, timestamp, readOnly, operations] = parts;
    if (
      kind !== "request" || group !== this.name || typeof client !== "string" ||
      !isIndex(timestamp) || typeof readOnly !== "boolean" || !isOperations(operations)
    ) return undefined;
    return { client, timestamp, readOnly, operations, digest: sha256(bytes) };
  }

  /** Whether a batch is what its digest says, and each request its client's. */
  isBatch(digest: string, batch: readonly SignedRequest[]): boolean {
    if (digest === NULL_DIGEST) return batch.length === 0;
    return batchDigest(batch) === digest && batch.every((it) => {
      const request = this.read(it);
      return request !== undefined && !request.readOnly;
    });
  }

  /** Whether so many have signed this checkpoint that it is stable. */
  isStable(checkpoint: Assigned, votes: Votes): boolean {
    const { sequence, digest } = checkpoint;
    if (sequence === 0) return digest === INITIAL_DIGEST;
    if (votes.length > this.group.replicas) return false;
    const message = { type: "checkpoint", sequence, digest } as const;
    const signers = votes.filter(([from, proof]) => this.isSigned(from, message, proof));
    return isStableProof(signers.map(([from]) => from), this.group);
  }

  #isPrepared(prepared: Prepared, signature: Proof, votes: Votes): boolean {
    const { view, sequence, digest } = prepared;
    if (votes.length > this.group.replicas) return false;
    const message = { type: "prepare", view, sequence, digest } as const;
    const signers = votes.filter(([from, proof]) => this.isSigned(from, message, proof));
    return this.isPrePrepared(prepared, signature) &&
      isPreparedProof(view, signers.map(([from]) => from), this.group);
  }

  /** Whether a view change is signed by its sender and everything in it is proved. */
  isProvedViewChange(wire: ViewChangeWire): boolean {
    const { from: _, ...content } = viewChangeOf(wire);
    if (!this.isSigned(wire.from, content, wire.signature)) return false;
    const proofs = wire.prepared.flatMap(({ signature, prepares }) => {
      return [signature, ...prepares.flatMap(([from, proof]) => [String(from), proof])];
    });
    const stable = wire.stableProof.flatMap(([from, proof]) => [String(from), proof]);
    const key = sha256(wire.signature, ...proofs, "stable", ...stable);
    if (this.#remembered.has(key)) return true;
    const isProved = this.isStable(wire.stable, wire.stableProof) &&
      wire.prepared.every((it) => this.#isPrepared(it, it.signature, it.prepares));
    if (isProved) this.#remember(key);
    return isProved;
  }

  #remember(key: string): void {
    this.#remembered.add(key);
    if (this.#remembered.size <= MOST_REMEMBERED) return;
    const [oldest] = this.#remembered;
    this.#remembered.delete(oldest!);
  }

  /**
   * Whether a new view is its primary's, and all that it shows and assigns is proved or signed. What
   * is longer than any correct one is not looked at: thousands of signatures would stop the replica.
   *
   * @param window distance of the watermarks
   */
  isProvedNewView(wire: NewViewWire, window: number): boolean {
    const { view, viewChanges, assigned, signature } = wire;
    const primary = String(primaryOf(view, this.group));
    return viewChanges.length <= this.group.replicas && assigned.length <= window &&
      viewChanges.every(({ prepared }) => prepared.length <= window) &&
      this.keys.verify(primary, newViewBytes(this.name, wire), signature) &&
      viewChanges.every((it) => this.isProvedViewChange(it)) &&
      assigned.every((it) => this.isPrePrepared({ view, ...it }, it.signature));
  }
}

/** Names a word that is said more than once; "": another. */
function nameOf(message: ReplicaMessage): string {
  switch (message.type) {
    case "prePrepare":
    case "prepare":
      return `${message.type} ${message.view} ${message.sequence} ${message.digest}`;
    case "checkpoint":
      return `${message.type} ${message.sequence} ${message.digest}`;
    default:
      return "";
  }
}

function keep(signatures: Map<string, Proof>, name: string, proof: Proof): void {
  signatures.set(name, proof);
  if (signatures.size <= MOST_SIGNATURES) return;
  const [oldest] = signatures.keys();
  signatures.delete(oldest!);
}

function isSameProof(a: Proof, b: Proof): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function isOperations(it: unknown): it is readonly Uint8Array[] {
  return isListOf(it, isBytes) && it.length > 0 && it.length <= MAX_OPERATIONS;
}

/** The member that speaks for a client: `bank` of `bank/7`, its seventh request at a time. */
export function memberOf(client: string): string {
  const slash = client.indexOf("/");
  return slash < 0 ? client : client.slice(0, slash);
}
