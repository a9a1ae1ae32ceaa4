/**
 * Evidence: two statements, signed by one replica, that no correct one signs both; or one that shows
 * itself to be false. Anybody who knows the public keys can look.
 *
 * @module
 */
import { isCorrectNewView } from "../protocols/pbft/new_view.ts";
import type { ReplicaMessage } from "../protocols/pbft/messages.ts";
import type { Offence } from "../protocols/pbft/replica_types.ts";
import { primaryOf } from "../protocols/pbft/rules.ts";
import { type Authority, newViewOf } from "./pbft_authority.ts";
import { type NewViewWire, type Proof, statement } from "./pbft_wire.ts";

/** A statement as it was signed. */
export type SignedStatement = { readonly message: ReplicaMessage; readonly signature: Proof };

/** Why a replica is not correct. */
export type Evidence =
  | {
    readonly offence: Exclude<Offence, "forgedNewView">;
    readonly replica: number;
    readonly statements: readonly [SignedStatement, SignedStatement];
  }
  | {
    readonly offence: "forgedNewView";
    readonly replica: number;
    readonly newView: NewViewWire;
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
      authority.isProvedNewView(newView) &&
      !isCorrectNewView(newViewOf(newView), authority.group, window);
  }
  const [first, second] = evidence.statements;
  const subject = subjectOf(first.message);
  return subject !== undefined && subject === subjectOf(second.message) &&
    !isSame(first.message, second.message, authority.name) &&
    evidence.statements.every(({ message, signature }) =>
      authority.isSigned(replica, message, signature)
    );
}

function isSame(a: ReplicaMessage, b: ReplicaMessage, group: string): boolean {
  const [one, other] = [statement(group, 0, a), statement(group, 0, b)];
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** Evidence that was gathered: the first of each kind against each replica. */
export class Dossier {
  readonly #found = new Map<string, Evidence>();

  /** Adds evidence; whether it is the first of its kind. */
  add(evidence: Evidence): boolean {
    const key = `${evidence.replica} ${evidence.offence}`;
    if (this.#found.has(key)) return false;
    this.#found.set(key, evidence);
    return true;
  }

  /** All of it. */
  get evidence(): readonly Evidence[] {
    return [...this.#found.values()];
  }
}
