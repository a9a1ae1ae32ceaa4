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
import type { ParticipantRecord } from "../protocols/two_phase_commit/messages.ts";
import { formatTransactionId } from "../protocols/two_phase_commit/messages.ts";
import { isThreePhaseRecord } from "../protocols/three_phase_commit/rules.ts";
import { coordinatorLease, recoverParticipant } from "../protocols/two_phase_commit/rules.ts";
import { type Instance, Instances } from "../runtime/instances.ts";
import {
  defineRole,
  type MessageHandler,
  type Role,
  type RoleDefinition,
  type Services,
} from "../runtime/role.ts";
import { aboutTransaction } from "./about.ts";
import { Audit } from "./audit.ts";
import { CHECKPOINT_BYTES, Checkpoints } from "./checkpoints.ts";
import { Executor } from "./executor.ts";
import { Heuristics, type HeuristicsParts } from "./heuristics.ts";
import type { Ledger } from "./ledger.ts";
import { Leases } from "./leases.ts";
import { Locks } from "./locks.ts";
import { LogOwners } from "./log_owners.ts";
import { Decisions } from "./participant_decisions.ts";
import { checkpointRecords, ParticipantEffects } from "./participant_effects.ts";
import {
  bareFacts,
  type ParticipantConfig,
  type ParticipantFacts,
  recoveredFacts,
  UNKNOWN_STANDING,
} from "./participant_facts.ts";
import { Reader } from "./reader.ts";
import { RoundTrip } from "./round_trip.ts";
import { ThreePhaseDoubts } from "./three_phase_doubts.ts";
import { ThreePhaseParticipant } from "./three_phase_participant.ts";
import { WaitReports } from "./wait_reports.ts";
import { Watermarks } from "./watermarks.ts";

const SWEEP_MS = 10_000;
const DOUBT_POLL_MS = 100;

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
  readonly about = aboutTransaction;
  readonly #locks: Locks = new Locks(() => this.#waits.contended());
  readonly #waits: WaitReports;
  readonly #instances: Instances<ParticipantFacts, ParticipantEvent>;
  readonly #watermarks: Watermarks<Instance<ParticipantFacts>>;
  readonly #executor: Executor<Op>;
  readonly #effects: ParticipantEffects;
  readonly #roundTrip: RoundTrip;
  readonly #reader: Reader;
  readonly #threePhase: ThreePhaseParticipant;
  readonly #heuristics: Heuristics;
  readonly #threePhaseDoubts: ThreePhaseDoubts;
  readonly #owners: LogOwners;
  #leases: Leases | undefined;
  #draining = false;
  #sweptShard = 0;
  /** How long doubts of the last restart have lasted, in ms. */
  #recoveryMs = 0;
  readonly #checkpoints: Checkpoints;

  constructor(
    private readonly services: Services,
    private readonly config: ParticipantConfig,
    ledger: Ledger<Op>,
  ) {
    const { checkpointBytes = CHECKPOINT_BYTES } = config;
    this.#roundTrip = new RoundTrip(config.inquireMs, 50);
    this.#checkpoints = new Checkpoints(services, checkpointBytes, () => this.#needed());
    const written = () => this.#checkpoints.written();
    const leases = () => this.#leases!;
    const { detector } = config;
    const standing = (owner: string) => this.#standing(owner);
    this.#waits = new WaitReports({ services, locks: this.#locks, detector, standing });
    this.#executor = new Executor(services, ledger, this.#locks, config.shards);
    const rows = { services, locks: this.#locks, executor: this.#executor, leases, written };
    this.#effects = new ParticipantEffects({
      ...rows,
      step: (instance, event) => this.#instances.step(instance, event),
      find: (owner) => this.#instances.get(owner)?.facts,
    });
    this.#instances = new Instances<ParticipantFacts, ParticipantEvent>({
      engine: services.engine(participant),
      effects: this.#effects.performers(),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      done: ({ facts }) => this.#watermarks.delete(facts.id),
    });
    const forget = (instance: Instance<ParticipantFacts>) =>
      this.#step(instance, { type: "forget" });
    this.#watermarks = new Watermarks(forget, (log, at) => this.#threePhase.raise(log, at));
    this.#reader = new Reader({
      services,
      ledger,
      locks: this.#locks,
      shards: config.shards,
      coordinators: config.coordinators,
      leases,
    });
    this.#threePhase = new ThreePhaseParticipant({
      ...rows,
      config,
      raise: (log, lowest) => this.#watermarks.raise(log, lowest),
      decided: (instance, outcome) => this.#threePhaseDoubts.decided(instance, outcome),
      draining: () => this.#draining,
    });
    const decisions = new Decisions({
      services,
      config,
      store: () => services.store.id,
      draining: () => this.#draining,
      watermarks: this.#watermarks,
      step: (instance, event) => this.#step(instance, event),
      begin: (facts) => this.#begin(facts),
    });
    this.#threePhaseDoubts = new ThreePhaseDoubts({
      ...this.#hands(),
      participants: this.#threePhase,
    });
    this.#heuristics = this.#makeHeuristics();
    const open = () => [...this.#instances, ...this.#threePhase];
    this.#owners = new LogOwners(services, config.roster ?? false, open);
    this.messages = {
      ...this.#owners.messages,
      ...decisions.messages,
      ...this.#threePhase.messages,
      ...this.#heuristics.messages,
      ...this.#waits.messages,
      read: this.#reader.handler,
    };
  }

  /** Of one who waits for locks, or holds some. */
  #standing(owner: string) {
    const { coordinator = "", standing = UNKNOWN_STANDING } = this.#instances.get(owner)?.facts ??
      this.#threePhase.standing(owner) ?? {};
    return { coordinator, ...standing };
  }

  /** What operators' decisions do. */
  #hands(): Pick<HeuristicsParts, "services" | "audit" | "apply" | "release" | "written"> {
    const { services } = this;
    return {
      services,
      audit: new Audit(services),
      apply: (writes) => this.#executor.apply(writes),
      release: (key, writes) => this.#executor.release(key, writes),
      written: () => this.#checkpoints.written(),
    };
  }

  #makeHeuristics(): Heuristics {
    const { config } = this;
    return new Heuristics({
      config,
      participants: this.#instances,
      waitMs: () => this.#roundTrip.waitMs,
      ...this.#hands(),
      find: ({ log, sequence }) => this.#watermarks.log(log).known.get(sequence),
      begin: (facts) => this.#begin(facts),
      others: this.#threePhaseDoubts,
    });
  }

  // Life -------------------------------------------------------------------------------------

  recover(): void {
    const store = this.services.openStore();
    const fresh = this.#executor.seed(this.config.seed);
    const { leaseMs, driftPpm, edges } = this.config;
    const lease = coordinatorLease(leaseMs, driftPpm);
    this.#leases = new Leases(lease, edges, this.services.clock.now(), fresh);
    const records = [...store.records()];
    const own = records.filter((record) => !isThreePhaseRecord(record));
    const found = recoverParticipant(own as ParticipantRecord[]);
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
    for (const each of found.heuristics) this.#heuristics.recover(each);
    const count = found.inDoubt.length;
    if (count > 0) {
      this.services.log("warning", `${count} transactions in doubt after recovery`);
      this.#awaitDecisions(count, this.services.clock.now());
    }
    this.#threePhase.recover(records, found.watermarks);
    this.#threePhaseDoubts.recover();
    this.#sweep();
  }

  /** Says when all that was in doubt after the restart is decided, and how long that took. */
  #awaitDecisions(count: number, since: number): void {
    const { timers, clock } = this.services;
    timers.set(clock.now() + DOUBT_POLL_MS, () => {
      this.#recoveryMs = clock.now() - since;
      const left = this.#doubts().some(({ facts }) => facts.recovered);
      if (left) return this.#awaitDecisions(count, since);
      const took = Math.round(this.#recoveryMs);
      this.services.log("success", `${count} transactions in doubt were decided in ${took} ms`);
    });
  }

  serve(): void {
    this.#owners.serve();
  }

  drain(): void {
    this.#draining = true;
  }

  drained(): boolean {
    return this.#open() + this.#threePhase.open === 0;
  }

  persist(): void {
    this.#checkpoints.take();
  }

  stop(): void {
    this.#instances.clear();
    this.#heuristics.clear();
    this.#threePhaseDoubts.clear();
    this.#threePhase.clear();
  }

  stats(): Record<string, unknown> {
    const census = this.#instances.census();
    return {
      transactions: census,
      threePhase: this.#threePhase.census(),
      inDoubt: (census["inDoubt"] ?? 0) + this.#threePhase.open,
      oldestInDoubtMs: this.#oldestInDoubtMs(),
      recoveryMs: this.#recoveryMs,
      ...this.#heuristics.counts(),
      committed: this.#effects.committed + this.#threePhase.committed,
      lockedRows: this.#locks.size,
      lockWaiters: this.#locks.waiting,
      leases: this.#leases?.size ?? 0,
      journalBytes: this.services.store.journalBytes,
    };
  }

  #doubts(): Instance<ParticipantFacts>[] {
    return [...this.#instances].filter((each) => this.#instances.describe(each) === "inDoubt");
  }

  /** How long ago the oldest transaction that is in doubt got its locks, restarts included. */
  #oldestInDoubtMs(): number {
    const now = this.services.clock.wall();
    const sinces = this.#doubts().map(({ facts }) => facts.grantedAt ?? now);
    return now - Math.min(this.#threePhase.inDoubtSince(now), ...sinces);
  }

  #open(): number {
    let open = 0;
    for (const [state, count] of Object.entries(this.#instances.census())) {
      if (state !== "committed" && state !== "aborted" && state !== "votedNo") open += count;
    }
    return open;
  }

  /** What stands in for the whole journal so far. */
  #needed(): unknown[] {
    return [
      ...checkpointRecords(this.#watermarks, (instance) => this.#instances.describe(instance)),
      ...this.#heuristics.records(),
      ...this.#threePhase.records(),
    ];
  }

  // Instances --------------------------------------------------------------------------------

  /** Where an operator has decided, another chart has taken the participant's place. */
  #step(instance: Instance<ParticipantFacts>, event: ParticipantEvent): void {
    if (!this.#heuristics.takes(instance.key, event)) this.#instances.step(instance, event);
  }

  #begin(facts: ParticipantFacts): Instance<ParticipantFacts> {
    facts.since = this.services.clock.wall();
    this.#owners.redirect(facts);
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

  #sweep(): void {
    const { services, config } = this;
    services.timers.set(services.clock.now() + SWEEP_MS, () => this.#sweep());
    this.#leases!.sweep(services.clock.now());
    this.#executor.sweep(config.shards[this.#sweptShard++ % config.shards.length]!);
  }
}
