/**
 * Three-phase commit as a second protocol of a participant: the same rows, locks and journal.
 *
 * The chart in `protocols/three_phase_commit/participant.ts` decides; this file performs what it
 * names. Its messages travel as `3pc.` and their name, so that both protocols can be under way in one
 * role. Whoever lives may decide, so nobody could be asked to hold leased copies of what changes: a
 * vote waits until the leases have run out, with the rows locked against new ones.
 *
 * @module
 */
import {
  type Abort,
  type Commit,
  formatTransactionId,
  type Inquiry,
  type ParticipantRecord,
  type PreCommit,
  type Prepare,
  type StateReport,
  type StateRequest,
  type TransactionId,
} from "../protocols/three_phase_commit/messages.ts";
import { participant, type ParticipantEvent } from "../protocols/three_phase_commit/participant.ts";
import {
  admitPrepare,
  answerUnknownInquiry,
  isThreePhaseRecord,
  mayAckUnknownCommit,
  recoverParticipant,
} from "../protocols/three_phase_commit/rules.ts";
import type { Envelope } from "../runtime/codec.ts";
import { type Instance, Instances } from "../runtime/instances.ts";
import type { MessageHandler } from "../runtime/role.ts";
import { hasId, isIndex } from "./guards.ts";
import { logLostVote } from "./participant_messages.ts";
import { isPrepare, noteCoordinator, UNKNOWN_STANDING, type Work } from "./participant_facts.ts";
import { COORDINATOR, ThreePhaseEffects, type ThreePhaseParts } from "./three_phase_effects.ts";
import {
  bareFacts,
  neededRecords,
  recoveredFacts,
  type ThreePhaseFacts,
  timesOf,
} from "./three_phase_facts.ts";
import { Watermarks } from "./watermarks.ts";

type Id = { readonly id: TransactionId };
type Known = Instance<ThreePhaseFacts>;

const IN_DOUBT = /^(uncertain|preCommit|collecting|joining|spreading|recovering)/;

/** The transactions of one participant that are run by three-phase commit. */
export class ThreePhaseParticipant {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #instances: Instances<ThreePhaseFacts, ParticipantEvent>;
  readonly #watermarks: Watermarks<Known>;
  readonly #effects: ThreePhaseEffects;

  constructor(private readonly parts: ThreePhaseParts) {
    const { services } = parts;
    this.#effects = new ThreePhaseEffects(parts, (instance, event) => {
      this.#instances.step(instance, event);
    });
    this.#instances = new Instances<ThreePhaseFacts, ParticipantEvent>({
      engine: services.engine(participant),
      effects: this.#effects.performers(),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      done: ({ facts }) => this.#watermarks.delete(facts.id),
    });
    this.#watermarks = new Watermarks((instance) => {
      const state = this.#instances.describe(instance);
      if (isDecided(state)) this.#instances.step(instance, { type: "forget" });
    });
    const accepts = (body: unknown) => hasId(body);
    const isReport = (b: unknown) =>
      hasId(b) && (b["state"] === "uncertain" || b["state"] === "preCommitted");
    const fromPeer = (b: unknown) => hasId(b) && (isIndex(b["index"], 64) || !("index" in b));
    this.messages = {
      "3pc.prepare": {
        accepts: isPrepare,
        handle: (b: Prepare, e) => this.#prepare(b, e),
      },
      "3pc.preCommit": {
        accepts: fromPeer,
        handle: (b: PreCommit, e) => this.#fromLeader("preCommit", b, e),
      },
      "3pc.commit": { accepts, handle: (b: Commit, e) => this.#outcome("commit", b, e) },
      "3pc.abort": { accepts, handle: (b: Abort, e) => this.#outcome("abort", b, e) },
      "3pc.stateRequest": {
        accepts: fromPeer,
        handle: (b: StateRequest, e) => this.#question("stateRequest", b, e),
      },
      "3pc.stateReport": {
        accepts: isReport,
        handle: (b: StateReport, e) => this.#fromLeader("stateReport", b, e),
      },
      "3pc.inquiry": {
        accepts: fromPeer,
        handle: (b: Inquiry, e) => this.#question("inquiry", b, e),
      },
    };
  }

  /** Goes on after a restart; what is undecided has its locks back when it returns. */
  recover(records: readonly unknown[], lowest: Readonly<Record<string, number>>): void {
    for (const [log, mark] of Object.entries(lowest)) this.#watermarks.log(log).lowest = mark;
    const own = records.filter(isThreePhaseRecord) as ParticipantRecord[];
    for (const known of recoverParticipant(own, lowest)) {
      const facts = "prepared" in known ? recoveredFacts(known.prepared) : bareFacts(known.id);
      facts.preCommitted = known.as === "preCommitted";
      facts.heuristic = "heuristic" in known ? known.heuristic : undefined;
      this.#instances.step(this.#begin(facts), { type: "recovered", as: known.as });
    }
  }

  /** A coordinator announces that everything below has ended. */
  raise(log: string, lowest: number): void {
    this.#watermarks.raise(log, lowest);
  }

  /** Who coordinates a transaction, and what speaks for it in a deadlock; undefined: not known here. */
  standing(key: string): Pick<ThreePhaseFacts, "coordinator" | "standing"> | undefined {
    return this.#instances.get(key)?.facts;
  }

  /** How many are in which state. */
  census(): Readonly<Record<string, number>> {
    return this.#instances.census();
  }

  /** Of one transaction; undefined: it is not known here. */
  find({ log, sequence }: TransactionId): Known | undefined {
    return this.#watermarks.log(log).known.get(sequence);
  }

  describe(instance: Known): string {
    return this.#instances.describe(instance);
  }

  /** Whether it is undecided, by operators too. */
  isOpen(instance: Known): boolean {
    return !isDecided(this.describe(instance)) && instance.facts.heuristic === undefined;
  }

  [Symbol.iterator](): Iterator<Known> {
    return this.#instances[Symbol.iterator]();
  }

  /** How many have committed here. */
  get committed(): number {
    return this.#effects.committed;
  }

  /** How many are undecided. */
  get open(): number {
    let open = 0;
    for (const instance of this.#instances) if (this.isOpen(instance)) open++;
    return open;
  }

  /** Since when the oldest that is in doubt, its vote cast, has had its locks: ms since 1970, at most `now`. */
  inDoubtSince(now: number): number {
    let since = now;
    for (const instance of this.#instances) {
      if (!this.isOpen(instance) || !IN_DOUBT.test(this.describe(instance))) continue;
      since = Math.min(since, instance.facts.grantedAt ?? now);
    }
    return since;
  }

  clear(): void {
    this.#instances.clear();
  }

  /** The records that a checkpoint has to keep. */
  *records(): Iterable<ParticipantRecord> {
    for (const instance of this.#instances) {
      yield* neededRecords(instance.facts, this.#instances.describe(instance));
    }
  }

  // Messages ---------------------------------------------------------------------------------

  #prepare(body: Prepare, envelope: Envelope): void {
    const { services, config, draining } = this.parts;
    if (!config.coordinators.includes(envelope.from)) {
      return services.deadLetter("forbidden", envelope);
    }
    this.parts.raise(body.id.log, body.lowest);
    const { known, lowest } = this.#watermarks.log(body.id.log);
    const { sequence } = body.id;
    const instance = known.get(sequence);
    if (admitPrepare({ sequence, lowest, known: instance !== undefined }) === "stale") return;
    if (instance === undefined && draining()) return; // As in two-phase commit: it is a slow one.
    const { id, peers, you, epoch } = body;
    if (instance !== undefined) noteCoordinator(instance.facts, body.you, envelope.from);
    const facts = () => ({
      ...bareFacts(id, you, epoch),
      coordinator: envelope.from,
      peers: [...peers],
      work: body.operations as Work,
      standing: body.standing ?? UNKNOWN_STANDING,
    });
    this.#instances.step(instance ?? this.#begin(facts()), { type: "prepare" });
  }

  /** The instance a message is for and its sender's index in it, -1 for the coordinator. */
  #sender(
    body: Id & { readonly index?: number; readonly you?: number },
    envelope: Envelope,
  ): { readonly instance: Known; readonly from: number } | undefined {
    const instance = this.#watermarks.log(body.id.log).known.get(body.id.sequence);
    if (instance === undefined) return undefined;
    const { facts } = instance;
    const { index } = body;
    if (index === undefined && this.#isCoordinator(envelope.from)) {
      noteCoordinator(facts, body.you, envelope.from);
      return { instance, from: COORDINATOR };
    }
    if (index !== undefined && this.#isPeer(facts, index, envelope.from)) {
      return { instance, from: index };
    }
    this.parts.services.deadLetter("forbidden", envelope);
    return undefined;
  }

  #isCoordinator(address: string): boolean {
    return this.parts.config.coordinators.includes(address);
  }

  #isPeer(facts: ThreePhaseFacts, index: number, address: string): boolean {
    if (this.parts.config.participants?.includes(address) === false) return false;
    if (facts.peers[index] !== undefined) return facts.peers[index] === address;
    // An outcome's record does not say who else took part: take the asker's word for that.
    facts.peers[index] = address;
    return true;
  }

  #fromLeader(
    type: "preCommit" | "stateReport",
    body: PreCommit | StateReport,
    envelope: Envelope,
  ): void {
    const found = this.#sender(body, envelope);
    if (found === undefined) return;
    const { instance, from } = found;
    const event: ParticipantEvent = type === "stateReport"
      ? { type, from, state: (body as StateReport).state }
      : { type, from };
    this.#instances.step(instance, event);
  }

  #outcome(type: "commit" | "abort", body: Commit | Abort, envelope: Envelope): void {
    const { services } = this.parts;
    const { id } = body;
    const { known, lowest } = this.#watermarks.log(id.log);
    const instance = known.get(id.sequence);
    const isCoordinator = this.#isCoordinator(envelope.from);
    if (!isCoordinator && instance?.facts.peers.includes(envelope.from) !== true) {
      return services.deadLetter("forbidden", envelope);
    }
    const ours = services.store.id;
    // A coordinator that was told the outcome after a crash does not know who voted. Below the
    // watermark everybody has acknowledged: it is a late copy, or it has lost its `ended` since.
    const unnamed = type === "abort" || (isCoordinator && id.sequence < lowest) ? ours : undefined;
    const store = "store" in body ? body.store : unnamed;
    const sameStore = mayAckUnknownCommit({ store, ours, sequence: id.sequence, lowest });
    if (instance !== undefined) {
      if (isCoordinator) noteCoordinator(instance.facts, body.you, envelope.from);
      return this.#instances.step(instance, { type, sameStore });
    }
    const index = "you" in body ? body.you : 0;
    if (sameStore) {
      const settled = { id, index, outcome: type };
      return void services.send(envelope.from, "3pc.ack", settled, { urgent: true });
    }
    if (type === "abort") {
      // It has not heard of it yet, and must not begin it when it does.
      const facts = { ...bareFacts(id, index), coordinator: envelope.from };
      return this.#instances.step(this.#begin(facts), { type, sameStore });
    }
    services.deadLetter("forbidden", envelope);
    logLostVote(services, id);
  }

  #question(type: "stateRequest" | "inquiry", body: StateRequest | Inquiry, e: Envelope): void {
    const { config } = this.parts;
    const { id, index, epoch } = body;
    const { known, lowest } = this.#watermarks.log(id.log);
    if (known.get(id.sequence) === undefined) {
      const isPeer = index !== undefined && config.participants?.includes(e.from) !== false;
      if (!isPeer && !this.#isCoordinator(e.from)) {
        return this.parts.services.deadLetter("forbidden", e);
      }
      const { storeSince } = config;
      const own = { sequence: id.sequence, lowest, storeComplete: true, storeSince, epoch };
      if (answerUnknownInquiry(own) === "uncertain") return; // Asked again, or settled long ago.
      this.#begin(bareFacts(id, body.you ?? 0, epoch));
    }
    const found = this.#sender(body, e);
    if (found === undefined) return;
    const { instance, from } = found;
    const state = "state" in body ? body.state : undefined;
    // Of a salvaged journal's own state nobody can be sure: what they were in does not settle it.
    const sure = instance.facts.heuristic?.decision !== "hazard";
    const isTold = type === "inquiry" && state !== undefined && sure;
    this.#instances.step(instance, isTold ? { type, from, state } : { type, from });
  }

  // Instances --------------------------------------------------------------------------------

  #begin(facts: ThreePhaseFacts): Known {
    const { config, services } = this.parts;
    facts.since = services.clock.wall();
    const participants = Math.max(1, facts.peers.length);
    const input = { participants, index: facts.you, ...timesOf(config) };
    const { id } = facts;
    const instance = this.#instances.create(formatTransactionId(id), input, facts);
    this.#watermarks.log(id.log).known.set(id.sequence, instance);
    return instance;
  }
}

function isDecided(state: string): boolean {
  return state === "committed" || state === "aborted";
}
