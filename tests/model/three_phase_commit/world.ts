/**
 * The words of a state of three-phase commit, and the numbers of its messages.
 *
 * Processes are numbered: participants from 0, the coordinator after them. A process that is down
 * receives nothing; messages of one that has failed may be lost, so that what it said last may reach
 * some and not others.
 *
 * @module
 */
import type { Words } from "../../../runtime/checker/model.ts";
import { Network } from "../../../runtime/checker/network.ts";
import { Recorder } from "../../../runtime/checker/record.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";

/** What is explored. */
export interface ThreePhaseOptions {
  readonly participants: number;
  /** Crashes at most, of all processes together. */
  readonly crashes: number;
  /** Whether silence means failure. If not, messages may be lost and timeouts may be wrong. */
  readonly synchronous: boolean;
  /** Whether agreement is asked for. Without synchrony it is not kept, and what each owes still is. */
  readonly agreement: boolean;
  /** Whether it begins when all have voted yes. */
  readonly voted: boolean;
  /** Whether it begins when, moreover, one is pre-committed and the coordinator has failed. */
  readonly orphaned: boolean;
  readonly machines: {
    readonly coordinator: AnyStateMachine;
    readonly participant: AnyStateMachine;
  };
}

/** Word of what is used up, and of what is remembered for the rules only. */
export const FACTS = 0;
const PROCESSES = 1;
const PER_PROCESS = 3;

/** Bits of {@link FACTS}. */
export const Fact = {
  /** Somebody refused, lost patience, failed, or the client changed its mind. */
  UNWILLING: 1,
  REPLIED: 2,
  /** 3 bits for {@link Phase}. */
  PHASE_SHIFT: 2,
  PHASE_BITS: 7 << 2,
  /** 4 bits. */
  CRASHES_SHIFT: 5,
} as const;

/** What may still happen. */
export const Phase = {
  FAULTS: 0,
  /** Nobody fails any more, nobody comes back, nobody is impatient. */
  QUIET: 1,
  /** Who failed comes back, for good. */
  HEALED: 2,
  /** No message arrives and no lock is granted: all that is left is one's own patience. */
  ALONE: 3,
} as const;

/** Bits of a process's disk: durable records, then what is not on it. */
export const Disk = {
  PREPARED: 1,
  PRE_COMMITTED: 2,
  COMMITTED: 4,
  ABORTED: 8,
  /** The coordinator's, in the places of the above. */
  BEGAN: 1,
  COMMIT: 4,
  ABORT: 8,
  ENDED: 16,
  /** The watermark has passed the transaction. Its durability is a matter of two-phase commit. */
  BELOW: 16,
  RECORDS: 31,
  DOWN: 32,
  /** It has crashed, now or earlier: it counts as failed until it has heard the outcome. */
  FAILED: 64,
  LOCK_SHIFT: 7,
  /** What a participant is remembered for, for the rules only: whom it follows, plus one (3 bits). */
  FOLLOWS_SHIFT: 9,
  FOLLOWS_BITS: 7 << 9,
  /** The record on its way is a refusal. */
  REFUSES: 1 << 12,
  /** And trying again is no use. */
  FOR_GOOD: 1 << 13,
  /** In their places, of one that leads: which others have reported, or need not any more. */
  HEARD_SHIFT: 12,
  HEARD_BITS: 3 << 12,
  /** One has reported to be pre-committed. */
  KNOWS: 1 << 15,
  /** In the place of the next: it tells the others that all voted yes. */
  SPREADS: 1 << 14,
  /** It had voted, and is back. */
  RETURNED: 1 << 14,
  /** Likewise a coordinator, in their places: it has said that all voted yes. */
  TOLD: 1 << 9,
  /** Why it aborts: a participant has refused, for good, or the client asked for it. */
  REFUSED: 1 << 10,
  REFUSED_FOR_GOOD: 1 << 11,
  REQUESTED: 1 << 12,
  /** Who has acknowledged that all voted yes (3 bits). */
  HEARD_FROM_SHIFT: 13,
  /** All of these. */
  REMEMBERED: 127 << 9,
} as const;

/** Kinds of records by the number of their bit; their place plus one is the digit on the way. */
export const PARTICIPANT_KINDS = ["prepared", "preCommitted", "committed", "aborted"] as const;
export const COORDINATOR_KINDS = ["began", "", "commit", "abort", "ended"] as const;

/** What a participant's lock request is in. */
export const Lock = { NONE: 0, ASKED: 1, WITHDRAWN: 2, HELD: 3 } as const;

/** A message with its number. */
export interface Message {
  readonly type: string;
  readonly from: number;
  readonly to: number;
}

const FROM_COORDINATOR = ["prepare", "preCommit", "commit", "abort", "inquiry"];
const TO_COORDINATOR = [
  "voteYes",
  "voteNo",
  "voteNo final",
  "preCommitAck",
  "ack commit",
  "ack abort",
  "inquiry",
];
const AMONG_PEERS = [
  "stateRequest",
  "stateReport uncertain",
  "stateReport preCommitted",
  "preCommit",
  "commit",
  "abort",
  "inquiry uncertain",
  "inquiry preCommitted",
];

/** Where everything lies in a state. */
export class World {
  readonly width: number;
  readonly network: Network;
  readonly messages: readonly Message[];
  readonly coordinator: number;
  readonly recorder = new Recorder();
  readonly #numbers = new Map<string, number>();
  /** Messages from one to the other. */
  readonly #between = new Map<number, number[]>();

  constructor(readonly options: ThreePhaseOptions) {
    const { participants, synchronous, agreement } = options;
    this.coordinator = participants;
    this.messages = listMessages(participants);
    this.messages.forEach(({ type, from, to }, number) => {
      this.#numbers.set(`${type}|${from}|${to}`, number);
      const pair = from << 4 | to;
      this.#between.set(pair, [...this.#between.get(pair) ?? [], number]);
    });
    const channels = this.messages.map(({ from, to }) => from * (participants + 1) + to);
    const offset = PROCESSES + PER_PROCESS * (participants + 1);
    // To what each owes a message that never arrives is as good as lost.
    const losses = synchronous || !agreement ? 0 : 1;
    this.network = new Network({ kind: "bag", channels, losses, duplicates: 0, copies: 1, offset });
    this.width = offset + this.network.width;
  }

  get participants(): readonly number[] {
    return Array.from({ length: this.coordinator }, (_, index) => index);
  }

  name(process: number): string {
    return process === this.coordinator ? "coordinator" : `participant ${process}`;
  }

  /** Word of a process's life, plus one; 0 is none. */
  life(process: number): number {
    return PROCESSES + PER_PROCESS * process;
  }

  /** Word of a process's {@link Disk}. */
  disk(process: number): number {
    return PROCESSES + PER_PROCESS * process + 1;
  }

  /** Word of a process's records on their way to the disk, three bits each, the oldest on top. */
  pending(process: number): number {
    return PROCESSES + PER_PROCESS * process + 2;
  }

  has(state: Words, process: number, bits: number): boolean {
    return (state[this.disk(process)]! & bits) !== 0;
  }

  /** Under synchrony a message is gone before one that is down can be back. */
  send(state: Words, type: string, from: number, to: number): void {
    if (this.options.synchronous && this.has(state, to, Disk.DOWN)) return;
    this.network.send(state, this.#numbers.get(`${type}|${from}|${to}`)!);
  }

  /** Whether anything is on its way from one to the other. */
  isOnTheWay(state: Words, from: number, to: number): boolean {
    return this.#between.get(from << 4 | to)!.some((message) => this.network.has(state, message));
  }

  lock(state: Words, index: number): number {
    return state[this.disk(index)]! >> Disk.LOCK_SHIFT & 3;
  }

  setLock(state: Words, index: number, lock: number): void {
    const place = this.disk(index);
    state[place] = state[place]! & ~(3 << Disk.LOCK_SHIFT) | lock << Disk.LOCK_SHIFT;
  }

  phase(state: Words): number {
    return (state[FACTS]! & Fact.PHASE_BITS) >> Fact.PHASE_SHIFT;
  }

  /** A record sets out for the disk; false if too many are on their way. */
  journal(state: Words, process: number, bit: number): boolean {
    const place = this.pending(process);
    if (state[place]! >= 1 << 12) return false;
    state[place] = state[place]! << 3 | bit + 1;
    return true;
  }

  /** The oldest record on its way is durable; the number of its bit. */
  write(state: Words, process: number): number {
    const place = this.pending(process);
    const pending = state[place]!;
    let shift = 0;
    while (pending >> shift >= 8) shift += 3;
    state[place] = pending & (1 << shift) - 1;
    const bit = (pending >> shift) - 1;
    state[this.disk(process)]! |= 1 << bit;
    return bit;
  }

  /** The records that are durable or on their way. */
  written(state: Words, process: number): number {
    let bits = state[this.disk(process)]! & (Disk.RECORDS & ~Disk.BELOW);
    for (let pending = state[this.pending(process)]!; pending > 0; pending >>= 3) {
      bits |= 1 << (pending & 7) - 1;
    }
    return bits;
  }

  /** How many records are on their way. */
  pendingCount(state: Words, process: number): number {
    let count = 0;
    for (let pending = state[this.pending(process)]!; pending > 0; pending >>= 3) count++;
    return count;
  }

  #dropAllTo(state: Words, to: number): void {
    this.network.each(state, (message) => {
      if (this.messages[message]!.to === to) this.network.take(state, message);
    });
  }

  /** Whether anything it has said or is to hear is on its way. */
  isQuiet(state: Words, process: number): boolean {
    for (let other = 0; other <= this.coordinator; other++) {
      if (other === process) continue;
      if (this.isOnTheWay(state, process, other) || this.isOnTheWay(state, other, process)) {
        return false;
      }
    }
    return true;
  }

  /** It is gone, with all but `kept` of the records on their way. */
  crash(state: Words, process: number, kept: number): void {
    for (let i = 0; i < kept; i++) this.write(state, process);
    state[this.pending(process)] = 0;
    state[this.life(process)] = 0;
    const place = this.disk(process);
    state[place] = state[place]! & Disk.RECORDS | Disk.DOWN | Disk.FAILED;
    if (this.options.synchronous) this.#dropAllTo(state, process);
    state[FACTS]! |= Fact.UNWILLING;
    state[FACTS]! += 1 << Fact.CRASHES_SHIFT;
  }
}

function listMessages(participants: number): readonly Message[] {
  const messages: Message[] = [];
  for (let index = 0; index < participants; index++) {
    for (const type of FROM_COORDINATOR) messages.push({ type, from: participants, to: index });
    for (const type of TO_COORDINATOR) messages.push({ type, from: index, to: participants });
    for (let to = 0; to < participants; to++) {
      if (to !== index) {
        for (const type of AMONG_PEERS) messages.push({ type, from: index, to });
      }
    }
  }
  return messages;
}
