/**
 * What operators see of transactions that are not over, and what they may do about them.
 *
 * @module
 */
import type { HeuristicOutcome, Outcome } from "../protocols/two_phase_commit/messages.ts";
import type { TransactionId } from "../protocols/two_phase_commit/messages.ts";
import type { Services } from "../runtime/role.ts";
import { isRecord } from "./guards.ts";

/** A transaction as one role sees it. */
export interface OpenTransaction {
  /** Its id as text. */
  readonly id: string;
  /** Address of the role that says so. */
  readonly at: string;
  /** State of that role's chart. */
  readonly state: string;
  /** Since when, in milliseconds since 1970; after a restart, since that. */
  readonly since: number;
  /** Address of its coordinator. */
  readonly coordinator: string;
  /** Addresses of its participants. */
  readonly participants: readonly string[];
  /** Rows that are locked for it there. */
  readonly locks: readonly string[];
}

/** What an operator decided, and what came of it. Kept for good: the audit. */
export interface HeuristicDecision {
  /** The transaction's id as text. */
  readonly id: string;
  /** Address of the participant. */
  readonly at: string;
  /** What was decided there. */
  readonly decision: HeuristicOutcome;
  /** Who decided. */
  readonly operator: string;
  /** Why. */
  readonly reason: string;
  /** When, in milliseconds since 1970. */
  readonly decidedAt: number;
  /** `open` until the real decision is known; `mixed`: that was the other one. */
  readonly verdict: "open" | "agreed" | "mixed" | "hazard";
  /** When it was known; 0 while it is not. */
  readonly settledAt: number;
}

/** What a role answers to `transactions`. */
export interface TransactionsReply {
  /** What is not over, at that role. */
  readonly open: readonly OpenTransaction[];
  /** All heuristic decisions taken there. */
  readonly heuristics: readonly HeuristicDecision[];
}

/**
 * What a role knows about the outcome of a transaction. `open`: it is being decided; `recovering`: by
 * three-phase commit, and it failed undecided: when all have, and are back, they decide.
 */
export type Knowledge = Outcome | "open" | "uncertain" | "recovering";

/** A decision on its way to a participant. */
export interface ResolveRequest {
  /** Which transaction. */
  readonly id: TransactionId;
  /** What is to become of it there. */
  readonly decision: Outcome;
  /** Who decides, by name. */
  readonly operator: string;
  /** Why, for the audit. */
  readonly reason: string;
}

/** What came of it. */
export type ResolveReply =
  | { readonly ok: true }
  | {
    readonly ok: false;
    /**
     * `known`: somebody knows the decision, or is about to take it; `dependent`: others that are not
     * decided either must be resolved first.
     */
    readonly code: "known" | "notInDoubt" | "dependent" | "unreachable";
    /** A sentence for people. */
    readonly message: string;
  };

/** The most open transactions that one role tells of. */
const MOST_TOLD = 500;

/** What a role tells of its transactions. @param tell undefined: this one is over */
export function listOpen<
  I extends { readonly key: string; readonly facts: { readonly peers: readonly string[] } },
>(
  services: Pick<Services, "address">,
  instances: Iterable<I>,
  tell: (instance: I) => Omit<OpenTransaction, "id" | "at" | "participants"> | undefined,
): OpenTransaction[] {
  const open: OpenTransaction[] = [];
  for (const instance of instances) {
    if (open.length >= MOST_TOLD) break;
    const { key: id, facts: { peers } } = instance;
    const told = tell(instance);
    if (told !== undefined) {
      open.push({ id, at: services.address, participants: [...peers], ...told });
    }
  }
  return open;
}

/** Whether a body is a {@link ResolveRequest}. */
export function isResolveRequest(body: unknown): body is ResolveRequest {
  return isRecord(body) && isRecord(body["id"]) &&
    (body["decision"] === "commit" || body["decision"] === "abort") &&
    typeof body["operator"] === "string" && typeof body["reason"] === "string";
}

/** Whether what a role answered is a {@link TransactionsReply}. */
export function isTransactionsReply(value: unknown): value is TransactionsReply {
  return isRecord(value) && Array.isArray(value["open"]) && Array.isArray(value["heuristics"]);
}
