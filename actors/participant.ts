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
  PreparedRecord,
  TransactionId,
} from "../protocols/two_phase_commit/messages.ts";
import { formatTransactionId } from "../protocols/two_phase_commit/messages.ts";
import {
  admitPrepare,
  answerUnknownInquiry,
  coordinatorLease,
  mayAckUnknownCommit,
  raiseLowest,
  recoverParticipant,
} from "../protocols/two_phase_commit/rules.ts";
import { TableEngine } from "../runtime/engine.ts";
import { type Instance, Instances, type Perform } from "../runtime/instances.ts";
import type { Envelope } from "../runtime/codec.ts";
import { defineRole, type MessageHandler, type Role, type Services } from "../runtime/role.ts";
import { hasId, isIndex, isRecord, isStrings } from "./guards.ts";
import { Leases } from "./leases.ts";
import type { Ledger, Refusal, Value, Writes } from "./ledger.ts";
import { Locks } from "./locks.ts";
import { Reader } from "./reader.ts";
import { RoundTrip } from "./round_trip.ts";

/** Configuration of a participant. Times in ms. */
export interface ParticipantConfig {
  /** Shards it keeps. */
  readonly shards: readonly number[];
  /** Addresses that may coordinate; a prepare from anyone else is refused. */
  readonly coordinators: readonly string[];
  /** Addresses that may hold leases. */
  readonly edges: readonly string[];
  readonly lockTimeoutMs: number;
  /** How long a decision is waited for before it is asked for, until round trips are measured. */
  readonly inquireMs: number;
  readonly leaseMs: number;
  readonly driftPpm: number;
  /** Roster epoch since which this store has kept these shards. */
  readonly storeSince: number;
  /** Handed to the ledger's `seed` when the store is new. */
  readonly seed?: unknown;
}

/** What a participant's instance knows besides its state. */
interface Facts {
  readonly id: TransactionId;
  readonly coordinator: string;
  readonly peers: string[];
  readonly you: number;
  readonly epoch: number;
  readonly work: readonly { readonly shard: number; readonly operations: readonly unknown[] }[];
  keys: readonly string[];
  record: PreparedRecord | undefined;
  writes: Writes | undefined;
  refusal: Refusal | undefined;
}

/** What is known of the transactions of one coordinator's log. */
interface Log {
  /** The watermark. */
  lowest: number;
  readonly known: Map<number, Instance<Facts>>;
  /** Below the watermark and not settled yet. */
  readonly unsettled: Set<Instance<Facts>>;
}

type Work = Facts["work"];
type ForcedKind = Extract<ParticipantEvent, { type: "journaled" }>["record"];

const MAX_BACKOFF = 4;
const CHECKPOINT_BYTES = 8 * 1024 * 1024;
const SEED_BATCH = 20_000;
const SWEEP_MS = 10_000;
const SEEDED = "meta/seeded";

/** Makes the role of a participant for an application's ledger. */
export function participantRole<Op>(ledger: Ledger<Op>) {
  return defineRole<ParticipantConfig>({
    name: "participant",
    create: (services, config) => new Participant(services, config, ledger),
  });
}

class Participant<Op> implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #locks = new Locks();
  readonly #instances: Instances<Facts, ParticipantEvent>;
  /** Per coordinator log: its watermark, and the finished transactions not yet forgotten. */
  readonly #logs = new Map<string, Log>();
  readonly #roundTrip: RoundTrip;
  readonly #reader: Reader;
  #leases: Leases | undefined;
  #committed = 0;
  #draining = false;
  #sweptShard = 0;
  #checkpointAt = -1;

  constructor(
    private readonly services: Services,
    private readonly config: ParticipantConfig,
    private readonly ledger: Ledger<Op>,
  ) {
    this.#roundTrip = new RoundTrip(config.inquireMs, 50);
    this.#instances = new Instances<Facts, ParticipantEvent>({
      engine: new TableEngine(participant),
      effects: this.#effects(),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      done: ({ facts }) => this.#log(facts.id).known.delete(facts.id.sequence),
    });
    this.#reader = new Reader(services, ledger, this.#locks, config.shards, () => this.#leases!);
    this.messages = {
      prepare: { accepts: isPrepare, handle: (body: Prepare, e) => this.#prepare(body, e) },
      commit: {
        accepts: (b) => hasId(b) && isRecord(b) && isIndex(b["you"]),
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
    const fresh = store.get(SEEDED) === undefined;
    if (fresh) this.#seed();
    const { leaseMs, driftPpm, edges } = this.config;
    const lease = coordinatorLease(leaseMs, driftPpm);
    this.#leases = new Leases(lease, edges, this.services.clock.now(), fresh);
    const found = recoverParticipant([...store.records()] as ParticipantRecord[]);
    for (const [log, lowest] of Object.entries(found.watermarks)) this.#logOf(log).lowest = lowest;
    for (const { id, outcome } of found.finished) {
      const as = outcome === "commit" ? "committed" : "aborted";
      this.#instances.step(this.#begin(this.#finishedFacts(id)), { type: "recovered", as });
    }
    for (const record of found.inDoubt) {
      const instance = this.#begin(this.#recordedFacts(record));
      this.#instances.step(instance, { type: "recovered", as: "inDoubt" });
    }
    const count = found.inDoubt.length;
    if (count > 0) this.services.log("warning", `${count} transactions in doubt after recovery`);
    this.#sweep();
  }

  #seed(): void {
    const { store } = this.services;
    let count = 0;
    for (const [key, value] of this.ledger.seed?.(this.config.shards, this.config.seed) ?? []) {
      store.put(key, value);
      if (++count % SEED_BATCH === 0) store.commit();
    }
    store.put(SEEDED, true);
    store.commit();
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
      committed: this.#committed,
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
    this.#raise(body.id.log, body.lowest);
    const log = this.#log(body.id);
    const known = log.known.get(body.id.sequence);
    const { sequence } = body.id;
    switch (admitPrepare({ sequence, lowest: log.lowest, known: known !== undefined })) {
      case "stale":
        return;
      case "known":
        return this.#instances.step(known!, { type: "prepare" });
      case "begin": {
        if (this.#draining) return; // The coordinator will think of it as a slow one.
        const facts: Facts = {
          id: body.id,
          coordinator: envelope.from,
          peers: [...body.peers],
          you: body.you,
          epoch: body.epoch,
          work: body.operations as Work,
          keys: [],
          record: undefined,
          writes: undefined,
          refusal: undefined,
        };
        this.#instances.step(this.#begin(facts), { type: "prepare" });
      }
    }
  }

  #commit(body: Commit, envelope: Envelope): void {
    const log = this.#log(body.id);
    const sameStore = mayAckUnknownCommit({
      store: body.store,
      ours: this.services.store.id,
      sequence: body.id.sequence,
      lowest: log.lowest,
    });
    const instance = log.known.get(body.id.sequence);
    if (instance !== undefined) {
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
    const instance = this.#log(body.id).known.get(body.id.sequence);
    if (instance === undefined) return; // Forgotten, or never heard of: nothing to undo.
    const { coordinator, peers } = instance.facts;
    const known = envelope.from === coordinator || peers.includes(envelope.from) ||
      this.config.coordinators.includes(envelope.from);
    if (!known) return this.services.deadLetter("forbidden", envelope);
    this.#instances.step(instance, { type });
  }

  #inquiry(body: Inquiry, envelope: Envelope): void {
    const { id, index, epoch } = body;
    const log = this.#log(id);
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
    const facts = { ...this.#finishedFacts(id), peers, epoch, you: body.you ?? 0 };
    this.#instances.step(this.#begin(facts), { type: "inquiry", from: index });
  }

  // Instances --------------------------------------------------------------------------------

  #begin(facts: Facts): Instance<Facts> {
    const input = {
      lockTimeoutMs: this.config.lockTimeoutMs,
      inquireMs: this.#roundTrip.waitMs,
      maxBackoff: MAX_BACKOFF,
    };
    const instance = this.#instances.create(formatTransactionId(facts.id), input, facts);
    this.#log(facts.id).known.set(facts.id.sequence, instance);
    return instance;
  }

  #finishedFacts(id: TransactionId): Facts {
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
    };
  }

  #recordedFacts(record: PreparedRecord): Facts {
    const { id, coordinator, peers, you, epoch } = record;
    const { keys, writes } = record.effect as { keys: readonly string[]; writes: Writes };
    return {
      ...this.#finishedFacts(id),
      coordinator,
      peers: [...peers],
      you,
      epoch,
      record,
      keys,
      writes,
    };
  }

  #log(id: TransactionId) {
    return this.#logOf(id.log);
  }

  #logOf(name: string): Log {
    let log = this.#logs.get(name);
    if (log === undefined) {
      this.#logs.set(name, log = { lowest: 0, known: new Map(), unsettled: new Set() });
    }
    return log;
  }

  /** What has ended below the watermark may be forgotten; what is still in doubt stays. */
  #raise(name: string, announced: number): void {
    const log = this.#logOf(name);
    const before = log.lowest;
    log.lowest = raiseLowest(before, announced);
    if (log.lowest === before) return;
    for (const instance of log.unsettled) this.#forget(log, instance);
    if (log.lowest - before > log.known.size) {
      for (const [sequence, instance] of log.known) {
        if (sequence < log.lowest) this.#forget(log, instance);
      }
      return;
    }
    for (let sequence = before; sequence < log.lowest; sequence++) {
      const instance = log.known.get(sequence);
      if (instance !== undefined) this.#forget(log, instance);
    }
  }

  #forget(log: Log, instance: Instance<Facts>): void {
    this.#instances.step(instance, { type: "forget" });
    // Not settled yet, it stays until a later watermark finds it so.
    if (log.known.has(instance.facts.id.sequence)) log.unsettled.add(instance);
    else log.unsettled.delete(instance);
  }

  // Effects ----------------------------------------------------------------------------------

  #effects(): Record<string, Perform<Facts>> {
    const { services } = this;
    return {
      acquire: (instance) => this.#acquire(instance),
      withdraw: ({ key }) => this.#locks.release(key),
      release: ({ key }) => this.#locks.release(key),
      apply: ({ facts }) => this.#apply(facts.writes!),
      journal: (instance, params: { record: ParticipantRecord["kind"]; forced: boolean }) =>
        this.#journal(instance, params.record, params.forced),
      sendCoordinator: ({ facts }, params: { message: string; retryable?: boolean }) =>
        this.#tellCoordinator(facts, params),
      sendPeers: ({ facts }, params: { message: string; to: readonly number[] | "all" }) => {
        const { id, you: index, epoch } = facts;
        const all = facts.peers.map((_, peer) => peer).filter((peer) => peer !== index);
        for (const you of params.to === "all" ? all : params.to) {
          const to = facts.peers[you];
          if (to === undefined) continue;
          services.send(to, params.message, { id, index, you, epoch }, { urgent: true });
        }
      },
      reject: ({ key, facts }) =>
        services.log("warning", `${key}: unexpected message of ${facts.coordinator}`),
    };
  }

  #acquire(instance: Instance<Facts>): void {
    const { facts } = instance;
    if (facts.record !== undefined) {
      // Recovered in doubt: what it will write is decided, its rows are locked before anyone else.
      return this.#locks.acquire(instance.key, facts.keys, () => {
        this.#instances.step(instance, { type: "granted" });
      });
    }
    const parsed = this.#parse(facts.work);
    if (typeof parsed === "string") {
      return this.#refuse(instance, { code: "invalid_operations", message: parsed });
    }
    facts.keys = this.ledger.keys(parsed);
    this.#locks.acquire(instance.key, facts.keys, () => this.#execute(instance, parsed));
  }

  #parse(work: Work): readonly Op[] | string {
    const all: Op[] = [];
    for (const { shard, operations } of work) {
      if (!this.config.shards.includes(shard)) return `Shard ${shard} is not kept here`;
      const parsed = this.ledger.parse(operations, shard);
      if (typeof parsed === "string") return parsed;
      all.push(...parsed);
    }
    return all.length === 0 ? "There are no operations" : all;
  }

  #execute(instance: Instance<Facts>, operations: readonly Op[]): void {
    const { services, ledger } = this;
    const read = (key: string): Value | undefined => services.store.get(key);
    const result = ledger.execute(operations, read, services.clock.wall());
    if (!result.ok) return this.#refuse(instance, result.reason);
    const violated = ledger.verify?.(result.writes, read, operations);
    if (violated !== undefined) {
      services.log("failure", `${instance.key}: ${violated}`);
      return this.#refuse(instance, { code: "violated", message: violated });
    }
    const { facts } = instance;
    facts.writes = result.writes;
    facts.record = {
      kind: "prepared",
      id: facts.id,
      coordinator: facts.coordinator,
      peers: facts.peers,
      you: facts.you,
      epoch: facts.epoch,
      effect: { keys: facts.keys, writes: result.writes },
      answer: result.answer,
      entries: result.entries,
      holders: this.#leases!.holders(result.entries, services.clock.now()),
    };
    this.#instances.step(instance, { type: "granted" });
  }

  #refuse(instance: Instance<Facts>, refusal: Refusal): void {
    instance.facts.refusal = refusal;
    const retryable = refusal.retryable ?? false;
    this.#instances.step(instance, { type: "refused", retryable });
  }

  #apply(writes: Writes): void {
    const { store } = this.services;
    for (const [key, value] of writes.puts) store.put(key, value);
    for (const [key, delta] of writes.adds) {
      store.put(key, ((store.get(key) ?? 0) as number) + delta);
    }
    this.#committed++;
  }

  #journal(instance: Instance<Facts>, kind: ParticipantRecord["kind"], forced: boolean): void {
    const { facts } = instance;
    const record = kind === "prepared" ? facts.record! : { kind, id: facts.id };
    const durable = () => {
      this.#instances.step(instance, { type: "journaled", record: kind as ForcedKind });
    };
    this.services.journal(record, forced, forced ? durable : undefined);
    const { store } = this.services;
    if (store.journalBytes > CHECKPOINT_BYTES && this.#checkpointAt !== store.durable) {
      this.#checkpointAt = store.durable; // Once a batch.
      this.#checkpoint();
    }
  }

  /** What is still needed stands in for the whole journal so far. */
  #checkpoint(): void {
    const records: ParticipantRecord[] = [];
    for (const [log, { lowest, known }] of this.#logs) {
      records.push({ kind: "watermark", log, lowest });
      for (const instance of known.values()) {
        const { id, record } = instance.facts;
        const state = this.#instances.describe(instance);
        if (state === "committed" || state === "committing") {
          records.push({ kind: "committed", id });
        } else if (state === "aborted" || state === "refusing") {
          records.push({ kind: "refused", id });
        } else if (record !== undefined && state !== "votedNo") records.push(record);
      }
    }
    this.services.store.checkpoint(records);
  }

  #tellCoordinator(facts: Facts, params: { message: string; retryable?: boolean }): void {
    const { id, you: index, epoch, record } = facts;
    if (facts.coordinator === "") return; // Known from an outcome or a peer's question only.
    const send = (body: unknown) =>
      this.services.send(facts.coordinator, params.message, body, { urgent: true });
    switch (params.message) {
      case "voteYes": {
        const { answer, holders, entries } = record!;
        const store = this.services.store.id;
        return void send({ id, index, store, answer, holders, entries });
      }
      case "voteNo": {
        const conflict: Refusal = { code: "conflict", message: "A lock was not free in time" };
        const { retryable = false } = params;
        return void send({ id, index, retryable, reason: facts.refusal ?? conflict });
      }
      default:
        return void send({ id, index, epoch });
    }
  }

  // Housekeeping -----------------------------------------------------------------------------

  #sweep(): void {
    const { services, config, ledger } = this;
    services.timers.set(services.clock.now() + SWEEP_MS, () => this.#sweep());
    this.#leases!.sweep(services.clock.now());
    const shard = config.shards[this.#sweptShard++ % config.shards.length]!;
    const now = services.clock.wall();
    for (const prefix of ledger.expiring(shard)) {
      for (const [key, value] of services.store.scan(prefix)) {
        if (!this.#locks.isLocked(key) && ledger.isExpired(key, value, now)) {
          services.store.put(key, null);
        }
      }
    }
  }
}

function isPrepare(body: unknown): body is Prepare {
  return isRecord(body) && hasId(body) && isIndex(body["lowest"]) && isStrings(body["peers"]) &&
    isIndex(body["you"], body["peers"].length) && isIndex(body["epoch"]) &&
    Array.isArray(body["operations"]) &&
    body["operations"].every((work) =>
      isRecord(work) && isIndex(work["shard"]) && Array.isArray(work["operations"])
    );
}

function isInquiry(body: unknown): body is Inquiry {
  return isRecord(body) && hasId(body) && isIndex(body["index"], 64) && isIndex(body["epoch"]) &&
    (body["you"] === undefined || isIndex(body["you"], 64));
}
