/**
 * What a coordinator knows of a transaction besides the state of its machine, and the messages it
 * understands.
 *
 * @module
 */
import type {
  CommitRecord,
  LeaseHolder,
  TransactionId,
  TransactionStanding,
  VoteYes,
} from "../protocols/two_phase_commit/messages.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Instance } from "../runtime/instances.ts";
import { hasId, isIndex, isRecord, isStrings } from "./guards.ts";
import type { Refusal } from "./ledger.ts";
import type { TransactRequest } from "./transact.ts";

/** Configuration of a coordinator. Times in ms. */
export interface CoordinatorConfig {
  /** Address of the participant that keeps each shard. */
  readonly participantOf: readonly string[];
  /** Roles that may ask for transactions and reads; not given: all. */
  readonly gateways?: readonly string[];
  /** How long votes are waited for. */
  readonly voteTimeoutMs: number;
  /** How long an answer is waited for, until round trips are measured. */
  readonly resendMs: number;
  /** How long an edge may trust an entry. */
  readonly leaseMs: number;
  /** How far clocks may drift apart, in parts per million. */
  readonly driftPpm: number;
  /** More are refused. */
  readonly maxConcurrentTransactions: number;
  /** How often a transaction that met a conflict is begun again, under a new id. */
  readonly maxRetries: number;
  /** Who may have a transaction aborted because it is part of a deadlock; not given: nobody. */
  readonly detector?: string;
  /** The journal is cut when it is longer; {@link CHECKPOINT_BYTES} if not given. */
  readonly checkpointBytes?: number;
  /** Who speaks for the operator; nobody if not given. */
  readonly overseer?: string;
  /** Whether its node hears of a configuration that changes. Default false. */
  readonly roster?: boolean;
}

/** The host's record of one transaction. */
export interface CoordinatorFacts {
  readonly id: TransactionId;
  readonly peers: readonly string[];
  readonly work: readonly unknown[][];
  readonly epoch: number;
  readonly request: TransactRequest | undefined;
  readonly client: Envelope | undefined;
  readonly answerIndex: number;
  readonly retries: number;
  readonly begunAt: number;
  /** How many earlier attempts were victims of deadlocks. */
  readonly chosen: number;
  /** When prepare was sent, as long as it was sent once. */
  askedAt: number | undefined;
  readonly stores: string[];
  readonly holders: LeaseHolder[];
  readonly entries: Set<string>;
  /** Undecided transactions of this log that must commit before it may. */
  readonly dependsOn: Set<number>;
  /** Transactions that wait for this one. */
  readonly dependents: Instance<CoordinatorFacts>[];
  answer: unknown;
  refusal: Refusal | undefined;
  record: CommitRecord | undefined;
}

/** Of a transaction that begins: its work, by participant. */
export function begunFacts(
  id: TransactionId,
  epoch: number,
  request: TransactRequest,
  participantOf: readonly string[],
  origin: Pick<CoordinatorFacts, "client" | "retries" | "begunAt" | "chosen">,
): CoordinatorFacts {
  const peers: string[] = [];
  const work: unknown[][] = [];
  let answerIndex = 0;
  for (const part of request.shards) {
    const address = participantOf[part.shard]!;
    let index = peers.indexOf(address);
    if (index < 0) {
      index = peers.push(address) - 1;
      work.push([]);
    }
    work[index]!.push(part);
    if (part.shard === request.answerShard) answerIndex = index;
  }
  return { ...blank(id), ...origin, peers, work, epoch, request, answerIndex };
}

/** Of a commit that has to be told again after a restart. */
export function recoveredFacts(record: CommitRecord, now: number): CoordinatorFacts {
  return {
    ...blank(record.id),
    peers: record.participants,
    begunAt: now,
    stores: [...record.stores],
    holders: record.holders.map((holder) => ({ ...holder, leftMs: 0 })),
    entries: new Set(record.entries),
    record,
  };
}

/** Takes note of what a vote says; the indices of the holders it names. */
export function noteVote(facts: CoordinatorFacts, body: VoteYes): number[] {
  facts.stores[body.index] = body.store;
  if (body.index === facts.answerIndex) facts.answer = body.answer;
  for (const entry of body.entries) facts.entries.add(entry);
  return body.holders.map((holder) => {
    const known = facts.holders.findIndex(({ address }) => address === holder.address);
    return known >= 0 ? known : facts.holders.push(holder) - 1;
  });
}

/** What speaks for a transaction when one of a deadlock must be chosen. */
export function standingOf({ begunAt, chosen, request }: CoordinatorFacts): TransactionStanding {
  return { begunAt: Math.max(0, Math.round(begunAt)), priority: request?.priority ?? 0, chosen };
}

function blank(id: TransactionId): CoordinatorFacts {
  return {
    id,
    peers: [],
    work: [],
    epoch: 0,
    request: undefined,
    client: undefined,
    answerIndex: 0,
    retries: 0,
    begunAt: 0,
    chosen: 0,
    askedAt: undefined,
    stores: [],
    holders: [],
    entries: new Set(),
    dependsOn: new Set(),
    dependents: [],
    answer: undefined,
    refusal: undefined,
    record: undefined,
  };
}

/** A message of the participant with that index. */
export type Indexed = { readonly id: TransactionId; readonly index: number };

/** Whether a body is of that shape. */
export function isIndexed(body: unknown): body is Indexed & Record<string, unknown> {
  return hasId(body) && isIndex(body["index"], 64);
}

/** Whether a body is of that shape. */
export function isVoteYes(body: unknown): boolean {
  return isIndexed(body) && typeof body["store"] === "string" &&
    isStrings(body["entries"]) && Array.isArray(body["holders"]) &&
    body["holders"].every((h) => isRecord(h) && typeof h["address"] === "string") &&
    (body["after"] === undefined ||
      (Array.isArray(body["after"]) && body["after"].every((sequence) => isIndex(sequence))));
}

/** Whether a body is of that shape. */
export function isVoteNo(body: unknown): boolean {
  return isIndexed(body) && typeof body["retryable"] === "boolean";
}

/** Whether a body is of that shape. */
export function isHeld(body: unknown): boolean {
  return hasId(body) && typeof body["holder"] === "string";
}
