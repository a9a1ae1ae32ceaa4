/**
 * Which transactions of a coordinator depend on which: a vote may be given on the condition that
 * others of the same log commit, and these tell those that wait for them how they ended.
 *
 * @module
 */
import type { CoordinatorEvent } from "../protocols/two_phase_commit/coordinator.ts";
import type { TransactionId, VoteYes } from "../protocols/two_phase_commit/messages.ts";
import type { Instance } from "../runtime/instances.ts";
import { type CoordinatorFacts, noteVote } from "./coordinator_facts.ts";
import type { Refusal } from "./ledger.ts";
import { abortRetryable, DEADLOCK } from "./retries.ts";

type Transaction = Instance<CoordinatorFacts>;

/** Why a transaction was aborted after another one. */
const BUILT_ON_ABORTED: Refusal = {
  code: "conflict",
  message: "A transaction that this one built on was aborted",
  retryable: true,
};

/** The dependencies of the transactions of one log. */
export class Dependencies {
  constructor(
    private readonly find: (id: TransactionId) => Transaction | undefined,
    private readonly step: (instance: Transaction, event: CoordinatorEvent) => void,
  ) {}

  /**
   * Counts a vote, with what it depends on.
   *
   * A transaction that is not known any more is taken to have aborted: the voter had not
   * acknowledged its commit, so a commit would still be remembered. A vote that an acknowledgement
   * has overtaken ends in an abort that was not necessary.
   */
  vote(instance: Transaction, body: VoteYes): void {
    const { facts } = instance;
    const { id: { log }, index: from, after = [] } = body;
    const first = facts.stores[from] === undefined; // What a vote depends on never grows.
    const holders = noteVote(facts, body);
    for (const sequence of first ? after : []) {
      const ahead = this.find({ log, sequence });
      if (ahead === undefined) return this.#abort(instance, BUILT_ON_ABORTED);
      if (ahead.facts.record !== undefined) continue; // Its commit is in the log.
      if (this.#waitsFor(ahead, instance)) return this.#abort(instance, DEADLOCK);
      facts.dependsOn.add(sequence);
      ahead.facts.dependents.push(instance);
    }
    const dependent = facts.dependsOn.size > 0;
    this.step(instance, { type: "voteYes", from, holders, dependent });
  }

  /**
   * Whether one transaction waits for another. Two participants may have met them in different order:
   * that circle is seen here at once. Those that go through other coordinators are the detector's.
   */
  #waitsFor(first: Transaction, other: Transaction): boolean {
    const { log } = first.facts.id;
    const met = new Set([first]);
    for (const { facts } of met) {
      for (const sequence of facts.dependsOn) {
        const ahead = this.find({ log, sequence });
        if (ahead === other) return true;
        if (ahead !== undefined) met.add(ahead);
      }
    }
    return first === other;
  }

  /** The commit of a transaction is in the log, before whatever is appended now. */
  committed({ id, dependents }: CoordinatorFacts): void {
    for (const each of dependents) {
      const { dependsOn } = each.facts;
      if (dependsOn.delete(id.sequence) && dependsOn.size === 0) {
        this.step(each, { type: "dependenciesMet" });
      }
    }
  }

  /** A transaction was aborted. */
  aborted({ dependents }: CoordinatorFacts): void {
    for (const each of dependents) this.#abort(each, BUILT_ON_ABORTED);
  }

  #abort(instance: Transaction, refusal: Refusal): void {
    abortRetryable(instance, refusal, this.step);
  }
}
