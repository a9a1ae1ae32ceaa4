/**
 * What a participant knows of a transaction of three-phase commit besides the state of its machine.
 *
 * @module
 */
import type {
  HeuristicRecord,
  ParticipantRecord,
  PreparedRecord,
  TransactionId,
  TransactionStanding,
} from "../protocols/three_phase_commit/messages.ts";
import type { Refusal, Writes } from "./ledger.ts";
import {
  type LockedRows,
  type ParticipantConfig,
  type PreparedEffect,
  UNKNOWN_STANDING,
  type Work,
} from "./participant_facts.ts";

/** The host's record of one transaction. */
export interface ThreePhaseFacts {
  readonly id: TransactionId;
  coordinator: string;
  readonly peers: string[];
  you: number;
  readonly epoch: number;
  readonly work: Work;
  /** What speaks for it when one of a deadlock must be chosen. */
  readonly standing: TransactionStanding;
  /** What it locks. */
  rows: LockedRows;
  record: PreparedRecord | undefined;
  /** Its record may be on its way still; what it says was heard, and is true. */
  preCommitted: boolean;
  /** When it got its locks, in ms of the role's clock; undefined: it has none. */
  lockedAt: number | undefined;
  /** When it was granted its locks, in ms since 1970; of a wall clock, so that it survives. */
  grantedAt: number | undefined;
  writes: Writes | undefined;
  refusal: Refusal | undefined;
  /** When it began here, or was recovered; milliseconds since 1970. */
  since: number;
  /** What an operator has decided about it. */
  heuristic: HeuristicRecord | undefined;
}

/** Of a transaction about which nothing but its id is known. */
export function bareFacts(id: TransactionId, you = 0, epoch = 0): ThreePhaseFacts {
  return {
    id,
    coordinator: "",
    peers: [],
    you,
    epoch,
    work: [],
    standing: UNKNOWN_STANDING,
    rows: { keys: [], shared: [] },
    record: undefined,
    preCommitted: false,
    lockedAt: undefined,
    grantedAt: undefined,
    writes: undefined,
    refusal: undefined,
    since: 0,
    heuristic: undefined,
  };
}

/** Of a transaction that was undecided before a restart. */
export function recoveredFacts(record: PreparedRecord): ThreePhaseFacts {
  const { id, coordinator, peers, you, epoch } = record;
  const { keys, shared = [], writes, at: grantedAt } = record.effect as PreparedEffect;
  const own = { coordinator, peers: [...peers], record, rows: { keys, shared } };
  return { ...bareFacts(id, you, epoch), ...own, grantedAt, writes };
}

/** The records that a checkpoint has to keep of a transaction in that state. */
export function* neededRecords(
  { id, record, preCommitted, heuristic }: ThreePhaseFacts,
  state: string,
): Iterable<ParticipantRecord> {
  const kind = /^commit/.test(state)
    ? "committed"
    : /^(abort|refus)/.test(state)
    ? "aborted"
    : undefined;
  if (kind !== undefined) yield { protocol: "3pc", kind, id };
  else if (record !== undefined) {
    yield record;
    if (preCommitted) yield { protocol: "3pc", kind: "preCommitted", id };
    if (heuristic !== undefined) yield heuristic;
  }
}

/** How long whoever leads may be silent unless configured otherwise, in ms. */
const SILENCE_MS = 10_000;

/** How long locks are waited for, and leases once they are held, in ms. */
export function patienceMs({ lockTimeoutMs, leaseMs }: ParticipantConfig): number {
  return lockTimeoutMs + leaseMs;
}

/** The times of a participant's machine. */
export function timesOf(config: ParticipantConfig) {
  const { silenceMs: decisionTimeoutMs = SILENCE_MS, inquireMs: resendMs } = config;
  const answerTimeoutMs = 2 * resendMs;
  const lockTimeoutMs = patienceMs(config);
  return { lockTimeoutMs, decisionTimeoutMs, answerTimeoutMs, resendMs, maxBackoff: 4 };
}
