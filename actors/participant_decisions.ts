/**
 * What a participant makes of prepares, decisions, and questions about them, and from whom it takes
 * them: the same whatever keeps its rows.
 *
 * @module
 */
import type {
  Commit,
  Inquiry,
  Prepare,
  TransactionId,
} from "../protocols/two_phase_commit/messages.ts";
import type { ParticipantEvent } from "../protocols/two_phase_commit/participant.ts";
import {
  admitPrepare,
  answerUnknownInquiry,
  mayAckUnknownCommit,
} from "../protocols/two_phase_commit/rules.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Instance } from "../runtime/instances.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import { hasId, isIndex } from "./guards.ts";
import {
  bareFacts,
  isInquiry,
  isPrepare,
  noteCoordinator,
  type ParticipantConfig,
  type ParticipantFacts,
  preparedFacts,
} from "./participant_facts.ts";
import { logLostVote } from "./participant_messages.ts";
import type { Watermarks } from "./watermarks.ts";

/** What decisions work on. */
export interface DecisionParts {
  readonly services: Services;
  readonly config: Pick<ParticipantConfig, "coordinators" | "participants" | "storeSince">;
  /** The id of what votes. */
  readonly store: () => string;
  /** Whether new transactions are left alone. */
  readonly draining: () => boolean;
  readonly watermarks: Watermarks<Instance<ParticipantFacts>>;
  /** Gives an instance an event. */
  readonly step: (instance: Instance<ParticipantFacts>, event: ParticipantEvent) => void;
  /** Makes an instance. */
  readonly begin: (facts: ParticipantFacts) => Instance<ParticipantFacts>;
}

/** Takes `prepare`, `commit`, `abort`, `uncertain` and `inquiry`. */
export class Decisions {
  readonly messages: Readonly<Record<string, MessageHandler>> = {
    prepare: { accepts: isPrepare, handle: (body: Prepare, e) => this.#prepare(body, e) },
    commit: {
      accepts: (b) => hasId(b) && isIndex(b["you"]),
      handle: (body: Commit, e) => this.#commit(body, e),
    },
    abort: { accepts: hasId, handle: (body, e) => this.#decided(body, "abort", e) },
    uncertain: { accepts: hasId, handle: (body, e) => this.#decided(body, "uncertain", e) },
    inquiry: { accepts: isInquiry, handle: (body: Inquiry, e) => this.#inquiry(body, e) },
  };
  readonly #parts: DecisionParts;

  constructor(parts: DecisionParts) {
    this.#parts = parts;
  }

  #prepare(body: Prepare, envelope: Envelope): void {
    const { config, services, watermarks, step, begin, draining } = this.#parts;
    if (!config.coordinators.includes(envelope.from)) {
      return services.deadLetter("forbidden", envelope);
    }
    watermarks.raise(body.id.log, body.lowest);
    const log = watermarks.log(body.id.log);
    const known = log.known.get(body.id.sequence);
    const { sequence } = body.id;
    switch (admitPrepare({ sequence, lowest: log.lowest, known: known !== undefined })) {
      case "stale":
        return;
      case "known":
        noteCoordinator(known!.facts, body.you, envelope.from);
        return step(known!, { type: "prepare" });
      case "begin":
        if (draining()) return; // The coordinator will think of it as a slow one.
        step(begin(preparedFacts(body, envelope.from)), { type: "prepare" });
    }
  }

  #commit(body: Commit, envelope: Envelope): void {
    const log = this.#parts.watermarks.log(body.id.log);
    const sameStore = mayAckUnknownCommit({
      store: body.store,
      ours: this.#parts.store(),
      sequence: body.id.sequence,
      lowest: log.lowest,
    });
    const instance = log.known.get(body.id.sequence);
    if (!this.#mayDecide(envelope.from, instance)) {
      return this.#parts.services.deadLetter("forbidden", envelope);
    }
    if (instance !== undefined) {
      if (this.#parts.config.coordinators.includes(envelope.from)) {
        noteCoordinator(instance.facts, body.you, envelope.from);
      }
      return this.#commitInOrder(instance, sameStore);
    }
    if (!sameStore) return this.#unknownCommit(body, envelope);
    const { id, you: index } = body;
    this.#parts.services.send(envelope.from, "ack", { id, index }, { urgent: true });
  }

  /** What it was built on has committed, or it could not have: it is told first if it does not know. */
  #commitInOrder(last: Instance<ParticipantFacts>, sameStore: boolean): void {
    const { known } = this.#parts.watermarks.log(last.facts.id.log);
    const order = new Set([last]);
    for (const { facts } of order) {
      for (const sequence of facts.after) {
        const ahead = known.get(sequence);
        if (ahead !== undefined) order.add(ahead);
      }
    }
    const inOrder = [...order].sort((a, b) => a.facts.turn - b.facts.turn);
    for (const instance of inOrder) this.#parts.step(instance, { type: "commit", sameStore });
  }

  #unknownCommit(body: Commit, envelope: Envelope): void {
    this.#parts.services.deadLetter("forbidden", envelope);
    if (body.store === undefined) return; // A peer passed it on; the coordinator will say more.
    logLostVote(this.#parts.services, body.id);
  }

  #decided(
    body: { readonly id: TransactionId },
    type: "abort" | "uncertain",
    envelope: Envelope,
  ): void {
    const instance = this.#parts.watermarks.log(body.id.log).known.get(body.id.sequence);
    if (instance === undefined) return; // Forgotten, or never heard of: nothing to undo.
    if (!this.#mayDecide(envelope.from, instance)) {
      return this.#parts.services.deadLetter("forbidden", envelope);
    }
    this.#parts.step(instance, { type });
  }

  /** Who may say what became of a transaction: those who coordinate, and those who take part. */
  #mayDecide(from: string, instance: Instance<ParticipantFacts> | undefined): boolean {
    return this.#parts.config.coordinators.includes(from) || instance?.facts.coordinator === from ||
      instance?.facts.peers.includes(from) === true;
  }

  #inquiry(body: Inquiry, envelope: Envelope): void {
    const { id, index, epoch } = body;
    if (this.#parts.config.participants?.includes(envelope.from) === false) {
      return this.#parts.services.deadLetter("forbidden", envelope);
    }
    const log = this.#parts.watermarks.log(id.log);
    const known = log.known.get(id.sequence);
    if (known !== undefined) {
      const { peers } = known.facts;
      // An outcome's record does not say who else took part: take the asker's word for that.
      if (known.facts.record === undefined && peers[index] === undefined) {
        peers[index] = envelope.from;
      }
      if (peers[index] !== envelope.from) {
        return this.#parts.services.deadLetter("forbidden", envelope);
      }
      return this.#parts.step(known, { type: "inquiry", from: index });
    }
    const answer = answerUnknownInquiry({
      sequence: id.sequence,
      lowest: log.lowest,
      storeComplete: true,
      storeSince: this.#parts.config.storeSince,
      epoch,
    });
    if (answer === "uncertain") {
      this.#parts.services.send(envelope.from, "uncertain", { id }, { urgent: true });
      return;
    }
    const peers: string[] = [];
    peers[index] = envelope.from;
    const facts = { ...bareFacts(id), peers, epoch, you: body.you ?? 0 };
    this.#parts.step(this.#parts.begin(facts), { type: "inquiry", from: index });
  }
}
