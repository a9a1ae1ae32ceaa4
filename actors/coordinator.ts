/**
 * The coordinator of a core node: runs transactions over participants, forwards reads to them.
 *
 * The chart in `protocols/two_phase_commit/coordinator.ts` decides; this file numbers, journals,
 * sends and answers what it names. An edge reaches the cloud only through here.
 *
 * @module
 */
import { admits } from "../protocols/two_phase_commit/admission.ts";
import { coordinator, type CoordinatorEvent } from "../protocols/two_phase_commit/coordinator.ts";
import {
  formatTransactionId,
  type Held,
  type VoteNo,
  type VoteYes,
} from "../protocols/two_phase_commit/messages.ts";
import { coordinatorLease } from "../protocols/two_phase_commit/rules.ts";
import type { Victim } from "../protocols/deadlock/messages.ts";
import type { Envelope } from "../runtime/codec.ts";
import { type Instance, Instances } from "../runtime/instances.ts";
import {
  defineRole,
  type MessageHandler,
  type Role,
  type RoleDefinition,
  type Services,
} from "../runtime/role.ts";
import { aboutTransaction } from "./about.ts";
import { CHECKPOINT_BYTES, Checkpoints } from "./checkpoints.ts";
import { coordinatorLogs } from "./coordinator_logs.ts";
import { CoordinatorEffects } from "./coordinator_effects.ts";
import {
  begunFacts,
  type CoordinatorConfig,
  type CoordinatorFacts,
  type Indexed,
  isHeld,
  isIndexed,
  isVoteNo,
  isVoteYes,
} from "./coordinator_facts.ts";
import { Dependencies } from "./dependencies.ts";
import { overseenMessages } from "./coordinator_oversight.ts";
import { forwardReads } from "./forwarder.ts";
import { isRecord } from "./guards.ts";
import type { LogKeeper } from "./log_keeper.ts";
import type { Refusal } from "./ledger.ts";
import { Once } from "./once.ts";
import { RoundTrip } from "./round_trip.ts";
import { Sequences } from "./sequences.ts";
import { abortRetryable, type Attempt, DEADLOCK, isVictim, Pauses, retryPause } from "./retries.ts";
import { ThreePhaseCoordinator } from "./three_phase_coordinator.ts";
import { isTransactRequest, transactProblem, type TransactRequest } from "./transact.ts";

export type { CoordinatorConfig } from "./coordinator_facts.ts";

/** The role of a coordinator. */
export const coordinatorRole: RoleDefinition<CoordinatorConfig> = defineRole({
  name: "coordinator",
  create: (services, config) => new Coordinator(services, config),
});

class Coordinator implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly about = aboutTransaction;
  readonly #instances: Instances<CoordinatorFacts, CoordinatorEvent>;
  readonly #roundTrip: RoundTrip;
  readonly #effects: CoordinatorEffects;
  readonly #dependencies = new Dependencies(
    (id) => this.#sequences.find(id),
    (instance, event) => this.#instances.step(instance, event),
  );
  readonly #sequences: Sequences<Instance<CoordinatorFacts>>;
  readonly #threePhase: ThreePhaseCoordinator;
  readonly #pauses: Pauses;
  #started = 0;
  #retried = 0;
  #shed = 0;
  readonly #once = new Once();
  #draining = false;
  readonly #logs: LogKeeper;
  readonly #checkpoints: Checkpoints;

  constructor(private readonly services: Services, private readonly config: CoordinatorConfig) {
    this.#roundTrip = new RoundTrip(config.resendMs, 50);
    this.#sequences = new Sequences(services);
    const { checkpointBytes = CHECKPOINT_BYTES } = config;
    this.#checkpoints = new Checkpoints(services, checkpointBytes, () => this.#needed());
    const written = () => this.#checkpoints.written();
    const shared = { services, sequences: this.#sequences, written };
    this.#effects = new CoordinatorEffects({
      ...shared,
      step: (instance, event) => this.#instances.step(instance, event),
      dependencies: this.#dependencies,
      again: (facts) => this.#again(facts),
    });
    this.#threePhase = new ThreePhaseCoordinator({
      ...shared,
      config,
      reply: (facts, params) => this.#effects.reply(facts, params),
    });
    this.#pauses = new Pauses(services.timers);
    this.#instances = new Instances<CoordinatorFacts, CoordinatorEvent>({
      engine: services.engine(coordinator),
      effects: this.#effects.performers(),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
    });
    this.#logs = coordinatorLogs({
      ...shared,
      config,
      instances: this.#instances,
      threePhase: this.#threePhase,
      pauses: this.#pauses,
      create: (facts) => this.#create(facts),
    });
    this.messages = {
      ...this.#logs.messages,
      transact: {
        accepts: isTransactRequest,
        handle: (b: TransactRequest, e) => this.#accept(b, e),
      },
      read: forwardReads(services, config.participantOf, (from) => this.#mayAsk(from)),
      voteYes: { accepts: isVoteYes, handle: (b: VoteYes, e) => this.#voteYes(b, e) },
      voteNo: { accepts: isVoteNo, handle: (b: VoteNo, e) => this.#voteNo(b, e) },
      ack: { accepts: isIndexed, handle: (b: Indexed, e) => this.#fromPeer("ack", b, e) },
      inquiry: { accepts: isIndexed, handle: (b: Indexed, e) => this.#fromPeer("inquiry", b, e) },
      load: { accepts: () => true, handle: (_: unknown, e) => services.reply(e, this.#size) },
      victim: { accepts: isVictim, handle: (b: Victim, e) => this.#victim(b, e) },
      held: { accepts: isHeld, handle: (b: Held, e) => this.#held(b, e) },
      ...this.#threePhase.messages,
      ...overseenMessages(services, config, {
        instances: () => [this.#instances, this.#threePhase],
        unknown: (id) => this.#sequences.unknown(id),
      }),
    };
  }

  // Life -------------------------------------------------------------------------------------

  recover(): void {
    this.#logs.recover([...this.services.openStore().records()]);
  }

  serve(): void {
    this.#logs.serve();
  }

  drain(): void {
    this.#draining = true;
    this.#pauses.cutShort();
  }

  drained(): boolean {
    return this.#size === 0;
  }

  persist(): void {
    this.#checkpoints.take();
  }

  stop(): void {
    this.#instances.clear();
    this.#threePhase.clear();
    this.#logs.clear();
  }

  stats(): Record<string, unknown> {
    const census = this.#instances.census();
    return {
      transactions: census,
      threePhase: this.#threePhase.census(),
      started: this.#started,
      retried: this.#retried,
      shed: this.#shed,
      ...this.#effects.counts,
      inDoubt: 0,
      logs: this.#logs.states(),
      latency: this.#effects.latency.toJSON(),
      resendMs: this.#roundTrip.waitMs,
      journalBytes: this.services.store.journalBytes,
    };
  }

  /** Transactions under way. */
  get #size(): number {
    return this.#instances.size + this.#threePhase.size + this.#pauses.size;
  }

  // Requests ---------------------------------------------------------------------------------

  #mayAsk(from: string): boolean {
    return this.config.gateways?.includes(from) ?? true;
  }

  #accept(request: TransactRequest, client: Envelope): void {
    const { config } = this;
    if (!this.#mayAsk(client.from)) {
      this.services.deadLetter("forbidden", client);
      return this.services.fail(client, "forbidden");
    }
    if (!this.#once.first(client, this.services.clock.now())) return;
    if (this.#draining || !this.#logs.begins) return this.services.fail(client, "draining");
    const limit = this.#logs.limit ?? config.maxConcurrentTransactions;
    if (!admits({ open: this.#size, limit, priority: request.priority })) {
      this.#shed++;
      return this.services.fail(client, "overloaded");
    }
    const problem = transactProblem(request, config.participantOf.length);
    if (problem !== undefined) return this.services.fail(client, problem);
    this.#started++;
    const begunAt = this.services.clock.now();
    this.#begin(request, client, { retries: 0, begunAt, chosen: 0 });
  }

  #begin(request: TransactRequest, client: Envelope, attempt: Attempt): void {
    const sequence = this.#sequences.take();
    if (sequence === undefined) return this.services.fail(client, "overloaded");
    const id = { log: this.services.store.id, sequence };
    const epoch = this.services.epoch();
    const { participantOf } = this.config;
    const facts = begunFacts(id, epoch, request, participantOf, { client, ...attempt });
    if (request.protocol === "3pc") return this.#threePhase.begin(facts);
    this.#instances.step(this.#create(facts), { type: "begin" });
  }

  #create(facts: CoordinatorFacts): Instance<CoordinatorFacts> {
    const { voteTimeoutMs, leaseMs, driftPpm } = this.config;
    const instance = this.#instances.create(formatTransactionId(facts.id), {
      participants: facts.peers.length,
      voteTimeoutMs,
      resendMs: this.#roundTrip.waitMs,
      maxBackoff: this.#roundTrip.maxBackoff,
      leaseMs: coordinatorLease(leaseMs, driftPpm),
    }, facts);
    this.#sequences.begin(facts.id, instance);
    return instance;
  }

  // Messages of participants -------------------------------------------------------------------

  /**
   * The instance a message is for, if the sender is who it says it is. Who is in doubt about a
   * transaction that is not known is told what that means.
   */
  #peer(
    { id, ...body }: Indexed,
    envelope: Envelope,
    inDoubt: boolean,
  ): Instance<CoordinatorFacts> | undefined {
    const instance = this.#sequences.find(id);
    if (instance === undefined) {
      const type = this.#sequences.unknown(id) === "abort" ? "abort" : "uncertain";
      if (inDoubt) this.services.send(envelope.from, type, { id }, { urgent: true });
      return undefined;
    }
    if (instance.facts.peers[body.index] === envelope.from) return instance;
    this.services.deadLetter("forbidden", envelope);
    return undefined;
  }

  #fromPeer(type: "ack" | "inquiry", body: Indexed, envelope: Envelope): void {
    const instance = this.#peer(body, envelope, type === "inquiry");
    if (instance !== undefined) this.#instances.step(instance, { type, from: body.index });
  }

  #voteYes(body: VoteYes, envelope: Envelope): void {
    // It may come after an abort that overtook its prepare: who votes is in doubt, and need not ask.
    const instance = this.#peer(body, envelope, true);
    if (instance === undefined) return;
    const { facts } = instance;
    if (facts.askedAt !== undefined) {
      this.#roundTrip.measured(this.services.clock.now() - facts.askedAt);
    }
    this.#dependencies.vote(instance, body);
    if (this.#instances.get(instance.key) === instance) this.#effects.askNext(facts);
  }

  #voteNo(body: VoteNo, envelope: Envelope): void {
    const instance = this.#peer(body, envelope, false);
    if (instance === undefined) return;
    if (isRecord(body.reason)) instance.facts.refusal ??= body.reason as unknown as Refusal;
    this.#instances.step(instance, { type: "voteNo", from: body.index, retryable: body.retryable });
  }

  #held({ id }: Held, envelope: Envelope): void {
    const instance = this.#sequences.find(id);
    if (instance === undefined) return;
    // Each edge speaks for its own copy only.
    const from = instance.facts.holders.findIndex(({ address }) => address === envelope.from);
    if (from < 0) return this.services.deadLetter("forbidden", envelope);
    this.#instances.step(instance, { type: "held", from });
  }

  /** The deadlock detector has chosen a transaction: it is decided, if it was not. */
  #victim({ id }: Victim, envelope: Envelope): void {
    if (envelope.from !== this.config.detector) {
      return this.services.deadLetter("forbidden", envelope);
    }
    const instance = this.#instances.get(id);
    if (instance === undefined) this.#threePhase.victim(id);
    else abortRetryable(instance, DEADLOCK, (it, event) => this.#instances.step(it, event));
    this.services.send(envelope.from, "finished", { id }, { urgent: true });
  }

  /** Begins a transaction that met a conflict again, later; false if it has had its chances. */
  #again(facts: CoordinatorFacts): boolean {
    const { clock, random } = this.services;
    const now = clock.now();
    const moment = { now, roundTripMs: this.#roundTrip.waitMs, chance: random.next() };
    const pause = this.#draining || !this.#logs.begins
      ? undefined
      : retryPause(facts, this.config, moment);
    if (pause === undefined) return false;
    const { request, client, retries, begunAt } = facts;
    const chosen = facts.chosen + (facts.refusal === DEADLOCK ? 1 : 0);
    this.#retried++;
    this.#pauses.begin(now + pause, () => {
      this.#begin(request!, client!, { retries: retries + 1, begunAt, chosen });
    });
    return true;
  }

  /** What stands in for the whole journal so far. */
  #needed(): readonly unknown[] {
    return this.#logs.checkpoint();
  }
}
