/**
 * How a coordinator performs what its machine names: journaling, sending, answering.
 *
 * @module
 */
import type { CoordinatorEvent } from "../protocols/two_phase_commit/coordinator.ts";
import {
  type CoordinatorRecord,
  formatTransactionId,
} from "../protocols/two_phase_commit/messages.ts";
import { Histogram } from "../runtime/histogram.ts";
import type { Instance, Perform } from "../runtime/instances.ts";
import type { Services } from "../runtime/role.ts";
import { type CoordinatorFacts, standingOf } from "./coordinator_facts.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Sequences } from "./sequences.ts";
import type { Fate } from "./transact.ts";

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

/** What the effects work on. */
export interface CoordinatorParts {
  readonly services: Services;
  readonly sequences: Sequences;
  /** Gives an instance an event. */
  readonly step: (instance: Instance<CoordinatorFacts>, event: CoordinatorEvent) => void;
  readonly dependencies: Dependencies;
  /** Begins an aborted transaction again, if it may still succeed; false if not. */
  readonly again: (facts: CoordinatorFacts) => boolean;
  /** A record was added to the journal. */
  readonly written: () => void;
}

/** The effects of one coordinator. */
export class CoordinatorEffects {
  readonly counts = { committed: 0, aborted: 0, refused: 0 };
  /** From request to answer. */
  readonly latency = new Histogram();
  readonly #parts: CoordinatorParts;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
  }

  /** One function for every effect the machine names. */
  performers(): Record<string, Perform<CoordinatorFacts>> {
    return {
      journal: (instance, params: { record: CoordinatorRecord["kind"]; forced: boolean }) =>
        this.#journal(instance, params.record, params.forced),
      send: ({ facts }, params: { message: string; to: readonly number[] }) => {
        const inTurn = params.message === "prepare" && facts.chosen > 0;
        for (const index of inTurn ? firstAsked(facts, params.to) : params.to) {
          this.#send(facts, params.message, index);
        }
      },
      sendHolders: ({ facts }, params: HolderParams) => this.#sendHolders(facts, params),
      reply: (instance, params: ReplyParams) => this.reply(instance.facts, params),
      forget: ({ facts }) => this.#parts.sequences.end(facts.id),
      reject: ({ key }) => this.#parts.services.log("warning", `${key}: unexpected message`),
    };
  }

  #journal(
    instance: Instance<CoordinatorFacts>,
    kind: CoordinatorRecord["kind"],
    forced: boolean,
  ): void {
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
    const durable = () => this.#parts.step(instance, { type: "journaled", record: "commit" });
    this.#parts.services.journal(record, forced, forced ? durable : undefined);
    this.#parts.written();
    if (kind === "commit") this.#parts.dependencies.committed(facts);
    else if (kind === "aborted") this.#parts.dependencies.aborted(facts);
  }

  /** Asks the next participant, where they are asked one by one and one has voted. */
  askNext(facts: CoordinatorFacts): void {
    if (facts.chosen === 0 || facts.record !== undefined) return;
    const silent = facts.peers.keys().filter((index) => facts.stores[index] === undefined);
    for (const index of firstAsked(facts, [...silent])) this.#send(facts, "prepare", index);
  }

  #send(facts: CoordinatorFacts, message: string, index: number): void {
    const { id, peers } = facts;
    const body = message === "prepare"
      ? {
        id,
        lowest: this.#parts.sequences.lowest,
        peers,
        you: index,
        epoch: facts.epoch,
        operations: facts.work[index],
        standing: standingOf(facts),
        // Where much is aborted, what builds on it is aborted with it, over and over.
        ...(facts.retries > 0 ? { alone: true } : {}),
      }
      : message === "commit"
      ? { id, you: index, store: facts.stores[index] }
      : { id };
    if (message === "prepare") {
      // An answer to a message that was sent twice measures nothing.
      facts.askedAt = facts.askedAt === undefined ? this.#parts.services.clock.now() : NaN;
      if (Number.isNaN(facts.askedAt)) facts.askedAt = undefined;
    }
    const urgent = message !== "prepare";
    const sent = this.#parts.services.send(peers[index]!, message, body, { urgent });
    if (sent === "full") this.counts.refused++; // The resend timer tries again.
  }

  #sendHolders(facts: CoordinatorFacts, { message, outcome, to }: HolderParams): void {
    for (const index of to) {
      const { address } = facts.holders[index]!;
      const entries = [...facts.entries];
      const body = message === "hold"
        ? { id: facts.id, entry: entries }
        : { id: facts.id, outcome, entry: entries };
      this.#parts.services.send(address, message, body, { urgent: true });
    }
  }

  /** Answers the client, unless the transaction is begun again. */
  reply(facts: CoordinatorFacts, params: ReplyParams): void {
    const { client, request } = facts;
    if (params.outcome === "committed") this.counts.committed++;
    else this.counts.aborted++;
    if (client === undefined || request === undefined) return;
    if (params.outcome === "aborted" && params.retryable && this.#parts.again(facts)) return;
    this.latency.record(this.#parts.services.clock.now() - facts.begunAt);
    const fate: Fate = params.outcome === "committed"
      ? { outcome: "committed", answer: facts.answer }
      : {
        outcome: "aborted",
        retryable: params.retryable ?? false,
        reason: params.reason ?? "refused",
        ...(facts.refusal === undefined ? {} : { refusal: facts.refusal }),
      };
    const name = request.named === true ? { transaction: formatTransactionId(facts.id) } : {};
    this.#parts.services.reply(client, { ...fate, ...name });
  }
}

/**
 * Who of those that have not voted is asked when they are asked one by one, all coordinators in the
 * same order: victims of deadlocks take their locks so when they try again, and cannot wait for one another
 * in a circle (Havender 1968, "Avoiding deadlock in multitasking systems").
 */
function firstAsked({ peers }: CoordinatorFacts, silent: readonly number[]): number[] {
  return silent.toSorted((a, b) => peers[a]! < peers[b]! ? -1 : 1).slice(0, 1);
}
