/**
 * Operators' decisions about transactions in doubt, at one participant: performs what the chart in
 * `protocols/two_phase_commit/heuristic.ts` names, and keeps the audit.
 *
 * @module
 */
import {
  heuristic,
  type HeuristicEffects,
  type HeuristicEvent,
} from "../protocols/two_phase_commit/heuristic.ts";
import type { HeuristicRecord, TransactionId } from "../protocols/two_phase_commit/messages.ts";
import { formatTransactionId } from "../protocols/two_phase_commit/messages.ts";
import type { ParticipantEvent } from "../protocols/two_phase_commit/participant.ts";
import type { HeuristicRecovery } from "../protocols/two_phase_commit/recovery.ts";
import type { Envelope } from "../runtime/codec.ts";
import { type Instance, Instances } from "../runtime/instances.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import { hasId } from "./guards.ts";
import type { Audit } from "./audit.ts";
import { auditDecision, investigate, logVerdict } from "./investigation.ts";
import type { Writes } from "./ledger.ts";
import {
  isResolveRequest,
  type Knowledge,
  listOpen,
  type OpenTransaction,
  type ResolveReply,
  type ResolveRequest,
} from "./open_transactions.ts";
import {
  bareFacts,
  entangled,
  type ParticipantConfig,
  type ParticipantFacts,
  recoveredFacts,
} from "./participant_facts.ts";
import type { ThreePhaseDoubts } from "./three_phase_doubts.ts";

const MAX_BACKOFF = 6;

/** States from which a yes may follow, or has not been asked for: the protocol will settle it. */
const KNOWLEDGE: Readonly<Record<string, Knowledge>> = {
  committing: "commit",
  committed: "commit",
  aborted: "abort",
  inDoubt: "uncertain",
};

interface Facts {
  readonly record: HeuristicRecord;
  readonly participant: Instance<ParticipantFacts>;
  readonly asker: Envelope | undefined;
  refusal: string;
}

/** What the decisions work on. */
export interface HeuristicsParts {
  readonly services: Services;
  readonly audit: Audit;
  readonly config: ParticipantConfig;
  readonly participants: Instances<ParticipantFacts, ParticipantEvent>;
  /** How long an answer is waited for, in ms. */
  readonly waitMs: () => number;
  readonly apply: (writes: Writes) => void;
  readonly release: (key: string, writes: Writes | undefined) => void;
  readonly find: (id: TransactionId) => Instance<ParticipantFacts> | undefined;
  readonly begin: (facts: ParticipantFacts) => Instance<ParticipantFacts>;
  /** A record was added to the journal. */
  readonly written: () => void;
  /** What is in doubt by another protocol. */
  readonly others: Pick<ThreePhaseDoubts, "find" | "resolve" | "knowledge" | "list" | "counts">;
}

/** The heuristic decisions of one participant. */
export class Heuristics {
  /** Takes `transactions`, `resolve` and `outcome`. */
  readonly messages: Readonly<Record<string, MessageHandler>> = {
    transactions: {
      accepts: () => true,
      handle: (_, e) => this.#ifAllowed(e, () => this.#list()),
    },
    resolve: {
      accepts: (body) => isResolveRequest(body) && hasId(body),
      handle: (body: ResolveRequest, e) => this.#ifAllowed(e, () => this.#resolve(body, e)),
    },
    outcome: {
      accepts: hasId,
      handle: (body: { readonly id: TransactionId }, e) => {
        const { participants } = this.#parts.config;
        if (participants?.includes(e.from) === false) return this.#forbid(e);
        this.#parts.services.reply(e, this.#knowledge(body.id));
      },
    },
  };
  readonly #parts: HeuristicsParts;
  readonly #instances: Instances<Facts, HeuristicEvent>;
  #mixed = 0;

  constructor(parts: HeuristicsParts) {
    this.#parts = parts;
    const { services } = parts;
    this.#instances = new Instances<Facts, HeuristicEvent>({
      engine: services.engine(heuristic),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      effects: {
        investigate: (instance) => void this.#investigate(instance),
        complete: ({ facts }, params: HeuristicEffects["complete"]) =>
          this.#complete(facts, params),
        journal: (instance, params: HeuristicEffects["journal"]) => this.#journal(instance, params),
        confirm: ({ facts }) => this.#answer(facts, { ok: true }),
        refuse: ({ facts }) =>
          this.#answer(facts, { ok: false, code: "known", message: facts.refusal }),
        inquire: ({ facts }) => this.#inquire(facts.participant.facts),
        sendUncertain: ({ facts }, { to }: HeuristicEffects["sendUncertain"]) => {
          const peer = facts.participant.facts.peers[to];
          if (peer === undefined) return;
          services.send(peer, "uncertain", { id: facts.record.id }, { urgent: true });
        },
        report: ({ facts }, params: HeuristicEffects["report"]) => this.#report(facts, params),
        handOver: ({ key, facts }, { outcome }: HeuristicEffects["handOver"]) =>
          queueMicrotask(() => this.#handOver(key, facts, outcome)),
        reject: ({ key }) => services.log("warning", `${key}: unexpected event for a heuristic`),
      },
    });
  }

  // Life -------------------------------------------------------------------------------------

  /** Takes up a decision that was not settled before a restart. */
  recover({ heuristic: record, prepared }: HeuristicRecovery): void {
    const participant = this.#parts.begin(recoveredFacts(prepared));
    this.#parts.participants.drop(participant);
    const instance = this.#create({ record, participant, asker: undefined, refusal: "" });
    this.#instances.step(instance, { type: "recovered", decision: record.decision });
    this.#parts.audit.complete(record);
  }

  /** Ends all lives without a word: the role is going. */
  clear(): void {
    this.#instances.clear();
  }

  /** The records that a checkpoint has to keep. */
  records(): HeuristicRecord[] {
    return [...this.#instances].filter((each) => this.#isDecided(each))
      .map(({ facts }) => facts.record);
  }

  /** Figures for metrics. */
  counts(): Readonly<Record<string, number>> {
    const { open, mixed } = this.#parts.others.counts();
    return { heuristicsOpen: this.#instances.size + open, heuristicsMixed: this.#mixed + mixed };
  }

  #isDecided(instance: Instance<Facts>): boolean {
    return this.#instances.describe(instance) !== "investigating";
  }

  /** Whether an event is for the chart that took the participant's place; gives it to it. */
  takes(key: string, event: ParticipantEvent): boolean {
    const instance = this.#instances.get(key);
    if (instance === undefined || !this.#isDecided(instance)) return false;
    this.#instances.step(instance, event as HeuristicEvent);
    return true;
  }

  // Requests ---------------------------------------------------------------------------------

  #forbid(envelope: Envelope): void {
    this.#parts.services.deadLetter("forbidden", envelope);
    this.#parts.services.fail(envelope, "forbidden");
  }

  #ifAllowed(envelope: Envelope, action: () => unknown): void {
    if (envelope.from !== this.#parts.config.overseer) return this.#forbid(envelope);
    const answer = action();
    if (answer !== undefined) this.#parts.services.reply(envelope, answer);
  }

  #resolve({ id, decision, operator, reason }: ResolveRequest, asker: Envelope): unknown {
    const key = formatTransactionId(id);
    if (this.#parts.others.find(id)) {
      return this.#parts.others.resolve({ id, decision, operator, reason }, asker);
    }
    const participant = this.#parts.find(id);
    const state = participant === undefined ? "unknown here" : this.#stateOf(participant);
    if (participant === undefined || state !== "inDoubt" || this.#instances.get(key)) {
      const message = `${key} is not in doubt at ${this.#parts.services.address}: it is ${state}`;
      return { ok: false, code: "notInDoubt", message } satisfies ResolveReply;
    }
    const others = entangled(participant.facts, decision).map(this.#parts.find)
      .filter((it) => it !== undefined && this.#stateOf(it) === "inDoubt");
    if (others.length > 0) {
      const which = decision === "commit" ? "it builds on" : "built on it";
      const names = others.map((it) => it!.key).join(", ");
      const message = `${key}: decide about what ${which} first: ${names}`;
      return { ok: false, code: "dependent", message } satisfies ResolveReply;
    }
    const at = this.#parts.services.clock.wall();
    const record: HeuristicRecord = { kind: "heuristic", id, decision, operator, reason, at };
    const instance = this.#create({ record, participant, asker, refusal: "" });
    this.#instances.step(instance, { type: "resolve", decision });
    return undefined;
  }

  #create(facts: Facts): Instance<Facts> {
    const input = { inquireMs: this.#parts.waitMs(), maxBackoff: MAX_BACKOFF };
    return this.#instances.create(formatTransactionId(facts.record.id), input, facts);
  }

  #stateOf(participant: Instance<ParticipantFacts>): string {
    const instance = this.#instances.get(participant.key);
    if (instance !== undefined && this.#isDecided(instance)) return "decided heuristically";
    return this.#parts.participants.describe(participant);
  }

  #knowledge(id: TransactionId): Knowledge {
    const participant = this.#parts.find(id);
    if (participant === undefined) return this.#parts.others.knowledge(id);
    const state = this.#stateOf(participant);
    return state === "decided heuristically" ? "uncertain" : KNOWLEDGE[state] ?? "open";
  }

  #investigate(instance: Instance<Facts>): Promise<void> {
    const { services, participants } = this.#parts;
    return investigate(services, instance.facts, {
      stateOf: () => participants.describe(instance.facts.participant),
      inDoubt: "inDoubt",
      step: (event) => this.#instances.step(instance, event),
    });
  }

  #answer({ asker }: Facts, reply: ResolveReply): void {
    if (asker !== undefined) this.#parts.services.reply(asker, reply);
  }

  // Effects ----------------------------------------------------------------------------------

  #complete({ participant }: Facts, { decision }: HeuristicEffects["complete"]): void {
    if (decision === "commit") this.#parts.apply(participant.facts.writes!);
    this.#parts.participants.drop(participant);
    this.#parts.release(participant.key, participant.facts.writes);
  }

  #journal(instance: Instance<Facts>, { record: kind }: HeuristicEffects["journal"]): void {
    const { services } = this.#parts;
    const { record, record: { id } } = instance.facts;
    if (kind === "heuristic") auditDecision(services, this.#parts.audit, record);
    const outcome = { kind: kind === "commit" ? "committed" : "aborted", id } as const;
    const told = kind === "heuristic" ? "heuristic" : "settled";
    const durable = () => this.#instances.step(instance, { type: "journaled", record: told });
    services.journal(kind === "heuristic" ? record : outcome, true, durable);
    this.#parts.written();
  }

  #report({ record }: Facts, { verdict, real }: HeuristicEffects["report"]): void {
    this.#parts.audit.write(record, verdict);
    if (logVerdict(this.#parts.services, record, verdict, real)) this.#mixed++;
  }

  #inquire({ coordinator, peers, you: index, id, epoch }: ParticipantFacts): void {
    const { services } = this.#parts;
    services.send(coordinator, "inquiry", { id, index, epoch }, { urgent: true });
    for (const [you, peer] of peers.entries()) {
      if (you === index) continue;
      services.send(peer, "inquiry", { id, index, you, epoch }, { urgent: true });
    }
  }

  /** The participant's chart goes on where it would be, had it heard the decision itself. */
  #handOver(key: string, { participant }: Facts, outcome: "commit" | "abort"): void {
    const { id, coordinator, you, peers, epoch } = participant.facts;
    const facts = { ...bareFacts(id), coordinator, you, peers, epoch };
    const again = this.#parts.begin(facts);
    const { participants, services } = this.#parts;
    const as = outcome === "commit" ? "committed" : "aborted";
    participants.step(again, { type: "recovered", as });
    if (outcome === "commit") participants.step(again, { type: "commit", sameStore: true });
    services.log("info", `${key} is settled: ${outcome}`);
    services.wake();
  }

  #list(): { open: OpenTransaction[]; heuristics: unknown[] } {
    const { participants, services } = this.#parts;
    const open = listOpen(services, participants, (instance) => {
      const state = participants.describe(instance);
      if (state === "committed" || state === "aborted") return undefined;
      const { coordinator, keys, since } = instance.facts;
      const locks = state === "votedNo" || state === "refusing" ? [] : [...keys];
      return { state, since, coordinator, locks };
    });
    return { open: [...open, ...this.#parts.others.list()], heuristics: this.#parts.audit.all() };
  }
}
