/**
 * The deadlock detector of a cluster: puts the reports of all participants together, and has one
 * transaction of each cycle aborted and tried again.
 *
 * The chart in `protocols/deadlock/detector.ts` decides over each suspicion; this file keeps the
 * graph, asks, chooses and tells. It keeps nothing on disk: after a restart it learns the waits anew.
 * While it is down deadlocks last until a lock timeout ends them.
 *
 * @module
 */
import { among, deadlocks, type Graph, without } from "../protocols/deadlock/cycles.ts";
import { type Conclusion, detector, type DetectorEvent } from "../protocols/deadlock/detector.ts";
import { WaitForGraph } from "../protocols/deadlock/graph.ts";
import type { Finished, Round, Waits } from "../protocols/deadlock/messages.ts";
import { chooseVictims, isVictimPolicy, type VictimPolicy } from "../protocols/deadlock/victims.ts";
import type { Envelope } from "../runtime/codec.ts";
import { type Instance, Instances } from "../runtime/instances.ts";
import {
  defineRole,
  type MessageHandler,
  type Role,
  type RoleDefinition,
  type Services,
} from "../runtime/role.ts";
import { aboutTransaction } from "./about.ts";
import { isIndex, isRecord } from "./guards.ts";

/** Configuration of a deadlock detector. */
export interface DetectorConfig {
  /** Addresses that may report. */
  readonly participants: readonly string[];
  /** Addresses that abort transactions. */
  readonly coordinators: readonly string[];
  /** Who of a cycle is aborted. */
  readonly policy: VictimPolicy;
  /** How long an answer is waited for until the question is asked again, in ms. */
  readonly resendMs: number;
}

/** How often a question is asked, or a victim told of, before the suspicion is dropped. */
const ATTEMPTS = 4;
/** Reports of several participants often come together: look at them once, so many ms later. */
const GATHER_MS = 2;

/** Names of transactions in one line of the log. */
const NAMED = 4;

/** A victim, and who can abort it. */
interface Chosen {
  readonly id: string;
  readonly coordinator: string;
}

/** The host's record of one suspicion. */
interface Suspicion {
  readonly members: readonly string[];
  /** The edges that made the cycle. */
  readonly graph: Graph;
  readonly reporters: readonly string[];
  /** The question that is to be answered. */
  readonly round: number;
  victims: readonly Chosen[];
  /** Its victims were told of and counted. */
  told: boolean;
}

/** The role of the deadlock detector. */
export const detectorRole: RoleDefinition<DetectorConfig> = defineRole({
  name: "detector",
  create: (services, config) => new DeadlockDetector(services, config),
});

class DeadlockDetector implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly about = aboutTransaction;
  readonly #graph = new WaitForGraph();
  readonly #suspicions: Instances<Suspicion, DetectorEvent>;
  readonly #counts = { deadlocks: 0, victims: 0, phantoms: 0, dropped: 0 };
  /** When reports that do not follow one another were last asked for anew, by reporter. */
  readonly #refreshedAt = new Map<string, number>();
  #round = 0;
  #gathering = false;
  /** The last deadlock, for operators. */
  #last: Readonly<Record<string, readonly string[]>> | undefined;

  constructor(private readonly services: Services, private readonly config: DetectorConfig) {
    if (!isVictimPolicy(config.policy)) {
      throw new RangeError(`Cannot detect deadlocks: the policy is ${String(config.policy)}`);
    }
    this.#suspicions = new Instances<Suspicion, DetectorEvent>({
      engine: services.engine(detector),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      effects: {
        refresh: ({ facts }, { to }: { to: readonly number[] }) => {
          for (const index of to) this.#refresh(facts.reporters[index]!, facts.round, false);
        },
        victim: ({ facts }, { to }: { to: readonly number[] }) => this.#abort(facts, to),
        conclude: (_, { as }: { as: Conclusion }) => {
          if (as === "phantom") this.#counts.phantoms++;
          if (as === "dropped") this.#counts.dropped++;
        },
        reject: ({ key }) => services.log("warning", `${key}: unexpected message to a suspicion`),
      },
      done: () => this.#gather(),
    });
    this.messages = {
      waits: { accepts: isWaits, handle: (body: Waits, envelope) => this.#waits(body, envelope) },
      finished: {
        accepts: (body) => isRecord(body) && typeof body["id"] === "string",
        handle: (body: Finished, envelope) => this.#finished(body, envelope),
      },
    };
  }

  stop(): void {
    this.#suspicions.clear();
  }

  stats(): Record<string, unknown> {
    return {
      waits: this.#graph.size,
      suspected: this.#suspicions.size,
      ...this.#counts,
      ...(this.#last === undefined ? {} : { last: this.#last }),
    };
  }

  // Reports ----------------------------------------------------------------------------------

  #waits(report: Waits, envelope: Envelope): void {
    const { from, incarnation } = envelope;
    if (!this.config.participants.includes(from)) {
      return this.services.deadLetter("forbidden", envelope);
    }
    const reception = this.#graph.take(from, incarnation, report);
    if (reception === "gap") return this.#learnAnew(from);
    if (reception !== "taken") return;
    const { heard } = report;
    const round = heard?.incarnation === this.services.incarnation ? heard.number : 0;
    this.#review(from, round);
    this.#gather();
  }

  /** A report is missing: only a full one helps. Asked for once a round trip, not at each report. */
  #learnAnew(reporter: string): void {
    const now = this.services.clock.now();
    const { resendMs } = this.config;
    if (now - (this.#refreshedAt.get(reporter) ?? -Infinity) < resendMs) return;
    this.#refreshedAt.set(reporter, now);
    this.#refresh(reporter, ++this.#round, true);
  }

  #refresh(reporter: string, number: number, full: boolean): void {
    const round: Round = { incarnation: this.services.incarnation, number };
    this.services.send(reporter, "refresh", { round, full }, { urgent: true });
  }

  /** Looks at each suspicion in the light of a report. @param round the last question it answers */
  #review(from: string | undefined, round: number): void {
    if (this.#suspicions.size === 0) return;
    const edges = this.#graph.edges();
    for (const instance of [...this.#suspicions]) {
      const { facts } = instance;
      const aborting = facts.victims.length > 0 && this.#isAborting(instance);
      const left = intersection(facts.graph, edges);
      const open = aborting ? left : without(left, this.#doomed());
      if (deadlocks(open).length === 0) {
        this.#suspicions.step(instance, { type: "dissolved" });
        continue;
      }
      const index = from === undefined ? -1 : facts.reporters.indexOf(from);
      if (index < 0 || round < facts.round) continue;
      if (!aborting) facts.victims = this.#choose(open);
      this.#suspicions.step(instance, {
        type: "waits",
        from: index,
        victims: facts.victims.length,
      });
    }
  }

  #isAborting(instance: Instance<Suspicion>): boolean {
    return this.#suspicions.describe(instance) === "aborting";
  }

  /** Transactions that are about to be aborted: what they are part of is as good as broken. */
  #doomed(): ReadonlySet<string> {
    const aborting = [...this.#suspicions].filter((instance) => this.#isAborting(instance));
    return new Set(aborting.flatMap(({ facts }) => facts.victims.map(({ id }) => id)));
  }

  #choose(graph: Graph): readonly Chosen[] {
    const merits = this.#graph.merits();
    return chooseVictims(graph, merits, this.config.policy)
      .map((id) => ({ id, coordinator: merits.get(id)!.coordinator }));
  }

  // Deadlocks --------------------------------------------------------------------------------

  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    const { timers, clock } = this.services;
    timers.set(clock.now() + GATHER_MS, () => {
      this.#gathering = false;
      this.#search();
    });
  }

  #search(): void {
    const graph = without(this.#graph.edges(), this.#doomed());
    const suspected = new Set([...this.#suspicions].flatMap(({ facts }) => facts.members));
    for (const members of deadlocks(graph)) {
      // One that has grown is looked at again when what it has grown from is settled.
      if (members.some((id) => suspected.has(id))) continue;
      const reporters = this.#graph.reportersAmong(new Set(members));
      const facts: Suspicion = {
        members,
        graph: among(graph, members),
        reporters,
        round: ++this.#round,
        victims: [],
        told: false,
      };
      const { resendMs } = this.config;
      const input = { resendMs, attempts: ATTEMPTS };
      const instance = this.#suspicions.create(`cycle ${this.#round}`, input, facts);
      this.#suspicions.step(instance, { type: "suspect", reporters: reporters.length });
    }
  }

  #abort(facts: Suspicion, to: readonly number[]): void {
    if (!facts.told) {
      facts.told = true;
      const { members } = facts;
      const victims = facts.victims.map(({ id }) => id);
      this.#counts.deadlocks++;
      this.#counts.victims += victims.length;
      this.#last = { members, victims };
      this.services.log("info", `Deadlock of ${some(members)}; begun again: ${some(victims)}`);
    }
    for (const index of to) {
      const { id, coordinator } = facts.victims[index]!;
      // Not known where nobody but a restarted participant speaks of it: the lock timeout ends it.
      if (coordinator === "") continue;
      this.services.send(coordinator, "victim", { id }, { urgent: true });
    }
  }

  #finished({ id }: Finished, envelope: Envelope): void {
    if (!this.config.coordinators.includes(envelope.from)) {
      return this.services.deadLetter("forbidden", envelope);
    }
    this.#graph.finish(id);
    for (const instance of [...this.#suspicions]) {
      const from = instance.facts.victims.findIndex((victim) => victim.id === id);
      if (from < 0 || !this.#isAborting(instance)) continue;
      this.#suspicions.step(instance, { type: "finished", from });
    }
    this.#review(undefined, 0);
  }
}

/** The first of many names, and how many more there are. */
function some(names: readonly string[]): string {
  const more = names.length - NAMED;
  return names.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** The edges of a graph that are still there. */
function intersection(graph: Graph, edges: ReadonlyMap<string, ReadonlySet<string>>): Graph {
  return new Map(
    [...graph].map(([from, to]) => [from, [...to].filter((id) => edges.get(from)?.has(id))]),
  );
}

function isStanding(value: unknown): boolean {
  return isRecord(value) && typeof value["id"] === "string" &&
    typeof value["coordinator"] === "string" && isIndex(value["held"]) &&
    isIndex(value["priority"]) && isIndex(value["chosen"]) && isIndex(value["begunAt"]);
}

function isWaits(body: unknown): boolean {
  if (!isRecord(body) || !isIndex(body["number"]) || typeof body["full"] !== "boolean") {
    return false;
  }
  const { added, removed, heard, more } = body;
  if (more !== undefined && typeof more !== "boolean") return false;
  if (!Array.isArray(added) || !Array.isArray(removed)) return false;
  return added.every((wait) =>
    isRecord(wait) && isStanding(wait["waiter"]) && isStanding(wait["holder"]) &&
    typeof wait["resource"] === "string"
  ) &&
    removed.every((edge) =>
      Array.isArray(edge) && edge.length === 2 && edge.every((id) => typeof id === "string")
    ) && (heard === undefined ||
      (isRecord(heard) && isIndex(heard["incarnation"]) && isIndex(heard["number"])));
}
