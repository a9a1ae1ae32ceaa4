/**
 * What a participant knows of a transaction besides the state of its machine.
 *
 * @module
 */
import type {
  Inquiry,
  Prepare,
  PreparedRecord,
  TransactionId,
} from "../protocols/two_phase_commit/messages.ts";
import { hasId, isIndex, isRecord, isStrings } from "./guards.ts";
import type { Refusal, Writes } from "./ledger.ts";

/** Configuration of a participant. Times in ms. */
export interface ParticipantConfig {
  /** Shards it keeps. */
  readonly shards: readonly number[];
  /** Addresses that may coordinate; a prepare from anyone else is refused. */
  readonly coordinators: readonly string[];
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

/** The host's record of one transaction. */
export interface ParticipantFacts {
  readonly id: TransactionId;
  /** Whom to tell; empty where it is known from an outcome or a peer's question only. */
  coordinator: string;
  readonly peers: string[];
  you: number;
  readonly epoch: number;
  readonly work: Work;
  /** Rows it locks. */
  keys: readonly string[];
  /** What it voted yes with. */
  record: PreparedRecord | undefined;
  /** What a commit will write. */
  writes: Writes | undefined;
  /** Why it voted no. */
  refusal: Refusal | undefined;
  /** When it began here, or was recovered; milliseconds since 1970. */
  since: number;
  /** It was in doubt when the role started. */
  readonly recovered?: boolean;
}

/** Of a transaction about which nothing but its id is known, or needs to be any more. */
export function bareFacts(id: TransactionId): ParticipantFacts {
  return {
    id,
    coordinator: "",
    peers: [],
    you: 0,
    epoch: 0,
    work: [],
    keys: [],
    record: undefined,
    writes: undefined,
    refusal: undefined,
    since: 0,
  };
}

/** Of a transaction that begins. */
export function preparedFacts(body: Prepare, coordinator: string): ParticipantFacts {
  const { id, peers, you, epoch, operations } = body;
  return {
    ...bareFacts(id),
    coordinator,
    peers: [...peers],
    you,
    epoch,
    work: operations as Work,
  };
}

/** Of a transaction that is in doubt after a restart. */
export function recoveredFacts(record: PreparedRecord): ParticipantFacts {
  const { id, coordinator, peers, you, epoch } = record;
  const { keys, writes } = record.effect as { keys: readonly string[]; writes: Writes };
  return {
    ...bareFacts(id),
    coordinator,
    peers: [...peers],
    you,
    epoch,
    record,
    keys,
    writes,
    recovered: true,
  };
}

/** Whether a body is a `prepare`. */
export function isPrepare(body: unknown): body is Prepare {
  return hasId(body) && isIndex(body["lowest"]) && isStrings(body["peers"]) &&
    isIndex(body["you"], body["peers"].length) && isIndex(body["epoch"]) &&
    Array.isArray(body["operations"]) &&
    body["operations"].every((work) =>
      isRecord(work) && isIndex(work["shard"]) && Array.isArray(work["operations"])
    );
}

/** Whether a body is an `inquiry` of a peer. */
export function isInquiry(body: unknown): body is Inquiry {
  return hasId(body) && isIndex(body["index"], 64) && isIndex(body["epoch"]) &&
    (body["you"] === undefined || isIndex(body["you"], 64));
}
