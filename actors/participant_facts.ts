/**
 * What a participant knows of a transaction besides the state of its machine.
 *
 * @module
 */
import type {
  Inquiry,
  Outcome,
  Prepare,
  PreparedRecord,
  TransactionId,
  TransactionStanding,
} from "../protocols/two_phase_commit/messages.ts";
import { hasId, isIndex, isRecord, isStrings } from "./guards.ts";
import type { Refusal, Writes } from "./ledger.ts";

/** Configuration of a participant. Times in ms. */
export interface ParticipantConfig {
  /** Shards it keeps. */
  readonly shards: readonly number[];
  /** Addresses that may coordinate; a prepare from anyone else is refused. */
  readonly coordinators: readonly string[];
  /** Whether its node hears of a configuration that changes. Default false. */
  readonly roster?: boolean;
  /** Addresses of all participants, which may ask for outcomes and pass them on; not given: all. */
  readonly participants?: readonly string[];
  /** Addresses that may hold leases. */
  readonly edges: readonly string[];
  /** Until a lock conflict is a retryable no. */
  readonly lockTimeoutMs: number;
  /** How long a decision is waited for before it is asked for, until round trips are measured. */
  readonly inquireMs: number;
  /** How long an edge may trust an entry. */
  readonly leaseMs: number;
  /** How far clocks may drift apart, in parts per million. */
  readonly driftPpm: number;
  /** Whether messages and processes keep their times, so that silence means failure; default false. */
  readonly synchronous?: boolean;
  /** How long whoever leads a three-phase commit may be silent; 10 s if not given. */
  readonly silenceMs?: number;
  /** Who is told of transactions that wait for one another; not given: nobody. */
  readonly detector?: string;
  /** Roster epoch since which this store has kept these shards. */
  readonly storeSince: number;
  /** The journal is cut when it is longer; {@link CHECKPOINT_BYTES} if not given. */
  readonly checkpointBytes?: number;
  /** Handed to the ledger's `seed` when the store is new. */
  readonly seed?: unknown;
  /** Who speaks for the operator; nobody if not given. */
  readonly overseer?: string;
}

/** Operations by shard. */
export type Work = readonly {
  readonly shard: number;
  readonly operations: readonly unknown[];
}[];

/** Rows that are locked. */
export interface LockedRows {
  /** Sorted, each once. */
  readonly keys: readonly string[];
  /** Those of them that others may hold as well. */
  readonly shared: readonly string[];
}

/** The host's record of one transaction. */
export interface ParticipantFacts {
  readonly id: TransactionId;
  /** Whom to tell; empty where it is known from an outcome or a peer's question only. */
  coordinator: string;
  readonly peers: string[];
  you: number;
  readonly epoch: number;
  readonly work: Work;
  /** What speaks for it when one of a deadlock must be chosen. */
  readonly standing: TransactionStanding;
  /** Rows it locks. */
  keys: readonly string[];
  /** Those of them that it only reads. */
  shared: readonly string[];
  /** What it voted yes with. */
  record: PreparedRecord | undefined;
  /** It builds on nothing undecided, nor does anything build on it. */
  readonly alone: boolean;
  /**
   * Transactions of the same log on whose drafts it built, and that have not committed here: it may
   * commit only if they do.
   */
  readonly after: Set<number>;
  /** Those that built on its own. */
  readonly followers: ParticipantFacts[];
  /** Its place in the order in which locks were granted. */
  turn: number;
  /** When it was granted its locks, in ms since 1970; of a wall clock, so that it survives. */
  grantedAt: number | undefined;
  /** What a commit will write. */
  writes: Writes | undefined;
  /** Why it voted no. */
  refusal: Refusal | undefined;
  /** When it began here, or was recovered; milliseconds since 1970. */
  since: number;
  /** It was in doubt when the role started. */
  readonly recovered?: boolean;
}

/** Of a transaction that nobody has spoken for. */
export const UNKNOWN_STANDING: TransactionStanding = { begunAt: 0, priority: 0, chosen: 0 };

/** Of a transaction about which nothing but its id is known, or needs to be any more. */
export function bareFacts(id: TransactionId): ParticipantFacts {
  return {
    id,
    coordinator: "",
    peers: [],
    you: 0,
    epoch: 0,
    work: [],
    standing: UNKNOWN_STANDING,
    keys: [],
    shared: [],
    record: undefined,
    alone: false,
    after: new Set(),
    followers: [],
    turn: 0,
    grantedAt: undefined,
    writes: undefined,
    refusal: undefined,
    since: 0,
  };
}

/**
 * Neither an outcome's record nor a peer's question says whom to tell, and as whom: without an ack a
 * coordinator would ask for ever, and without a no it would wait as long as it can.
 */
export function noteCoordinator(
  facts: { coordinator: string; you: number },
  you: number | undefined,
  coordinator: string,
): void {
  if (facts.coordinator !== "") return;
  facts.coordinator = coordinator;
  facts.you = you ?? facts.you;
}

/** Of a transaction that begins. */
export function preparedFacts(body: Prepare, coordinator: string): ParticipantFacts {
  const { id, peers, you, epoch, operations, standing = UNKNOWN_STANDING, alone = false } = body;
  return {
    ...bareFacts(id),
    coordinator,
    peers: [...peers],
    you,
    epoch,
    work: operations as Work,
    standing,
    alone,
  };
}

/** What a participant writes into the `effect` of its promise. */
export type PreparedEffect = {
  readonly keys: readonly string[];
  readonly shared?: readonly string[];
  readonly writes: Writes;
  /** See `grantedAt`; records of older versions lack it. */
  readonly at?: number;
};

/**
 * Transactions that must be decided here before this one is decided by hand: a row holds what they
 * wrote in order, so none commits before, and none aborts under another.
 */
export function entangled(facts: ParticipantFacts, decision: Outcome): TransactionId[] {
  if (decision === "abort") return facts.followers.map(({ id }) => id);
  return [...facts.after].map((sequence) => ({ log: facts.id.log, sequence }));
}

/** Of a transaction that is in doubt after a restart. */
export function recoveredFacts(record: PreparedRecord): ParticipantFacts {
  const { id, coordinator, peers, you, epoch } = record;
  const { keys, shared = [], writes, at: grantedAt } = record.effect as PreparedEffect;
  const locked = { keys, shared, writes };
  const own = { coordinator, peers: [...peers], you, epoch, after: new Set(record.after) };
  return { ...bareFacts(id), ...own, record, grantedAt, ...locked, recovered: true };
}

/** Whether a body is a `prepare`. */
export function isPrepare(body: unknown): body is Prepare {
  return hasId(body) && isIndex(body["lowest"]) && isStrings(body["peers"]) &&
    isIndex(body["you"], body["peers"].length) && isIndex(body["epoch"]) &&
    Array.isArray(body["operations"]) &&
    body["operations"].every((work) =>
      isRecord(work) && isIndex(work["shard"]) && Array.isArray(work["operations"])
    ) && (body["standing"] === undefined || isStanding(body["standing"])) &&
    (body["alone"] === undefined || typeof body["alone"] === "boolean");
}

function isStanding(value: unknown): boolean {
  return isRecord(value) && isIndex(value["begunAt"]) && isIndex(value["priority"]) &&
    isIndex(value["chosen"]);
}

/** Whether a body is an `inquiry` of a peer. */
export function isInquiry(body: unknown): body is Inquiry {
  return hasId(body) && isIndex(body["index"], 64) && isIndex(body["epoch"]) &&
    (body["you"] === undefined || isIndex(body["you"], 64));
}
