/**
 * How a participant performs what the machine of three-phase commit names: locking, journaling,
 * applying, telling.
 *
 * @module
 */
import type { Outcome, ParticipantRecord } from "../protocols/three_phase_commit/messages.ts";
import type {
  ParticipantEffects,
  ParticipantEvent,
  ParticipantJournal,
} from "../protocols/three_phase_commit/participant.ts";
import type { Instance, Perform } from "../runtime/instances.ts";
import type { Services } from "../runtime/role.ts";
import type { Executor } from "./executor.ts";
import type { Leases } from "./leases.ts";
import type { Execution, Refusal } from "./ledger.ts";
import type { Locks } from "./locks.ts";
import type { ParticipantConfig, PreparedEffect } from "./participant_facts.ts";
import { patienceMs, type ThreePhaseFacts } from "./three_phase_facts.ts";

/** The index that stands for the coordinator. */
export const COORDINATOR = -1;

/** Turns that make the average. */
const TURNS = 8;

/** What this protocol works on: all of it the participant's. */
export interface ThreePhaseParts {
  readonly services: Services;
  readonly config: ParticipantConfig;
  readonly locks: Locks;
  // deno-lint-ignore no-explicit-any -- Whatever operations the ledger has.
  readonly executor: Executor<any>;
  readonly leases: () => Leases;
  /** A record was added to the journal. */
  readonly written: () => void;
  /** A coordinator has announced that everything of its log below has ended. */
  readonly raise: (log: string, lowest: number) => void;
  /** An outcome goes to the journal. */
  readonly decided: (instance: Instance<ThreePhaseFacts>, outcome: Outcome) => void;
  /** Whether new transactions are left alone. */
  readonly draining: () => boolean;
}

type Known = Instance<ThreePhaseFacts>;
type Step = (instance: Known, event: ParticipantEvent) => void;

/** The effects of one participant. */
export class ThreePhaseEffects {
  committed = 0;
  /** How long locks are held, on average. */
  #turnMs = 0;

  /** @param step gives an instance an event */
  constructor(private readonly parts: ThreePhaseParts, private readonly step: Step) {}

  /** One function for every effect the machine names. */
  performers(): Record<string, Perform<ThreePhaseFacts>> {
    const { locks, executor, services } = this.parts;
    return {
      acquire: (instance) => this.#acquire(instance),
      withdraw: ({ key }) => locks.release(key),
      release: (instance) => this.#release(instance),
      apply: ({ facts }) => {
        // An operator has decided about these rows: whatever is decided now, they stay as they are.
        if (facts.heuristic === undefined) executor.apply(facts.writes!);
        this.committed++;
      },
      journal: (instance, { record }: ParticipantEffects["journal"]) =>
        this.#journal(instance, record),
      send: ({ facts }, params: ParticipantEffects["send"]) => {
        for (const to of params.to) this.#send(facts, params, to);
      },
      reject: ({ key, facts }) =>
        services.log("warning", `${key}: unexpected message of ${facts.coordinator}`),
    };
  }

  #acquire(instance: Known): void {
    const { facts, key } = instance;
    const { locks, executor } = this.parts;
    const granted = () => this.step(instance, { type: "granted" });
    if (facts.heuristic !== undefined) return granted(); // Its rows are others'.
    if (facts.record !== undefined) {
      return locks.acquire(key, facts.rows.keys, granted, { shared: facts.rows.shared });
    }
    const refusal = executor.unfit(facts.work, this.parts.config.synchronous ?? false) ??
      executor.begin(key, facts.work, (rows, execution) => {
        facts.rows = rows;
        facts.lockedAt = this.parts.services.clock.now();
        this.#executed(instance, execution);
      }, { since: this.parts.services.clock.now(), longestLine: this.#longestLine });
    if (refusal !== undefined) this.#refuse(instance, refusal);
  }

  #release({ key, facts }: Known): void {
    const { locks, services } = this.parts;
    locks.release(key);
    if (facts.lockedAt === undefined) return;
    const turnMs = Math.min(services.clock.now() - facts.lockedAt, patienceMs(this.parts.config));
    this.#turnMs += (turnMs - this.#turnMs) / TURNS;
    facts.lockedAt = undefined;
  }

  /**
   * A line whose end is served when half of its patience is over. In a longer one whoever gets its
   * turn has no patience left where it waits besides, so that hardly anything commits, however many
   * come: a collapse that lasts after the load has gone (Franaszek, Robinson, Thomasian 1992 limit
   * the depth of waits for that reason; two rounds and forced aborts make turns here long).
   */
  get #longestLine(): number {
    return Math.max(1, patienceMs(this.parts.config) / 2 / this.#turnMs);
  }

  #executed(instance: Known, execution: Execution): void {
    const { facts } = instance;
    if (!execution.ok) return this.#refuse(instance, execution.reason);
    const { services, leases } = this.parts;
    const { writes, answer, entries } = execution;
    const { id, coordinator, peers, you, epoch, rows } = facts;
    facts.writes = writes;
    facts.grantedAt = services.clock.wall();
    const effect: PreparedEffect = { ...rows, writes, at: facts.grantedAt };
    facts.record = {
      protocol: "3pc",
      kind: "prepared",
      id,
      coordinator,
      peers,
      you,
      epoch,
      effect,
      answer,
    };
    const now = services.clock.now();
    const leftMs = Math.max(0, ...leases().holders(entries, now).map((it) => it.leftMs));
    const granted = () => this.step(instance, { type: "granted" });
    if (leftMs === 0) return granted();
    // Too late, if it has given up since: then the chart gives the locks back once more.
    services.timers.set(now + leftMs, granted);
  }

  #refuse(instance: Known, refusal: Refusal): void {
    instance.facts.refusal = refusal;
    this.step(instance, { type: "refused", retryable: refusal.retryable ?? false });
  }

  #journal(instance: Known, kind: ParticipantJournal): void {
    const { facts } = instance;
    if (kind === "preCommitted") facts.preCommitted = true;
    if (kind === "committed") this.parts.decided(instance, "commit");
    if (kind === "aborted") this.parts.decided(instance, "abort");
    const record: ParticipantRecord = kind === "prepared"
      ? facts.record!
      : { protocol: "3pc", kind, id: facts.id };
    this.parts.services.journal(record, true, () => {
      this.step(instance, { type: "journaled", record: kind });
    });
    this.parts.written();
  }

  #send(facts: ThreePhaseFacts, params: ParticipantEffects["send"], to: number): void {
    const { id, you: index, epoch } = facts;
    const address = to === COORDINATOR ? facts.coordinator : facts.peers[to];
    if (address === undefined || address === "") return; // Known from an outcome only.
    const { message, outcome, retryable = false } = params;
    // A salvaged journal may lack what it was in.
    const state = facts.heuristic?.decision === "hazard" ? undefined : params.state;
    const conflict: Refusal = { code: "conflict", message: "A lock was not free in time" };
    const body = message === "voteYes"
      ? { id, index, store: this.parts.services.store.id, answer: facts.record!.answer }
      : message === "voteNo"
      ? { id, index, retryable, reason: facts.refusal ?? conflict }
      : {
        id,
        index,
        epoch,
        ...(to === COORDINATOR ? {} : { you: to }),
        ...(outcome === undefined ? {} : { outcome }),
        ...(state === undefined ? {} : { state }),
      };
    this.parts.services.send(address, `3pc.${message}`, body, { urgent: true });
  }
}
