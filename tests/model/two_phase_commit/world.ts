/**
 * The words of a state of two-phase commit, and the numbers of its messages.
 *
 * @module
 */
import {
  admitPrepare,
  answerUnknown,
  answerUnknownInquiry,
  mayAckUnknownCommit,
  raiseLowest,
} from "../../../protocols/two_phase_commit/rules.ts";
import { Network, type NetworkKind } from "../../../runtime/checker/network.ts";
import type { Words } from "../../../runtime/checker/model.ts";
import { Recorder } from "../../../runtime/checker/record.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";

/** What hosts ask of `protocols/` besides the machines. */
export interface Rules {
  readonly admitPrepare: typeof admitPrepare;
  readonly answerUnknown: typeof answerUnknown;
  readonly answerUnknownInquiry: typeof answerUnknownInquiry;
  readonly mayAckUnknownCommit: typeof mayAckUnknownCommit;
  readonly raiseLowest: typeof raiseLowest;
}

/** Those that ship. */
export const SHIPPED_RULES: Rules = {
  admitPrepare,
  answerUnknown,
  answerUnknownInquiry,
  mayAckUnknownCommit,
  raiseLowest,
};

/** What is explored. */
export interface CommitOptions {
  readonly participants: number;
  /** Edges that hold a leased copy of what the transaction changes. */
  readonly holders: number;
  readonly network: NetworkKind;
  /** Crashes at most: of the coordinator, of participants together, of holders together, of all. */
  readonly crashes: {
    readonly coordinator: number;
    readonly participants: number;
    readonly holders: number;
    readonly total: number;
  };
  /** Losses and duplicates per channel; any number if the network is a set. */
  readonly losses: number;
  readonly duplicates: number;
  /**
   * Whether the vote of participant 0 depends on another transaction of the log, which its own
   * coordinator commits or aborts at any time; default false.
   */
  readonly dependent?: boolean;
  /** Whether nothing is lost or doubled and nobody crashes, so that what was sent is known to come. */
  readonly faithful?: boolean;
  /** The machines explored: those that ship, or mutants. */
  readonly machines: {
    readonly coordinator: AnyStateMachine;
    readonly participant: AnyStateMachine;
    readonly holder: AnyStateMachine;
  };
  /** The rules the hosts ask: those that ship, or broken ones. */
  readonly rules: Rules;
}

/** Word of the coordinator's life, plus one; 0 is none. */
export const COORDINATOR = 0;
/** Word of its log: bit 0 `commit` durable, bit 1 `ended` durable; above bit 4 what is on its way. */
export const LOG = 1;
/** Word of what is remembered for the rules only, and of what is used up. */
export const FACTS = 2;
/** First word of the first participant, and words of each. */
export const PARTICIPANTS = 3;
export const PER_PARTICIPANT = 3;
/** Words of each holder. */
export const PER_HOLDER = 2;

/** Bits of {@link FACTS}. */
export const Fact = {
  COMMIT: 1,
  ABORT: 2,
  REPLIED: 4,
  /** The coordinator has aborted, or forgotten and will say so. */
  GIVEN_UP: 8,
  /** 3 bits for the phase: 0 faults happen, else what is still possible, see {@link Phase}. */
  PHASE_SHIFT: 4,
  /** A vote was counted while what it depends on was not decided. */
  DEPENDS: 1 << 7,
  /** 2 bits each for crashes. */
  COORDINATOR_CRASHES: 8,
  PARTICIPANT_CRASHES: 10,
  HOLDER_CRASHES: 12,
  /** 2 bits for what became of the transaction that a vote depends on: see {@link Ahead}. */
  AHEAD_SHIFT: 14,
  /** What is no fault, and stays when faults are over. */
  KEPT: 15 | 1 << 7 | 3 << 14,
} as const;

/** What became of the transaction that a vote depends on. */
export const Ahead = { UNDECIDED: 0, COMMITTED: 1, ABORTED: 2 } as const;

/** What may still happen once faults are over. */
export const Phase = {
  FAULTS: 0,
  /** Nothing is lost, nobody loses patience. */
  KIND: 1,
  /** No message arrives and no lock is granted: all that is left is one's own patience. */
  ALONE: 2,
  /** As `KIND`, but the coordinator neither hears nor says anything. */
  WITHOUT_COORDINATOR: 3,
  /** As `KIND`, and no participant asks: a peer that has not voted would refuse. */
  UNASKED: 4,
} as const;

/** A participant's disk: bits of durable records, then what is not on it. */
export const Disk = {
  PREPARED: 1,
  COMMITTED: 2,
  ABORTED: 4,
  REFUSED: 8,
  WATERMARK: 16,
  RECORDS: 31,
  /** The rows carry the commit. */
  APPLIED: 32,
  /** In memory: the watermark has passed the transaction. */
  BELOW: 64,
  LOCK_SHIFT: 7,
  /** Of the records on their way, how many are of an earlier life: nobody waits for them. */
  ORPHAN_SHIFT: 9,
  /** In memory: an abort was heard of. */
  HEARD_ABORT: 1 << 12,
} as const;

/** Kinds of a participant's records; their place plus one is the digit of a record on its way. */
export const KINDS = ["prepared", "committed", "aborted", "refused", "watermark"] as const;

/** What a participant's lock request is in. */
export const Lock = { NONE: 0, ASKED: 1, WITHDRAWN: 2, HELD: 3 } as const;

/** Bits of a holder's copy. */
export const Copy = { OLD: 1, NEW: 2, LEASE: 4, SUSPENDED: 8 } as const;

/** A message with its number. */
export interface Message {
  readonly type: string;
  readonly from: string;
  readonly to: string;
  /** Index of the participant or holder that sends or receives it. */
  readonly index: number;
  /** The peer that asks. */
  readonly asker?: number;
}

/** Where everything lies in a state. */
export class World {
  readonly width: number;
  readonly network: Network;
  readonly messages: readonly Message[];
  readonly #numbers = new Map<string, number[]>();
  readonly recorder = new Recorder();

  constructor(readonly options: CommitOptions) {
    const { participants, holders, network: kind, losses, duplicates } = options;
    this.messages = listMessages(participants, holders);
    this.messages.forEach(({ type, index, asker = index }, number) => {
      const known = this.#numbers.get(type) ?? [];
      this.#numbers.set(type, known);
      known[index << 4 | asker] = number;
    });
    const names = [...new Set(this.messages.map(({ from, to }) => `${from}>${to}`))];
    const channels = this.messages.map(({ from, to }) => names.indexOf(`${from}>${to}`));
    const offset = PARTICIPANTS + PER_PARTICIPANT * participants + PER_HOLDER * holders;
    this.network = new Network({ kind, channels, losses, duplicates, copies: 1, offset });
    this.width = offset + this.network.width;
  }

  /** Word of a participant's life, plus one. */
  life(index: number): number {
    return PARTICIPANTS + PER_PARTICIPANT * index;
  }

  /** Word of a participant's {@link Disk}. */
  disk(index: number): number {
    return PARTICIPANTS + PER_PARTICIPANT * index + 1;
  }

  /** Word of a participant's records on their way to the disk, three bits each, the oldest on top. */
  pending(index: number): number {
    return PARTICIPANTS + PER_PARTICIPANT * index + 2;
  }

  /** Word of a holder's life, plus one; its {@link Copy} is the next. */
  holder(index: number): number {
    return PARTICIPANTS + PER_PARTICIPANT * this.options.participants + PER_HOLDER * index;
  }

  /** Number of a message to or from a participant or holder. */
  number(type: string, index: number, asker = index): number {
    return this.#numbers.get(type)![index << 4 | asker]!;
  }

  /** Sends a message. */
  send(state: Words, type: string, index: number, asker?: number): void {
    this.network.send(state, this.number(type, index, asker));
  }

  /** State of a participant's lock request. */
  lock(state: Words, index: number): number {
    return state[this.disk(index)]! >> Disk.LOCK_SHIFT & 3;
  }

  setLock(state: Words, index: number, lock: number): void {
    const place = this.disk(index);
    state[place] = state[place]! & ~(3 << Disk.LOCK_SHIFT) | lock << Disk.LOCK_SHIFT;
  }

  /** What became of the transaction that participant 0's vote depends on. */
  ahead(state: Words): number {
    return this.options.dependent === true ? state[FACTS]! >> Fact.AHEAD_SHIFT : Ahead.COMMITTED;
  }

  phase(state: Words): number {
    return state[FACTS]! >> Fact.PHASE_SHIFT & 7;
  }
}

/** `peer...` messages come from any peer: what they say is the same. */
function listMessages(participants: number, holders: number): Message[] {
  const messages: Message[] = [];
  for (let index = 0; index < participants; index++) {
    const name = `participant ${index}`;
    for (const type of ["prepare", "commit", "abort", "announce"]) {
      messages.push({ type, from: "coordinator", to: name, index });
    }
    for (const type of ["voteYes", "voteNo", "ack", "inquiry"]) {
      messages.push({ type, from: name, to: "coordinator", index });
    }
    for (const type of ["peerCommit", "peerAbort", "peerUncertain"]) {
      messages.push({ type, from: "peer", to: name, index });
    }
    for (let asker = 0; asker < participants; asker++) {
      if (asker === index) continue;
      messages.push({ type: "ask", from: `participant ${asker}`, to: name, index, asker });
    }
  }
  for (let index = 0; index < holders; index++) {
    const name = `holder ${index}`;
    for (const type of ["hold", "releaseCommit", "releaseAbort"]) {
      messages.push({ type, from: "coordinator", to: name, index });
    }
    messages.push({ type: "held", from: name, to: "coordinator", index });
  }
  return messages;
}
