/**
 * Three-phase commit as a second protocol of a coordinator: the same numbers, journal and clients.
 *
 * The chart in `protocols/three_phase_commit/coordinator.ts` decides; this file performs what it
 * names. Its messages travel as `3pc.` and their name.
 *
 * @module
 */
import {
  coordinator,
  type CoordinatorEffects,
  type CoordinatorEvent,
} from "../protocols/three_phase_commit/coordinator.ts";
import {
  type Ack,
  type CoordinatorRecord,
  formatTransactionId,
  type Inquiry,
  type PreCommitAck,
  type VoteNo,
  type VoteYes,
} from "../protocols/three_phase_commit/messages.ts";
import {
  isThreePhaseRecord,
  type OpenTransaction,
  recoverCoordinator,
} from "../protocols/three_phase_commit/rules.ts";
import type { Envelope } from "../runtime/codec.ts";
import { type Instance, Instances, type Perform } from "../runtime/instances.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import {
  type CoordinatorConfig,
  type CoordinatorFacts,
  type Indexed,
  isIndexed,
  isVoteNo,
  recoveredFacts,
  standingOf,
} from "./coordinator_facts.ts";
import { isRecord } from "./guards.ts";
import type { Refusal } from "./ledger.ts";
import { abortRetryable, DEADLOCK } from "./retries.ts";
import type { Sequences } from "./sequences.ts";

/** What this protocol works on: all of it the coordinator's. */
export interface ThreePhaseParts {
  readonly services: Services;
  readonly config: CoordinatorConfig;
  readonly sequences: Sequences;
  /** Answers the client, or begins again. */
  readonly reply: (facts: CoordinatorFacts, params: CoordinatorEffects["reply"]) => void;
  /** A record was added to the journal. */
  readonly written: () => void;
}

type Facts = CoordinatorFacts & {
  /** Journaled, and needed until the transaction has ended. */
  readonly records: CoordinatorRecord[];
};

/** The transactions of one coordinator that are run by three-phase commit. */
export class ThreePhaseCoordinator {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #instances: Instances<Facts, CoordinatorEvent>;

  constructor(private readonly parts: ThreePhaseParts) {
    const { services } = parts;
    this.#instances = new Instances<Facts, CoordinatorEvent>({
      engine: services.engine(coordinator),
      effects: this.#performers(),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
    });
    const isVote = (b: unknown) => isIndexed(b) && typeof b["store"] === "string";
    const isAck = (b: unknown) =>
      isIndexed(b) && (b["outcome"] === "commit" || b["outcome"] === "abort");
    this.messages = {
      "3pc.voteYes": { accepts: isVote, handle: (b: VoteYes, e) => this.#voteYes(b, e) },
      "3pc.voteNo": { accepts: isVoteNo, handle: (b: VoteNo, e) => this.#voteNo(b, e) },
      "3pc.preCommitAck": {
        accepts: isIndexed,
        handle: (b: PreCommitAck, e) => {
          this.#step(b, e, () => ({ type: "preCommitAck", from: b.index }));
        },
      },
      "3pc.ack": {
        accepts: isAck,
        handle: (b: Ack, e) => {
          this.#step(b, e, () => ({ type: "ack", from: b.index, outcome: b.outcome }));
        },
      },
      "3pc.inquiry": {
        accepts: isIndexed,
        handle: (b: Inquiry & Indexed, e) => {
          this.#step(b, e, () => ({ type: "inquiry", from: b.index }));
        },
      },
    };
  }

  /** Begins a transaction. */
  begin(facts: CoordinatorFacts): void {
    this.#instances.step(this.#create({ ...facts, records: [] }), { type: "begin" });
  }

  /** One that is part of a deadlock is aborted and begun again, if all have not voted yet. */
  victim(key: string): void {
    const instance = this.#instances.get(key);
    if (instance === undefined) return;
    abortRetryable(instance, DEADLOCK, (it, event) => this.#instances.step(it, event));
  }

  /** What a restarted coordinator has to go on with. */
  open(records: readonly unknown[]): readonly OpenTransaction[] {
    return recoverCoordinator(records.filter(isThreePhaseRecord) as CoordinatorRecord[]);
  }

  /** Goes on with it. */
  recover(open: readonly OpenTransaction[]): void {
    const now = this.parts.services.clock.now();
    for (const { began, as, stores } of open) {
      const { id, protocol, participants, epoch } = began;
      const records: CoordinatorRecord[] = [began];
      if (as === "commit") records.push({ protocol, kind: as, id, stores });
      if (as === "abort") records.push({ protocol, kind: as, id });
      const facts = {
        ...recoveredFacts(
          { kind: "commit", id, participants, stores, holders: [], entries: [] },
          now,
        ),
        epoch,
        record: undefined,
        records,
      };
      this.#instances.step(this.#create(facts), { type: "recovered", as });
    }
  }

  get(key: string): Instance<Facts> | undefined {
    return this.#instances.get(key);
  }

  describe(instance: Instance<CoordinatorFacts>): string {
    return this.#instances.describe(instance as Instance<Facts>);
  }

  [Symbol.iterator](): Iterator<Instance<Facts>> {
    return this.#instances[Symbol.iterator]();
  }

  get size(): number {
    return this.#instances.size;
  }

  census(): Readonly<Record<string, number>> {
    return this.#instances.census();
  }

  clear(): void {
    this.#instances.clear();
  }

  /** The records that a checkpoint has to keep of a log. */
  *records(log: string): Iterable<CoordinatorRecord> {
    const { sequences } = this.parts;
    for (const { facts } of this.#instances) {
      if (sequences.home(facts.id.log) === log) yield* facts.records;
    }
  }

  /** Aborts what is not decided, where it can be. */
  abort(): void {
    for (const instance of [...this.#instances]) {
      this.#instances.step(instance, { type: "abort", retryable: true });
    }
  }

  /** Forgets the transactions of a log without a word. */
  drop(log: string): void {
    for (const instance of [...this.#instances]) {
      const { id } = instance.facts;
      if (this.parts.sequences.home(id.log) === log) this.#instances.drop(instance);
    }
  }

  #create(facts: Facts): Instance<Facts> {
    const { voteTimeoutMs, resendMs } = this.parts.config;
    this.parts.sequences.begin(facts.id);
    return this.#instances.create(formatTransactionId(facts.id), {
      participants: facts.peers.length,
      voteTimeoutMs,
      ackTimeoutMs: 4 * resendMs,
      resendMs,
      maxBackoff: 4,
    }, facts);
  }

  /** Steps the instance a message is for, if the sender is who it says it is. */
  #step(
    body: Indexed,
    envelope: Envelope,
    event: (facts: Facts) => CoordinatorEvent,
  ): void {
    const instance = this.#instances.get(formatTransactionId(body.id));
    if (instance === undefined) return; // Ended: everybody has decided, and has said so.
    if (instance.facts.peers[body.index] !== envelope.from) {
      return this.parts.services.deadLetter("forbidden", envelope);
    }
    this.#instances.step(instance, event(instance.facts));
  }

  #voteYes(body: VoteYes, envelope: Envelope): void {
    this.#step(body, envelope, (facts) => {
      facts.stores[body.index] = body.store;
      if (body.index === facts.answerIndex) facts.answer = body.answer;
      return { type: "voteYes", from: body.index };
    });
  }

  #voteNo(body: VoteNo, envelope: Envelope): void {
    const { index: from, retryable, reason } = body;
    this.#step(body, envelope, (facts) => {
      if (isRecord(reason)) facts.refusal ??= reason as unknown as Refusal;
      return { type: "voteNo", from, retryable };
    });
  }

  // Effects ----------------------------------------------------------------------------------

  #performers(): Record<string, Perform<Facts>> {
    const { services, sequences, reply } = this.parts;
    return {
      journal: (instance, { record, forced }: CoordinatorEffects["journal"]) =>
        this.#journal(instance, record, forced),
      send: ({ facts }, { message, to }: CoordinatorEffects["send"]) => {
        for (const index of to) this.#send(facts, message, index);
      },
      reply: ({ facts }, params: CoordinatorEffects["reply"]) => reply(facts, params),
      forget: ({ facts }) => sequences.end(facts.id),
      reject: ({ key }) => services.log("warning", `${key}: unexpected message`),
    };
  }

  #journal(
    instance: Instance<Facts>,
    kind: CoordinatorEffects["journal"]["record"],
    forced: boolean,
  ): void {
    const { id, peers, epoch, stores, records } = instance.facts;
    const protocol = "3pc";
    const record: CoordinatorRecord = kind === "began"
      ? { protocol, kind, id, participants: peers, epoch }
      : kind === "commit"
      ? { protocol, kind, id, stores: peers.map((_, index) => stores[index] ?? "") }
      : { protocol, kind, id };
    records.push(record);
    const durable = () => {
      if (kind !== "ended") this.#instances.step(instance, { type: "journaled", record: kind });
    };
    this.parts.services.journal(record, forced, forced ? durable : undefined);
    this.parts.written();
  }

  #send(facts: Facts, message: CoordinatorEffects["send"]["message"], you: number): void {
    const { id, peers, epoch, work, stores } = facts;
    const body = message === "prepare"
      ? {
        id,
        lowest: this.parts.sequences.lowest,
        peers,
        you,
        epoch,
        operations: work[you],
        standing: standingOf(facts),
      }
      : message === "commit"
      ? { id, you, ...(stores[you] ? { store: stores[you] } : {}) }
      : { id, you, epoch };
    const urgent = message !== "prepare";
    this.parts.services.send(peers[you]!, `3pc.${message}`, body, { urgent });
  }
}
