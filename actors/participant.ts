/**
 * The participant of a cloud node: keeps shards, votes on transactions over them, answers reads.
 *
 * The chart in `protocols/two_phase_commit/participant.ts` decides; this file locks, executes,
 * journals and sends what it names. Rows and journal lie in one store, so applying a transaction
 * and logging that it is applied are one write.
 *
 * @module
 */
import { participant, type ParticipantEvent } from "../protocols/two_phase_commit/participant.ts";
import type {
  Commit,
  Inquiry,
  ParticipantRecord,
  Prepare,
  TransactionId,
} from "../protocols/two_phase_commit/messages.ts";
import { formatTransactionId } from "../protocols/two_phase_commit/messages.ts";
import {
  admitPrepare,
  answerUnknownInquiry,
  coordinatorLease,
  mayAckUnknownCommit,
  recoverParticipant,
} from "../protocols/two_phase_commit/rules.ts";
import { type Instance, Instances } from "../runtime/instances.ts";
import type { Envelope } from "../runtime/codec.ts";
import {
  defineRole,
  type MessageHandler,
  type Role,
  type RoleDefinition,
  type Services,
} from "../runtime/role.ts";
import { hasId, isIndex } from "./guards.ts";
import { Leases } from "./leases.ts";
import { Executor } from "./executor.ts";
import type { Ledger } from "./ledger.ts";
import { Locks } from "./locks.ts";
import { checkpointRecords, ParticipantEffects } from "./participant_effects.ts";
import {
  bareFacts,
  isInquiry,
  isPrepare,
  type ParticipantConfig,
  type ParticipantFacts,
  preparedFacts,
  recoveredFacts,
} from "./participant_facts.ts";
import { Reader } from "./reader.ts";
import { RoundTrip } from "./round_trip.ts";
import { Watermarks } from "./watermarks.ts";

const CHECKPOINT_BYTES = 8 * 1024 * 1024;
const SWEEP_MS = 10_000;

export type { ParticipantConfig } from "./participant_facts.ts";

/** Makes the role of a participant for an application's ledger. */
export function participantRole<Op>(ledger: Ledger<Op>): RoleDefinition<ParticipantConfig> {
  return defineRole({
    name: "participant",
    create: (services, config) => new Participant(services, config, ledger),
  });
}

class Participant<Op> implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #locks = new Locks();
  readonly #instances: Instances<ParticipantFacts, ParticipantEvent>;
  readonly #watermarks: Watermarks<Instance<ParticipantFacts>>;
  readonly #executor: Executor<Op>;
  readonly #effects: ParticipantEffects;
  readonly #roundTrip: RoundTrip;
  readonly #reader: Reader;
  #leases: Leases | undefined;
  #draining = false;
  #sweptShard = 0;
  #checkpointAt = -1;

  constructor(
    private readonly services: Services,
    private readonly config: ParticipantConfig,
    ledger: Ledger<Op>,
  ) {
    this.#roundTrip = new RoundTrip(config.inquireMs, 50);
    this.#executor = new Executor(services, ledger, this.#locks, config.shards);
    this.#effects = new ParticipantEffects({
      services,
      locks: this.#locks,
      executor: this.#executor,
      leases: () => this.#leases!,
      step: (instance, event) => this.#instances.step(instance, event),
      written: () => this.#written(),
    });
    this.#instances = new Instances<ParticipantFacts, ParticipantEvent>({
      engine: services.engine(participant),
      effects: this.#effects.performers(),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      done: ({ facts }) => this.#watermarks.delete(facts.id),
    });
    this.#watermarks = new Watermarks((instance) => {
      this.#instances.step(instance, { type: "forget" });
    });
    this.#reader = new Reader({
      services,
      ledger,
      locks: this.#locks,
      shards: config.shards,
      coordinators: config.coordinators,
      leases: () => this.#leases!,
    });
    this.messages = {
      prepare: { accepts: isPrepare, handle: (body: Prepare, e) => this.#prepare(body, e) },
      commit: {
        accepts: (b) => hasId(b) && isIndex(b["you"]),
        handle: (body: Commit, e) => this.#commit(body, e),
      },
      abort: { accepts: hasId, handle: (body, e) => this.#decided(body, "abort", e) },
      uncertain: { accepts: hasId, handle: (body, e) => this.#decided(body, "uncertain", e) },
      inquiry: { accepts: isInquiry, handle: (body: Inquiry, e) => this.#inquiry(body, e) },
      read: this.#reader.handler,
    };
  }

  // Life -------------------------------------------------------------------------------------

  recover(): void {
    const store = this.services.openStore();
    const fresh = this.#executor.seed(this.config.seed);
    const { leaseMs, driftPpm, edges } = this.config;
    const lease = coordinatorLease(leaseMs, driftPpm);
    this.#leases = new Leases(lease, edges, this.services.clock.now(), fresh);
    const found = recoverParticipant([...store.records()] as ParticipantRecord[]);
    for (const [log, lowest] of Object.entries(found.watermarks)) {
      this.#watermarks.log(log).lowest = lowest;
    }
    for (const { id, outcome } of found.finished) {
      const as = outcome === "commit" ? "committed" : "aborted";
      this.#instances.step(this.#begin(bareFacts(id)), { type: "recovered", as });
    }
    for (const record of found.inDoubt) {
      const instance = this.#begin(recoveredFacts(record));
      this.#instances.step(instance, { type: "recovered", as: "inDoubt" });
    }
    const count = found.inDoubt.length;
    if (count > 0) this.services.log("warning", `${count} transactions in doubt after recovery`);
    this.#sweep();
  }

  drain(): void {
    this.#draining = true;
  }

  drained(): boolean {
    return this.#open() === 0;
  }

  persist(): void {
    this.#checkpoint();
  }

  stop(): void {
    this.#instances.clear();
  }

  stats(): Record<string, unknown> {
    const census = this.#instances.census();
    return {
      transactions: census,
      inDoubt: census["inDoubt"] ?? 0,
      committed: this.#effects.committed,
      lockedRows: this.#locks.size,
      lockWaiters: this.#locks.waiting,
      leases: this.#leases?.size ?? 0,
      journalBytes: this.services.store.journalBytes,
    };
  }

  #open(): number {
    let open = 0;
    for (const [state, count] of Object.entries(this.#instances.census())) {
      if (state !== "committed" && state !== "aborted" && state !== "votedNo") open += count;
    }
    return open;
  }

  // Messages ---------------------------------------------------------------------------------

  #prepare(body: Prepare, envelope: Envelope): void {
    if (!this.config.coordinators.includes(envelope.from)) {
      return this.services.deadLetter("forbidden", envelope);
    }
    this.#watermarks.raise(body.id.log, body.lowest);
    const log = this.#watermarks.log(body.id.log);
    const known = log.known.get(body.id.sequence);
    const { sequence } = body.id;
    switch (admitPrepare({ sequence, lowest: log.lowest, known: known !== undefined })) {
      case "stale":
        return;
      case "known":
        return this.#instances.step(known!, { type: "prepare" });
      case "begin": {
        if (this.#draining) return; // The coordinator will think of it as a slow one.
        const facts = preparedFacts(body, envelope.from);
        this.#instances.step(this.#begin(facts), { type: "prepare" });
      }
    }
  }

  #commit(body: Commit, envelope: Envelope): void {
    const log = this.#watermarks.log(body.id.log);
    const sameStore = mayAckUnknownCommit({
      store: body.store,
      ours: this.services.store.id,
      sequence: body.id.sequence,
      lowest: log.lowest,
    });
    const instance = log.known.get(body.id.sequence);
    if (instance !== undefined) {
      const { facts } = instance;
      if (facts.coordinator === "" && this.config.coordinators.includes(envelope.from)) {
        // An outcome's record does not say whom to tell: without the ack it would ask for ever.
        facts.coordinator = envelope.from;
        facts.you = body.you;
      }
      return this.#instances.step(instance, { type: "commit", sameStore });
    }
    if (!sameStore) return this.#unknownCommit(body, envelope);
    const { id, you: index } = body;
    this.services.send(envelope.from, "ack", { id, index }, { urgent: true });
  }

  /** It was voted for here, and there is no trace of it: this store has lost what it promised. */
  #unknownCommit(body: Commit, envelope: Envelope): void {
    this.services.deadLetter("forbidden", envelope);
    if (body.store === undefined) return; // A peer passed it on; the coordinator will say more.
    this.services.log(
      "failure",
      `A commit of ${formatTransactionId(body.id)} came that this store never voted for: ` +
        `it was replaced or has lost its tail. Restore it from a copy.`,
    );
  }

  #decided(
    body: { readonly id: TransactionId },
    type: "abort" | "uncertain",
    envelope: Envelope,
  ): void {
    const instance = this.#watermarks.log(body.id.log).known.get(body.id.sequence);
    if (instance === undefined) return; // Forgotten, or never heard of: nothing to undo.
    const { coordinator, peers } = instance.facts;
    const known = envelope.from === coordinator || peers.includes(envelope.from) ||
      this.config.coordinators.includes(envelope.from);
    if (!known) return this.services.deadLetter("forbidden", envelope);
    this.#instances.step(instance, { type });
  }

  #inquiry(body: Inquiry, envelope: Envelope): void {
    const { id, index, epoch } = body;
    const log = this.#watermarks.log(id.log);
    const known = log.known.get(id.sequence);
    if (known !== undefined) {
      const { peers } = known.facts;
      // An outcome's record does not say who else took part: take the asker's word for that.
      if (known.facts.record === undefined && peers[index] === undefined) {
        peers[index] = envelope.from;
      }
      if (peers[index] !== envelope.from) return this.services.deadLetter("forbidden", envelope);
      return this.#instances.step(known, { type: "inquiry", from: index });
    }
    const answer = answerUnknownInquiry({
      sequence: id.sequence,
      lowest: log.lowest,
      storeComplete: true,
      storeSince: this.config.storeSince,
      epoch,
    });
    if (answer === "uncertain") {
      this.services.send(envelope.from, "uncertain", { id }, { urgent: true });
      return;
    }
    const peers: string[] = [];
    peers[index] = envelope.from;
    const facts = { ...bareFacts(id), peers, epoch, you: body.you ?? 0 };
    this.#instances.step(this.#begin(facts), { type: "inquiry", from: index });
  }

  // Instances --------------------------------------------------------------------------------

  #begin(facts: ParticipantFacts): Instance<ParticipantFacts> {
    const input = {
      lockTimeoutMs: this.config.lockTimeoutMs,
      inquireMs: this.#roundTrip.waitMs,
      maxBackoff: this.#roundTrip.maxBackoff,
    };
    const instance = this.#instances.create(formatTransactionId(facts.id), input, facts);
    this.#watermarks.log(facts.id.log).known.set(facts.id.sequence, instance);
    return instance;
  }

  // Housekeeping -----------------------------------------------------------------------------

  #written(): void {
    const { store } = this.services;
    if (store.journalBytes <= CHECKPOINT_BYTES || this.#checkpointAt === store.durable) return;
    this.#checkpointAt = store.durable; // Once a batch.
    this.#checkpoint();
  }

  /** What is still needed stands in for the whole journal so far. */
  #checkpoint(): void {
    const records = checkpointRecords(this.#watermarks, (i) => this.#instances.describe(i));
    this.services.store.checkpoint(records);
  }

  #sweep(): void {
    const { services, config } = this;
    services.timers.set(services.clock.now() + SWEEP_MS, () => this.#sweep());
    this.#leases!.sweep(services.clock.now());
    this.#executor.sweep(config.shards[this.#sweptShard++ % config.shards.length]!);
  }
}
