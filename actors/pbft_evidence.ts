/**
 * Evidence: two statements, signed by one replica, that no correct one signs both; or one that shows
 * itself to be false. Anybody who knows the public keys can look.
 *
 * @module
 */
import { isCorrectNewView } from "../protocols/pbft/new_view.ts";
import type { Assigned, ReplicaMessage } from "../protocols/pbft/messages.ts";
import type { Offence } from "../protocols/pbft/replica_types.ts";
import { primaryOf } from "../protocols/pbft/rules.ts";
import { decodeBody, encode } from "../runtime/codec.ts";
import type { Store } from "../runtime/ports.ts";
import { type Authority, newViewOf } from "./pbft_authority.ts";
import { type NewViewWire, type Proof, statement, type Votes } from "./pbft_wire.ts";

/** A statement as it was signed. */
export type SignedStatement = { readonly message: ReplicaMessage; readonly signature: Proof };

/** What two statements prove. */
export type Contradiction = Exclude<Offence, "forgedNewView" | "wrongCheckpoint">;

/** Why a replica is not correct. */
export type Evidence =
  | {
    readonly offence: Contradiction;
    readonly replica: number;
    readonly statements: readonly [SignedStatement, SignedStatement];
  }
  | {
    readonly offence: "wrongCheckpoint";
    readonly replica: number;
    readonly statement: SignedStatement;
    /** What a quorum has signed of the same state. */
    readonly stable: Assigned;
    readonly proof: Votes;
  }
  | {
    readonly offence: "forgedNewView";
    readonly replica: number;
    readonly newView: NewViewWire;
  };

/** What two statements of a kind show, if they convict. */
const OFFENCES: { readonly [K in ReplicaMessage["type"]]?: Offence } = {
  prePrepare: "equivocation",
  prepare: "doublePrepare",
  checkpoint: "doubleCheckpoint",
  viewChange: "doubleViewChange",
};

/** What two statements of one replica must agree on: it says each of these once. */
function subjectOf(message: ReplicaMessage): string | undefined {
  switch (message.type) {
    case "prePrepare":
    case "prepare":
      return `${message.type} ${message.view} ${message.sequence}`;
    case "checkpoint":
      return `${message.type} ${message.sequence}`;
    case "viewChange":
      return `${message.type} ${message.view}`;
    default:
      return undefined;
  }
}

/**
 * Whether evidence convicts the replica it names.
 *
 * @param window distance of the watermarks in the group
 */
export function isConvicting(evidence: Evidence, authority: Authority, window: number): boolean {
  const { replica } = evidence;
  if (evidence.offence === "forgedNewView") {
    const { newView } = evidence;
    return primaryOf(newView.view, authority.group) === replica &&
      authority.isProvedNewView(newView, window) &&
      !isCorrectNewView(newViewOf(newView), authority.group, window);
  }
  if (evidence.offence === "wrongCheckpoint") {
    const { statement: { message, signature }, stable, proof } = evidence;
    return message.type === "checkpoint" && message.sequence === stable.sequence &&
      message.digest !== stable.digest && authority.isStable(stable, proof) &&
      authority.isSigned(replica, message, signature);
  }
  const [first, second] = evidence.statements;
  const subject = subjectOf(first.message);
  return subject !== undefined && subject === subjectOf(second.message) &&
    OFFENCES[first.message.type] === evidence.offence &&
    !isSame(first.message, second.message, authority.name) &&
    evidence.statements.every(({ message, signature }) =>
      authority.isSigned(replica, message, signature)
    );
}

function isSame(a: ReplicaMessage, b: ReplicaMessage, group: string): boolean {
  const [one, other] = [statement(group, 0, a), statement(group, 0, b)];
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

const EVIDENCE_ROWS = "evidence/";

/** Evidence that was gathered: the first of each kind against each replica. A crash loses none. */
export class Dossier {
  readonly #found = new Map<string, Evidence>();

  /** Takes up what was kept. */
  recover(store: Store): void {
    for (const [, kept] of store.scan(EVIDENCE_ROWS)) {
      const evidence = decodeBody(Uint8Array.fromBase64(kept as string)) as Evidence;
      this.#found.set(keyOf(evidence), evidence);
    }
  }

  /** Lets go of what an earlier group has kept in a store: its signatures prove nothing in this one. */
  static clear(store: Store): void {
    for (const [key] of [...store.scan(EVIDENCE_ROWS)]) store.put(key, null);
  }

  /** Whether there is evidence of this kind. */
  has(evidence: Evidence): boolean {
    return this.#found.has(keyOf(evidence));
  }

  /** Adds evidence; whether it is the first of its kind. */
  add(evidence: Evidence, store: Store): boolean {
    if (this.has(evidence)) return false;
    this.#found.set(keyOf(evidence), evidence);
    store.put(EVIDENCE_ROWS + keyOf(evidence), encode(evidence).toBase64());
    return true;
  }

  /** All of it. */
  get evidence(): readonly Evidence[] {
    return [...this.#found.values()];
  }
}

function keyOf({ replica, offence }: Evidence): string {
  return `${replica} ${offence}`;
}
