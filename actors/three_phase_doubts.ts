/**
 * Operators' decisions about three-phase commits that wait for participants that have failed.
 *
 * Only who is `recovering` waits for good; all else decides by itself. The chart of the decision is
 * that of two-phase commit, but it does not take the participant's place: that one goes on asking, and
 * counts for the others as one that is back. Its outcome, when it has one, is what the decision is
 * judged by, and writes no rows any more.
 *
 * @module
 */
import type { HeuristicRecord, Outcome } from "../protocols/three_phase_commit/messages.ts";
import {
  heuristic,
  type HeuristicEffects,
  type HeuristicEvent,
} from "../protocols/two_phase_commit/heuristic.ts";
import type { TransactionId } from "../protocols/two_phase_commit/messages.ts";
import type { Envelope } from "../runtime/codec.ts";
import { type Instance, Instances } from "../runtime/instances.ts";
import type { Services } from "../runtime/role.ts";
import type { Audit } from "./audit.ts";
import { auditDecision, investigate, logVerdict } from "./investigation.ts";
import type { Writes } from "./ledger.ts";
import {
  type Knowledge,
  listOpen,
  type OpenTransaction,
  type ResolveReply,
  type ResolveRequest,
} from "./open_transactions.ts";
import type { ThreePhaseFacts } from "./three_phase_facts.ts";
import type { ThreePhaseParticipant } from "./three_phase_participant.ts";

/** The state of one that has failed undecided, and waits. */
const IN_DOUBT = "recovering";
const MAX_BACKOFF = 6;

const KNOWLEDGE: readonly (readonly [state: RegExp, known: Knowledge])[] = [
  [/^commit/, "commit"],
  [/^(abort|refus)/, "abort"],
  [/^recovering$/, "recovering"],
];

type Known = Instance<ThreePhaseFacts>;

interface Facts {
  readonly record: HeuristicRecord;
  readonly participant: Known;
  readonly asker: Envelope | undefined;
  refusal: string;
  /** What was decided before the operator's decision was durable. */
  outcome: Outcome | undefined;
}

/** What the decisions work on. */
export interface ThreePhaseDoubtsParts {
  readonly services: Services;
  readonly audit: Pick<Audit, "write" | "complete">;
  readonly participants: Pick<
    ThreePhaseParticipant,
    "find" | "describe" | "isOpen" | typeof Symbol.iterator
  >;
  readonly apply: (writes: Writes) => void;
  readonly release: (key: string, writes: Writes | undefined) => void;
  /** A record was added to the journal. */
  readonly written: () => void;
}

/** The decisions at one participant. */
export class ThreePhaseDoubts {
  readonly #instances: Instances<Facts, HeuristicEvent>;
  #mixed = 0;

  constructor(private readonly parts: ThreePhaseDoubtsParts) {
    const { services } = parts;
    const nothing = () => {};
    this.#instances = new Instances<Facts, HeuristicEvent>({
      engine: services.engine(heuristic),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      effects: {
        investigate: (instance) => void this.#investigate(instance),
        complete: ({ facts }) => this.#complete(facts),
        journal: (instance, params: HeuristicEffects["journal"]) => this.#journal(instance, params),
        confirm: ({ facts }) => this.#answer(facts, { ok: true }),
        refuse: ({ facts }) =>
          this.#answer(facts, { ok: false, code: "known", message: facts.refusal }),
        report: ({ facts: { record } }, { verdict, real }: HeuristicEffects["report"]) => {
          parts.audit.write(record, verdict);
          if (logVerdict(services, record, verdict, real)) this.#mixed++;
        },
        // The participant asks and answers as ever.
        inquire: nothing,
        sendUncertain: nothing,
        handOver: nothing,
        reject: ({ key }) => services.log("warning", `${key}: unexpected event for a heuristic`),
      },
    });
  }

  /** Takes up the decisions that were not settled before a restart. */
  recover(): void {
    for (const participant of this.parts.participants) {
      const record = participant.facts.heuristic;
      if (record === undefined) continue;
      this.parts.audit.complete(record);
      const { decision } = record;
      this.#instances.step(this.#create(record, participant), { type: "recovered", decision });
    }
  }

  /** Ends all lives without a word: the role is going. */
  clear(): void {
    this.#instances.clear();
  }

  /** Whether a transaction is known here by three-phase commit. */
  find(id: TransactionId): boolean {
    return this.parts.participants.find(id) !== undefined;
  }

  /** Decides, or says at once why not. */
  resolve({ id, ...order }: ResolveRequest, asker: Envelope): ResolveReply | undefined {
    const { services, participants } = this.parts;
    const participant = participants.find(id)!;
    const state = this.#stateOf(participant);
    if (state !== IN_DOUBT || this.#instances.get(participant.key)) {
      const message = `${participant.key} is not in doubt at ${services.address}: it is ${state}`;
      return { ok: false, code: "notInDoubt", message };
    }
    const at = services.clock.wall();
    const record: HeuristicRecord = { protocol: "3pc", kind: "heuristic", id, ...order, at };
    const { decision } = order;
    this.#instances.step(this.#create(record, participant, asker), { type: "resolve", decision });
    return undefined;
  }

  #create(record: HeuristicRecord, participant: Known, asker?: Envelope): Instance<Facts> {
    const input = { inquireMs: 1000, maxBackoff: MAX_BACKOFF };
    const facts: Facts = { record, participant, asker, refusal: "", outcome: undefined };
    return this.#instances.create(participant.key, input, facts);
  }

  #stateOf(participant: Known): string {
    return participant.facts.heuristic === undefined
      ? this.parts.participants.describe(participant)
      : "decided heuristically";
  }

  /** What is known here of an outcome. */
  knowledge(id: TransactionId): Knowledge {
    const participant = this.parts.participants.find(id);
    if (participant === undefined) return "uncertain"; // It may have been forgotten.
    const state = this.parts.participants.describe(participant);
    const known = KNOWLEDGE.find(([pattern]) => pattern.test(state))?.[1] ?? "open";
    // An operator's decision is nobody's but here, and one by salvage does not count as back.
    return known === IN_DOUBT && participant.facts.heuristic?.decision === "hazard"
      ? "uncertain"
      : known;
  }

  /** What is not over here. */
  list(): OpenTransaction[] {
    const { services, participants } = this.parts;
    return listOpen(services, participants, (instance) => {
      if (!participants.isOpen(instance)) return undefined;
      const state = participants.describe(instance);
      const { coordinator, rows, since } = instance.facts;
      const locks = /^(refus|abort|commit)/.test(state) ? [] : [...rows.keys];
      return { state, since, coordinator, locks };
    });
  }

  /** Decisions that are not settled, and those that were wrong, or may be. */
  counts(): { readonly open: number; readonly mixed: number } {
    return { open: this.#instances.size, mixed: this.#mixed };
  }

  /** The participant has decided at last. */
  decided({ key }: Known, outcome: Outcome): void {
    const instance = this.#instances.get(key);
    if (instance === undefined || instance.facts.participant.facts.heuristic === undefined) return;
    instance.facts.outcome = outcome;
    // While its own record is on its way the chart waits for that first.
    this.#instances.step(instance, { type: outcome });
  }

  #investigate(instance: Instance<Facts>): Promise<void> {
    const { services, participants } = this.parts;
    return investigate(services, instance.facts, {
      protocol: "3pc",
      stateOf: () => participants.describe(instance.facts.participant),
      inDoubt: IN_DOUBT,
      step: (event) => this.#instances.step(instance, event),
    });
  }

  #answer({ asker }: Facts, reply: ResolveReply): void {
    if (asker !== undefined) this.parts.services.reply(asker, reply);
  }

  #complete({ record, participant: { key, facts } }: Facts): void {
    facts.heuristic = record;
    if (record.decision === "commit") this.parts.apply(facts.writes!);
    this.parts.release(key, facts.writes);
  }

  #journal(instance: Instance<Facts>, { record: kind }: HeuristicEffects["journal"]): void {
    const { services, audit } = this.parts;
    const { record } = instance.facts;
    if (kind !== "heuristic") {
      // The participant writes its outcome, and the audit goes with it.
      queueMicrotask(() => {
        this.#instances.step(instance, { type: "journaled", record: "settled" });
        services.wake();
      });
      return;
    }
    auditDecision(services, audit, record);
    services.journal(record, true, () => {
      this.#instances.step(instance, { type: "journaled", record: "heuristic" });
      const { outcome } = instance.facts;
      if (outcome !== undefined) this.#instances.step(instance, { type: outcome });
    });
    this.parts.written();
  }
}
