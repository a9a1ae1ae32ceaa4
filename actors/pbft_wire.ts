/**
 * What the members of a group send to one another, as bytes: the messages of `protocols/pbft` with
 * signatures, authenticators, proofs and operations, and the shapes that are taken from a stranger.
 *
 * @module
 */
import type { Assigned, Prepared, ReplicaMessage } from "../protocols/pbft/messages.ts";
import { decodeBody, encode, MalformedFrame } from "../runtime/codec.ts";
import { isIndex, isRecord } from "./guards.ts";
import { sha256 } from "./pbft_keys.ts";

/** A signature or authenticator. */
export type Proof = Uint8Array;

/** Signatures of one statement, by replica. */
export type Votes = readonly (readonly [from: number, signature: Proof])[];

/** A request: its bytes, see {@link requestBytes}, and the client's signature. */
export type SignedRequest = { readonly bytes: Uint8Array; readonly signature: Proof };

/** A pre-prepare and the batch it orders. */
export type PrePrepareWire = Prepared & {
  readonly signature: Proof;
  readonly batch: readonly SignedRequest[];
};

/** A prepare; `primary` is the signature of the pre-prepare, so that two of them convict. */
export type PrepareWire = Prepared & {
  readonly from: number;
  readonly signature: Proof;
  readonly primary: Proof;
};

/** A commit. */
export type CommitWire = Prepared & { readonly from: number; readonly mac: Proof };

/** A checkpoint. */
export type CheckpointWire = Assigned & { readonly from: number; readonly signature: Proof };

/** The proof that something was prepared: the pre-prepare's signature, and Q - 1 prepares'. */
export type PreparedWire = Prepared & { readonly signature: Proof; readonly prepares: Votes };

/** A view change with its proofs. */
export type ViewChangeWire = {
  readonly view: number;
  readonly stable: Assigned;
  readonly stableProof: Votes;
  readonly prepared: readonly PreparedWire[];
  readonly from: number;
  readonly signature: Proof;
};

/** A new view; each assignment is signed as the pre-prepare it is. */
export type NewViewWire = {
  readonly view: number;
  readonly viewChanges: readonly ViewChangeWire[];
  readonly assigned: readonly (Assigned & { readonly signature: Proof })[];
  readonly signature: Proof;
};

/** How far a replica has come. */
export type StatusWire = {
  readonly view: number;
  readonly active: boolean;
  readonly stable: number;
  readonly executed: number;
  readonly from: number;
  readonly mac: Proof;
};

/** An answer; `result` is the coded list of the coded results of all operations. */
export type ReplyWire = {
  readonly client: string;
  readonly timestamp: number;
  readonly view: number;
  readonly readOnly: boolean;
  readonly result: Uint8Array;
  readonly from: number;
  readonly mac: Proof;
};

/** What is signed or authenticated; the group's name keeps groups apart. */
export function statement(group: string, from: number, message: ReplicaMessage): Uint8Array {
  switch (message.type) {
    case "prePrepare": {
      const { type, view, sequence, digest } = message;
      return encode([type, group, view, sequence, digest]);
    }
    case "prepare":
    case "commit": {
      const { type, view, sequence, digest } = message;
      return encode([type, group, from, view, sequence, digest]);
    }
    case "checkpoint": {
      const { type, sequence, digest } = message;
      return encode([type, group, from, sequence, digest]);
    }
    case "viewChange": {
      const { type, view, stable, prepared } = message;
      const shown = prepared.map((it) => [it.sequence, it.view, it.digest]);
      return encode([type, group, from, view, stable.sequence, stable.digest, shown]);
    }
    case "newView":
      throw new TypeError("A new view is signed with its proofs: see newViewBytes");
    case "status": {
      const { type, view, active, stable, executed } = message;
      return encode([type, group, from, view, active, stable, executed]);
    }
  }
}

/**
 * What the primary signs of a new view. The view changes go in with their content, not by their
 * signatures: who has chosen a weak key can make one signature fit two contents, and with the other
 * one a correct primary's new view would look forged.
 */
export function newViewBytes(group: string, wire: Omit<NewViewWire, "signature">): Uint8Array {
  const { view, viewChanges, assigned } = wire;
  return encode([
    "newView",
    group,
    view,
    viewChanges.map(({ from, view, stable, prepared, signature }) => {
      const content = { type: "viewChange", view, stable, prepared } as const;
      return [from, sha256(statement(group, from, content)), signature];
    }),
    assigned.map(({ sequence, digest }) => [sequence, digest]),
  ]);
}

/** A request as it is signed. */
export type RequestContent = {
  readonly client: string;
  readonly timestamp: number;
  readonly readOnly: boolean;
  /** Each coded; they are executed in this order, and share one signature. */
  readonly operations: readonly Uint8Array[];
};

/** The bytes of a request. */
export function requestBytes(group: string, request: RequestContent): Uint8Array {
  const { client, timestamp, readOnly, operations } = request;
  return encode(["request", group, client, timestamp, readOnly, operations]);
}

/** What is authenticated of a reply. */
export function replyBytes(group: string, reply: Omit<ReplyWire, "mac">): Uint8Array {
  const { client, timestamp, view, readOnly, result, from } = reply;
  return encode(["reply", group, from, client, timestamp, view, readOnly, result]);
}

// Shapes ------------------------------------------------------------------------------------------

const MAX_MEMBERS = 256;
const MAX_DIGEST = 80;
const MAX_LIST = 4096;

/** What bytes from a stranger say; undefined: nothing that can be read. */
export function readBody(bytes: Uint8Array): unknown {
  try {
    return decodeBody(bytes);
  } catch (error) {
    if (error instanceof MalformedFrame) return undefined;
    throw error;
  }
}

/** Bytes. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** A list of such values, and not a long one. */
export function isListOf<T>(value: unknown, is: (it: unknown) => it is T): value is readonly T[] {
  return Array.isArray(value) && value.length <= MAX_LIST && value.every(is);
}

/** A digest. */
export function isDigest(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_DIGEST;
}

function isFrom(it: Record<string, unknown>): boolean {
  return isIndex(it["from"], MAX_MEMBERS);
}

/** An assignment. */
export function isAssigned(it: unknown): it is Assigned {
  return isRecord(it) && isIndex(it["sequence"]) && isDigest(it["digest"]);
}

function isPrepared(it: unknown): it is Prepared {
  return isAssigned(it) && isIndex((it as Prepared).view);
}

function isVote(it: unknown): it is Votes[number] {
  return Array.isArray(it) && it.length === 2 && isIndex(it[0], MAX_MEMBERS) && isBytes(it[1]);
}

/** A request. */
export function isSignedRequest(it: unknown): it is SignedRequest {
  return isRecord(it) && isBytes(it["bytes"]) && isBytes(it["signature"]);
}

/** A batch. */
export function isBatch(it: unknown): it is readonly SignedRequest[] {
  return isListOf(it, isSignedRequest);
}

/** A pre-prepare. */
export function isPrePrepareWire(it: unknown): it is PrePrepareWire {
  const wire = it as unknown as Record<string, unknown>;
  return isPrepared(it) && isBytes(wire["signature"]) && isBatch(wire["batch"]);
}

/** A prepare. */
export function isPrepareWire(it: unknown): it is PrepareWire {
  const wire = it as unknown as Record<string, unknown>;
  return isPrepared(it) && isFrom(wire) && isBytes(wire["signature"]) && isBytes(wire["primary"]);
}

/** A commit. */
export function isCommitWire(it: unknown): it is CommitWire {
  const wire = it as unknown as Record<string, unknown>;
  return isPrepared(it) && isFrom(wire) && isBytes(wire["mac"]);
}

/** A checkpoint. */
export function isCheckpointWire(it: unknown): it is CheckpointWire {
  const wire = it as unknown as Record<string, unknown>;
  return isAssigned(it) && isFrom(wire) && isBytes(wire["signature"]);
}

function isPreparedWire(it: unknown): it is PreparedWire {
  const wire = it as unknown as Record<string, unknown>;
  return isPrepared(it) && isBytes(wire["signature"]) && isListOf(wire["prepares"], isVote);
}

/** A view change. */
export function isViewChangeWire(it: unknown): it is ViewChangeWire {
  return isRecord(it) && isIndex(it["view"]) && isFrom(it) && isAssigned(it["stable"]) &&
    isListOf(it["stableProof"], isVote) && isListOf(it["prepared"], isPreparedWire) &&
    isBytes(it["signature"]);
}

function isSignedAssignment(it: unknown): it is NewViewWire["assigned"][number] {
  return isAssigned(it) && isBytes((it as unknown as Record<string, unknown>)["signature"]);
}

/** A new view. */
export function isNewViewWire(it: unknown): it is NewViewWire {
  return isRecord(it) && isIndex(it["view"]) && isListOf(it["viewChanges"], isViewChangeWire) &&
    isListOf(it["assigned"], isSignedAssignment) && isBytes(it["signature"]);
}

/** A status. */
export function isStatusWire(it: unknown): it is StatusWire {
  return isRecord(it) && isFrom(it) && isIndex(it["view"]) && typeof it["active"] === "boolean" &&
    isIndex(it["stable"]) && isIndex(it["executed"]) && isBytes(it["mac"]);
}

/** A reply. */
export function isReplyWire(it: unknown): it is ReplyWire {
  return isRecord(it) && isFrom(it) && typeof it["client"] === "string" &&
    isIndex(it["timestamp"]) && isIndex(it["view"]) && typeof it["readOnly"] === "boolean" &&
    isBytes(it["result"]) && isBytes(it["mac"]);
}
