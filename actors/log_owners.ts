/**
 * Whom a participant asks about a transaction: the owner of its log, which may be another by now than
 * the coordinator that began it.
 *
 * @module
 */
import { ownerOf } from "../protocols/configuration/configuration.ts";
import type { TransactionId } from "../protocols/two_phase_commit/messages.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import { RosterListener } from "./roster_listener.ts";

/** What is known of a transaction's coordinator. */
type Led = { readonly id: TransactionId; coordinator: string };

/** Knows the owners of logs. */
export class LogOwners {
  /** To be taken up into those of the role. */
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #roster: RosterListener;

  /**
   * @param isOrdered whether somebody orders the configuration
   * @param open the transactions that are not over
   */
  constructor(
    services: Services,
    private readonly isOrdered: boolean,
    open: () => Iterable<{ readonly facts: Led }>,
  ) {
    this.#roster = new RosterListener(services, () => {
      for (const { facts } of open()) this.redirect(facts);
    });
    this.messages = this.#roster.messages;
  }

  /** Asks who owns what by now. */
  serve(): void {
    if (this.isOrdered) this.#roster.ask();
  }

  /** Has a transaction ask the owner of its log; one that does not know its coordinator stays so. */
  redirect(facts: Led): void {
    const { now } = this.#roster;
    if (now === undefined || facts.coordinator === "") return;
    const owner = ownerOf(now, facts.id.log);
    if (owner !== undefined) facts.coordinator = `${owner}/coordinator`;
  }
}
