/**
 * The coordinator of a core node: runs transactions over participants, forwards reads to them.
 *
 * The chart in `protocols/two_phase_commit/coordinator.ts` decides; this file numbers, journals,
 * sends and answers what it names. An edge reaches the cloud only through here.
 *
 * @module
 */
import { coordinator, type CoordinatorEvent } from "../protocols/two_phase_commit/coordinator.ts";
import {
  type CommitRecord,
  type CoordinatorRecord,
  formatTransactionId,
  type Held,
  type Inquiry,
  type LeaseHolder,
  type TransactionId,
  type VoteNo,
  type VoteYes,
} from "../protocols/two_phase_commit/messages.ts";
import {
  answerUnknown,
  coordinatorLease,
  nextReservation,
  recoverCoordinator,
} from "../protocols/two_phase_commit/rules.ts";
import type { Envelope } from "../runtime/codec.ts";
import { TableEngine } from "../runtime/engine.ts";
import { Histogram } from "../runtime/histogram.ts";
import { type Instance, Instances, type Perform } from "../runtime/instances.ts";
import {
  AskFailed,
  defineRole,
  type MessageHandler,
  type Role,
  type Services,
} from "../runtime/role.ts";
import { hasId, isIndex, isRecord } from "./guards.ts";
import type { Refusal } from "./ledger.ts";
import type { ReadRequest } from "./reader.ts";
import { RoundTrip } from "./round_trip.ts";
import { type Fate, isTransactRequest, type TransactRequest } from "./transact.ts";

/** Configuration of a coordinator. Times in ms. */
export interface CoordinatorConfig {
  /** Address of the participant that keeps each shard. */
  readonly participantOf: readonly string[];
  /** How long votes are waited for. */
  readonly voteTimeoutMs: number;
  /** How long an answer is waited for, until round trips are measured. */
  readonly resendMs: number;
  readonly leaseMs: number;
  readonly driftPpm: number;
  readonly maxConcurrentTransactions: number;
  /** How often a transaction that met a conflict is begun again, under a new id. */
  readonly maxRetries: number;
}

interface Facts {
  readonly id: TransactionId;
  readonly peers: readonly string[];
  readonly work: readonly unknown[][];
  readonly epoch: number;
  readonly request: TransactRequest | undefined;
  readonly client: Envelope | undefined;
  readonly answerIndex: number;
  readonly retries: number;
  readonly begunAt: number;
  /** When prepare was sent, as long as it was sent once. */
  askedAt: number | undefined;
  readonly stores: string[];
  readonly holders: LeaseHolder[];
  readonly entries: Set<string>;
  answer: unknown;
  refusal: Refusal | undefined;
  record: CommitRecord | undefined;
}

const RESERVE = 65_536;
const MAX_BACKOFF = 4;
const RETRY_BASE_MS = 10;
const CHECKPOINT_BYTES = 8 * 1024 * 1024;

/** The role of a coordinator. */
export const coordinatorRole = defineRole<CoordinatorConfig>({
  name: "coordinator",
  create: (services, config) => new Coordinator(services, config),
});

class Coordinator implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #instances: Instances<Facts, CoordinatorEvent>;
  readonly #roundTrip: RoundTrip;
  readonly #latency = new Histogram();
  /** Open transactions in order of their numbers. */
  readonly #open = new Set<number>();
  readonly #counts = { started: 0, committed: 0, aborted: 0, retried: 0, refused: 0 };
  #retrying = 0;
  #next = 0;
  #reservedUpTo = 0;
  #reserving = false;
  #durablyReserved = 0;
  #draining = false;
  #checkpointAt = -1;

  constructor(private readonly services: Services, private readonly config: CoordinatorConfig) {
    this.#roundTrip = new RoundTrip(config.resendMs, 50);
    this.#instances = new Instances<Facts, CoordinatorEvent>({
      engine: new TableEngine(coordinator),
      effects: this.#effects(),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
    });
    this.messages = {
      transact: {
        accepts: isTransactRequest,
        handle: (b: TransactRequest, e) => this.#accept(b, e),
      },
      read: { accepts: isForward, handle: (b: Forward, e) => void this.#forward(b, e) },
      voteYes: { accepts: isVoteYes, handle: (b: VoteYes, e) => this.#voteYes(b, e) },
      voteNo: { accepts: isVoteNo, handle: (b: VoteNo, e) => this.#voteNo(b, e) },
      ack: { accepts: isIndexed, handle: (b: Indexed, e) => this.#fromPeer("ack", b, e) },
      inquiry: { accepts: isIndexed, handle: (b: Inquiry, e) => this.#inquiry(b, e) },
      load: {
        accepts: () => true,
        handle: (_: unknown, e) => this.services.reply(e, this.#instances.size + this.#retrying),
      },
      held: { accepts: isHeld, handle: (b: Held) => this.#held(b) },
    };
  }

  // Life -------------------------------------------------------------------------------------

  recover(): void {
    const store = this.services.openStore();
    const found = recoverCoordinator([...store.records()] as CoordinatorRecord[]);
    this.#next = found.next;
    this.#reservedUpTo = this.#durablyReserved = found.reservedUpTo;
    for (const record of found.committing) {
      const facts = this.#recovered(record);
      const holders = record.holders.map((_, index) => index);
      this.#instances.step(this.#create(facts), { type: "recovered", holders });
    }
    const count = found.committing.length;
    if (count > 0) this.services.log("warning", `${count} commits are told again after recovery`);
    this.#reserve();
  }

  drain(): void {
    this.#draining = true;
  }

  drained(): boolean {
    return this.#instances.size === 0 && this.#retrying === 0;
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
      ...this.#counts,
      inDoubt: 0,
      latency: this.#latency.toJSON(),
      resendMs: this.#roundTrip.waitMs,
      journalBytes: this.services.store.journalBytes,
    };
  }

  // Requests ---------------------------------------------------------------------------------

  #accept(request: TransactRequest, client: Envelope): void {
    const { config } = this;
    if (this.#draining) return this.services.fail(client, "draining");
    if (this.#instances.size + this.#retrying >= config.maxConcurrentTransactions) {
      return this.services.fail(client, "overloaded");
    }
    if (request.shards.some(({ shard }) => config.participantOf[shard] === undefined)) {
      return this.services.fail(client, "invalidBody");
    }
    this.#counts.started++;
    this.#begin(request, client, 0, this.services.clock.now());
  }

  #begin(request: TransactRequest, client: Envelope, retries: number, begunAt: number): void {
    if (this.#next >= this.#durablyReserved) {
      // The log must know that an id was given out before anyone hears of it.
      this.#reserve();
      return this.services.fail(client, "overloaded");
    }
    const peers: string[] = [];
    const work: unknown[][] = [];
    let answerIndex = 0;
    for (const part of request.shards) {
      const address = this.config.participantOf[part.shard]!;
      let index = peers.indexOf(address);
      if (index < 0) {
        index = peers.push(address) - 1;
        work.push([]);
      }
      work[index]!.push(part);
      if (part.shard === request.answerShard) answerIndex = index;
    }
    const facts: Facts = {
      id: { log: this.services.store.id, sequence: this.#next++ },
      peers,
      work,
      epoch: this.services.epoch(),
      request,
      client,
      answerIndex,
      retries,
      begunAt,
      askedAt: undefined,
      stores: [],
      holders: [],
      entries: new Set(),
      answer: undefined,
      refusal: undefined,
      record: undefined,
    };
    if (this.#reservedUpTo - this.#next < RESERVE / 2) this.#reserve();
    this.#instances.step(this.#create(facts), { type: "begin" });
  }

  #create(facts: Facts): Instance<Facts> {
    const { voteTimeoutMs, leaseMs, driftPpm } = this.config;
    this.#open.add(facts.id.sequence);
    return this.#instances.create(formatTransactionId(facts.id), {
      participants: facts.peers.length,
      voteTimeoutMs,
      resendMs: this.#roundTrip.waitMs,
      maxBackoff: MAX_BACKOFF,
      leaseMs: coordinatorLease(leaseMs, driftPpm),
    }, facts);
  }

  #recovered(record: CommitRecord): Facts {
    return {
      id: record.id,
      peers: record.participants,
      work: [],
      epoch: 0,
      request: undefined,
      client: undefined,
      answerIndex: 0,
      retries: 0,
      begunAt: this.services.clock.now(),
      askedAt: undefined,
      stores: [...record.stores],
      holders: record.holders.map((holder) => ({ ...holder, leftMs: 0 })),
      entries: new Set(record.entries),
      answer: undefined,
      refusal: undefined,
      record,
    };
  }

  #reserve(): void {
    if (this.#reserving) return;
    const upTo = nextReservation(this.#reservedUpTo, this.#reservedUpTo, RESERVE)!;
    this.#reservedUpTo = upTo;
    this.#reserving = true;
    this.services.journal({ kind: "reserved", upTo }, true, () => {
      this.#durablyReserved = upTo;
      this.#reserving = false;
    });
  }

  /** Every number below it has ended. */
  #lowest(): number {
    for (const sequence of this.#open) return sequence;
    return this.#next;
  }

  async #forward(request: Forward, envelope: Envelope): Promise<void> {
    const to = this.config.participantOf[request.shard];
    if (to === undefined) return this.services.fail(envelope, "invalidBody");
    const left = (envelope.metadata.deadline ?? Infinity) - this.services.clock.now();
    if (left <= 0) return;
    try {
      const reply = await this.services.ask(to, "read", request.read, Math.min(left, 5000));
      this.services.reply(envelope, reply);
    } catch (error) {
      if (!(error instanceof AskFailed)) throw error;
      this.services.fail(envelope, error.reason);
    }
    this.services.wake();
  }

  // Messages of participants -------------------------------------------------------------------

  /** The instance a message is for, if the sender is who it says it is. */
  #peer(body: Indexed, envelope: Envelope): Instance<Facts> | undefined {
    const instance = this.#instances.get(formatTransactionId(body.id));
    if (instance === undefined) return undefined;
    if (instance.facts.peers[body.index] === envelope.from) return instance;
    this.services.deadLetter("forbidden", envelope);
    return undefined;
  }

  #fromPeer(type: "ack" | "inquiry", body: Indexed, envelope: Envelope): void {
    const instance = this.#peer(body, envelope);
    if (instance !== undefined) this.#instances.step(instance, { type, from: body.index });
  }

  #voteYes(body: VoteYes, envelope: Envelope): void {
    const instance = this.#peer(body, envelope);
    if (instance === undefined) return; // Forgotten: the voter will ask, and be told.
    const { facts } = instance;
    if (facts.askedAt !== undefined) {
      this.#roundTrip.measured(this.services.clock.now() - facts.askedAt);
    }
    facts.stores[body.index] = body.store;
    if (body.index === facts.answerIndex) facts.answer = body.answer;
    for (const entry of body.entries) facts.entries.add(entry);
    const holders = body.holders.map((holder) => {
      const known = facts.holders.findIndex(({ address }) => address === holder.address);
      return known >= 0 ? known : facts.holders.push(holder) - 1;
    });
    this.#instances.step(instance, { type: "voteYes", from: body.index, holders });
  }

  #voteNo(body: VoteNo, envelope: Envelope): void {
    const instance = this.#peer(body, envelope);
    if (instance === undefined) return;
    if (isRecord(body.reason)) instance.facts.refusal ??= body.reason as unknown as Refusal;
    const { index: from, retryable } = body;
    this.#instances.step(instance, { type: "voteNo", from, retryable });
  }

  #inquiry(body: Inquiry, envelope: Envelope): void {
    const { id } = body;
    if (this.#instances.get(formatTransactionId(id)) !== undefined) {
      return this.#fromPeer("inquiry", body, envelope);
    }
    const answer = answerUnknown({
      ownsLog: id.log === this.services.store.id,
      logComplete: true,
      epochCurrent: true,
      sequence: id.sequence,
      reservedUpTo: this.#durablyReserved,
    });
    const type = answer === "abort" ? "abort" : "uncertain";
    this.services.send(envelope.from, type, { id }, { urgent: true });
  }

  #held(body: Held): void {
    const instance = this.#instances.get(formatTransactionId(body.id));
    const from = instance?.facts.holders.findIndex(({ address }) => address === body.holder) ?? -1;
    if (instance !== undefined && from >= 0) this.#instances.step(instance, { type: "held", from });
  }

  // Effects ----------------------------------------------------------------------------------

  #effects(): Record<string, Perform<Facts>> {
    return {
      journal: (instance, params: { record: CoordinatorRecord["kind"]; forced: boolean }) =>
        this.#journal(instance, params.record, params.forced),
      send: ({ facts }, params: { message: string; to: readonly number[] }) => {
        for (const index of params.to) this.#send(facts, params.message, index);
      },
      sendHolders: ({ facts }, params: HolderParams) => this.#sendHolders(facts, params),
      reply: (instance, params: ReplyParams) => this.#reply(instance.facts, params),
      forget: ({ facts }) => this.#open.delete(facts.id.sequence),
      reject: ({ key }) => this.services.log("warning", `${key}: unexpected message`),
    };
  }

  #journal(instance: Instance<Facts>, kind: CoordinatorRecord["kind"], forced: boolean): void {
    const { facts } = instance;
    const { id } = facts;
    if (kind === "commit") {
      facts.record = {
        kind,
        id,
        participants: facts.peers,
        stores: facts.stores,
        holders: facts.holders.map(({ address, incarnation }) => ({ address, incarnation })),
        entries: [...facts.entries],
      };
    }
    const record = kind === "commit" ? facts.record! : { kind, id };
    const durable = () => this.#instances.step(instance, { type: "journaled", record: "commit" });
    this.services.journal(record, forced, forced ? durable : undefined);
    const { store } = this.services;
    if (store.journalBytes > CHECKPOINT_BYTES && this.#checkpointAt !== store.durable) {
      this.#checkpointAt = store.durable; // Once a batch.
      this.#checkpoint();
    }
  }

  /** What is still needed stands in for the whole journal so far. */
  #checkpoint(): void {
    const records: CoordinatorRecord[] = [{ kind: "reserved", upTo: this.#reservedUpTo }];
    for (const { facts } of this.#instances) {
      if (facts.record !== undefined) records.push(facts.record);
    }
    this.services.store.checkpoint(records);
  }

  #send(facts: Facts, message: string, index: number): void {
    const { id, peers } = facts;
    const body = message === "prepare"
      ? {
        id,
        lowest: this.#lowest(),
        peers,
        you: index,
        epoch: facts.epoch,
        operations: facts.work[index],
      }
      : message === "commit"
      ? { id, you: index, store: facts.stores[index] }
      : { id };
    if (message === "prepare") {
      // An answer to a message that was sent twice measures nothing.
      facts.askedAt = facts.askedAt === undefined ? this.services.clock.now() : NaN;
      if (Number.isNaN(facts.askedAt)) facts.askedAt = undefined;
    }
    const urgent = message !== "prepare";
    const sent = this.services.send(peers[index]!, message, body, { urgent });
    if (sent === "full") this.#counts.refused++; // The resend timer tries again.
  }

  #sendHolders(facts: Facts, { message, outcome, to }: HolderParams): void {
    for (const index of to) {
      const { address } = facts.holders[index]!;
      const entries = [...facts.entries];
      const body = message === "hold"
        ? { id: facts.id, entry: entries }
        : { id: facts.id, outcome, entry: entries };
      this.services.send(address, message, body, { urgent: true });
    }
  }

  #reply(facts: Facts, params: ReplyParams): void {
    const { client, request } = facts;
    if (params.outcome === "committed") this.#counts.committed++;
    else this.#counts.aborted++;
    if (client === undefined || request === undefined) return;
    if (params.outcome === "aborted" && params.retryable && this.#again(facts)) return;
    this.#latency.record(this.services.clock.now() - facts.begunAt);
    const fate: Fate = params.outcome === "committed"
      ? { outcome: "committed", answer: facts.answer }
      : {
        outcome: "aborted",
        retryable: params.retryable ?? false,
        reason: params.reason ?? "refused",
        ...(facts.refusal === undefined ? {} : { refusal: facts.refusal }),
      };
    this.services.reply(client, fate);
  }

  /** Begins a transaction that met a conflict again, later; false if it has had its chances. */
  #again(facts: Facts): boolean {
    const { request, client, retries, begunAt } = facts;
    const { timers, clock, random } = this.services;
    const pause = RETRY_BASE_MS * 2 ** retries * (0.5 + random.next());
    const left = (client!.metadata.deadline ?? Infinity) - clock.now();
    // A row that was read before planning has changed: planning it again is the client's part.
    const stale = facts.refusal !== undefined && facts.refusal.code !== "conflict";
    if (stale || retries >= this.config.maxRetries || pause >= left || this.#draining) return false;
    this.#retrying++;
    this.#counts.retried++;
    timers.set(clock.now() + pause, () => {
      this.#retrying--;
      this.#begin(request!, client!, retries + 1, begunAt);
    });
    return true;
  }
}

interface HolderParams {
  readonly message: "hold" | "release";
  readonly outcome?: string;
  readonly to: readonly number[];
}

interface ReplyParams {
  readonly outcome: "committed" | "aborted";
  readonly retryable?: boolean;
  readonly reason?: "refused" | "timeout" | "requested";
}

interface Forward {
  readonly shard: number;
  readonly read: ReadRequest;
}

type Indexed = { readonly id: TransactionId; readonly index: number };

function isForward(body: unknown): boolean {
  return isRecord(body) && isIndex(body["shard"]) && isRecord(body["read"]);
}

function isIndexed(body: unknown): body is Indexed & Record<string, unknown> {
  return hasId(body) && isIndex(body["index"], 64);
}

function isVoteYes(body: unknown): boolean {
  return isIndexed(body) && typeof body["store"] === "string" &&
    Array.isArray(body["entries"]) && Array.isArray(body["holders"]) &&
    body["holders"].every((h) => isRecord(h) && typeof h["address"] === "string");
}

function isVoteNo(body: unknown): boolean {
  return isIndexed(body) && typeof body["retryable"] === "boolean";
}

function isHeld(body: unknown): boolean {
  return hasId(body) && typeof body["holder"] === "string";
}
