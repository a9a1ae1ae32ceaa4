/**
 * How a participant performs what its machine names: locking, journaling, applying, telling.
 *
 * @module
 */
import type { ParticipantEvent } from "../protocols/two_phase_commit/participant.ts";
import type { ParticipantRecord, TransactionId } from "../protocols/two_phase_commit/messages.ts";
import type { Instance, Perform } from "../runtime/instances.ts";
import type { Services } from "../runtime/role.ts";
import type { Executor } from "./executor.ts";
import type { Leases } from "./leases.ts";
import type { Execution, Refusal } from "./ledger.ts";
import type { Locks } from "./locks.ts";
import type { ParticipantFacts, PreparedEffect } from "./participant_facts.ts";
import { participantMessages } from "./participant_messages.ts";
import type { Watermarks } from "./watermarks.ts";

type Executed = Extract<Execution, { ok: true }>;
type ForcedKind = Extract<ParticipantEvent, { type: "journaled" }>["record"];

/** What the effects work on. */
export interface ParticipantParts {
  readonly services: Services;
  readonly locks: Locks;
  readonly executor: Pick<Executor<never>, "begin" | "apply" | "draft" | "release">;
  readonly leases: () => Leases;
  /** Gives an instance an event. */
  readonly step: (instance: Instance<ParticipantFacts>, event: ParticipantEvent) => void;
  /** What is known of an owner of locks. */
  readonly find: (owner: string) => ParticipantFacts | undefined;
  /** A record was added to the journal. */
  readonly written: () => void;
}

/** The effects of one participant. */
export class ParticipantEffects {
  readonly #parts: ParticipantParts;
  /** Transactions applied so far. */
  committed = 0;
  #turns = 0;

  constructor(parts: ParticipantParts) {
    this.#parts = parts;
  }

  /** One function for every effect the machine names. */
  performers(): Record<string, Perform<ParticipantFacts>> {
    const { services } = this.#parts;
    return {
      acquire: (instance) => this.#acquire(instance),
      withdraw: ({ key }) => this.#parts.locks.release(key),
      release: ({ key, facts }) => this.#parts.executor.release(key, facts.writes),
      apply: ({ facts }) => {
        this.#parts.executor.apply(facts.writes!);
        for (const { after } of facts.followers) after.delete(facts.id.sequence);
        this.committed++;
      },
      journal: (instance, params: { record: ParticipantRecord["kind"]; forced: boolean }) =>
        this.#journal(instance, params.record, params.forced),
      ...participantMessages(services, () => services.store.id),
    };
  }

  #acquire(instance: Instance<ParticipantFacts>): void {
    const { facts, key } = instance;
    const lane = facts.alone ? {} : { lane: facts.id.log };
    const options = { ...lane, since: facts.standing.begunAt };
    if (facts.record !== undefined) {
      // Recovered in doubt: what it will write is decided, its rows are locked before anyone else.
      const granted = () => {
        this.#follow(instance);
        this.#parts.step(instance, { type: "granted" });
      };
      const { keys, shared } = facts;
      return this.#parts.locks.acquire(key, keys, granted, { ...options, shared });
    }
    const refusal = this.#parts.executor.begin(key, facts.work, ({ keys, shared }, execution) => {
      facts.keys = keys;
      facts.shared = shared;
      if (execution.ok) this.#grant(instance, execution);
      else this.#refuse(instance, execution.reason);
    }, options);
    if (refusal !== undefined) this.#refuse(instance, refusal);
  }

  #grant(instance: Instance<ParticipantFacts>, execution: Executed): void {
    const { facts } = instance;
    const { writes, answer, entries } = execution;
    const { id, coordinator, peers, you, epoch, keys, shared } = facts;
    facts.writes = writes;
    facts.grantedAt = this.#parts.services.clock.wall();
    for (const id of this.#follow(instance)) facts.after.add(id.sequence);
    facts.record = {
      kind: "prepared",
      id,
      coordinator,
      peers,
      you,
      epoch,
      effect: {
        keys,
        ...(shared.length === 0 ? {} : { shared }),
        writes,
        at: facts.grantedAt,
      } satisfies PreparedEffect,
      answer,
      entries,
      holders: this.#parts.leases().holders(entries, this.#parts.services.clock.now()),
      ...(facts.after.size === 0 ? {} : { after: [...facts.after] }),
    };
    this.#parts.step(instance, { type: "granted" });
  }

  /** Takes its place behind those it builds on, and lets others build on it. */
  #follow({ key, facts }: Instance<ParticipantFacts>): TransactionId[] {
    facts.turn = ++this.#turns;
    const ahead = this.#parts.locks.dependencies(key).map((owner) => this.#parts.find(owner)!);
    for (const each of ahead) each.followers.push(facts);
    this.#parts.executor.draft(key, facts.writes!);
    return ahead.map(({ id }) => id);
  }

  #refuse(instance: Instance<ParticipantFacts>, refusal: Refusal): void {
    instance.facts.refusal = refusal;
    const retryable = refusal.retryable ?? false;
    this.#parts.step(instance, { type: "refused", retryable });
  }

  #journal(
    instance: Instance<ParticipantFacts>,
    kind: ParticipantRecord["kind"],
    forced: boolean,
  ): void {
    const { facts } = instance;
    const record = kind === "prepared" ? facts.record! : { kind, id: facts.id };
    const durable = () => {
      this.#parts.step(instance, { type: "journaled", record: kind as ForcedKind });
    };
    this.#parts.services.journal(record, forced, forced ? durable : undefined);
    this.#parts.written();
  }
}

/** The records a participant has to keep: watermarks, outcomes above them, and open promises. */
export function checkpointRecords(
  watermarks: Watermarks<Instance<ParticipantFacts>>,
  describe: (instance: Instance<ParticipantFacts>) => string,
): ParticipantRecord[] {
  const records: ParticipantRecord[] = [];
  for (const [log, { lowest, known }] of watermarks) {
    records.push({ kind: "watermark", log, lowest });
    for (const instance of known.values()) {
      const { id, record } = instance.facts;
      const state = describe(instance);
      if (state === "committed" || state === "committing") {
        records.push({ kind: "committed", id });
      } else if (state === "aborted" || state === "refusing") {
        records.push({ kind: "refused", id });
      } else if (record !== undefined && state !== "votedNo") records.push(record);
    }
  }
  return records;
}
