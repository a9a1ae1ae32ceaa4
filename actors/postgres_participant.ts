/**
 * A participant that commits for a PostgreSQL database: the same chart as any other
 * (`protocols/two_phase_commit/participant.ts`), with PREPARE TRANSACTION for its `prepared` record
 * and COMMIT PREPARED for applying and logging that it is applied.
 *
 * It keeps nothing of its own. After a restart it ends what its earlier life left running, asks the
 * server for the prepared transactions that bear its name, and asks their coordinators. While the
 * database is out of reach it votes no on what is new and goes on trying to do what was decided.
 *
 * @module
 */
import { participant, type ParticipantEvent } from "../protocols/two_phase_commit/participant.ts";
import { formatTransactionId } from "../protocols/two_phase_commit/messages.ts";
import { recoverParticipant } from "../protocols/two_phase_commit/rules.ts";
import { type Instance, Instances } from "../runtime/instances.ts";
import {
  defineRole,
  type MessageHandler,
  type Role,
  type RoleDefinition,
  type Services,
} from "../runtime/role.ts";
import { aboutTransaction } from "./about.ts";
import { Decisions } from "./participant_decisions.ts";
import {
  bareFacts,
  type ParticipantConfig,
  type ParticipantFacts,
  recoveredFacts,
} from "./participant_facts.ts";
import { participantMessages } from "./participant_messages.ts";
import { type Isolation, PostgresBranches } from "./postgres_branches.ts";
import { PostgresDatabase } from "./postgres_database.ts";
import { checkOperations, type PostgresOperation } from "./postgres_operations.ts";
import { type PostgresServer, SessionLost, StatementRefused } from "./postgres_session.ts";
import { RoundTrip } from "./round_trip.ts";
import { Watermarks } from "./watermarks.ts";

export type { Isolation } from "./postgres_branches.ts";
export type { PostgresOperation, PostgresStep } from "./postgres_operations.ts";
export type { PostgresServer } from "./postgres_session.ts";

const CONNECTIONS = 8;
const SWEEP_MS = 1000;
const RETRY_MS = 250;
/** Wrong password, no such database, no such role: waiting does not help. */
const HOPELESS = /^(28|3D|42501)/;

/** Configuration of a participant for PostgreSQL. Times in ms. */
export interface PostgresConfig extends
  Pick<
    ParticipantConfig,
    "shards" | "coordinators" | "participants" | "lockTimeoutMs" | "inquireMs" | "storeSince"
  > {
  /** The database. Its `max_prepared_transactions` bounds how many may be in doubt at once. */
  readonly server: PostgresServer;
  /** What transactions may do, by name. */
  readonly operations: Readonly<Record<string, PostgresOperation>>;
  /** How they are isolated from everybody else at the server; `read committed` if not given. */
  readonly isolation?: Isolation;
  /** Connections for work, and as many for decisions; 8 if not given. */
  readonly connections?: number;
}

/** The role of a participant for a PostgreSQL database. It needs no store. */
export const postgresParticipant: RoleDefinition<PostgresConfig> = defineRole({
  name: "postgresParticipant",
  create: (services, config) => new PostgresParticipant(services, config),
});

class Stopped extends Error {}

class PostgresParticipant implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly about = aboutTransaction;
  readonly #database: PostgresDatabase;
  readonly #branches: PostgresBranches;
  readonly #instances: Instances<ParticipantFacts, ParticipantEvent>;
  readonly #watermarks: Watermarks<Instance<ParticipantFacts>>;
  readonly #roundTrip: RoundTrip;
  /** Watermarks as they are kept in the database. */
  readonly #kept = new Map<string, number>();
  #draining = false;
  #stopped = false;

  constructor(private readonly services: Services, private readonly config: PostgresConfig) {
    checkOperations(config.operations);
    const { address } = services;
    const step = (instance: Instance<ParticipantFacts>, event: ParticipantEvent) =>
      this.#instances.step(instance, event);
    const pause = (ms: number) => this.#pause(ms);
    this.#roundTrip = new RoundTrip(config.inquireMs, 50);
    this.#database = new PostgresDatabase({
      server: config.server,
      address,
      owner: [...services.random.bytes(16)].map((b) => b.toString(16).padStart(2, "0")).join(""),
      connections: config.connections ?? CONNECTIONS,
      lockTimeoutMs: config.lockTimeoutMs,
      statementTimeoutMs: 2 * config.lockTimeoutMs,
      pause,
    });
    this.#branches = new PostgresBranches({
      services,
      database: this.#database,
      shards: config.shards,
      operations: config.operations,
      isolation: config.isolation ?? "read committed",
      step,
      pause,
      fail: (error) => this.#fail(error),
    });
    const store = () => this.#database.store;
    this.#instances = new Instances<ParticipantFacts, ParticipantEvent>({
      engine: services.engine(participant),
      effects: { ...participantMessages(services, store), ...this.#branches.performers() },
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      done: ({ key, facts }) => {
        this.#branches.delete(key);
        this.#watermarks.delete(facts.id);
      },
    });
    this.#watermarks = new Watermarks((instance) => step(instance, { type: "forget" }));
    this.messages = new Decisions({
      services,
      config,
      store,
      draining: () => this.#draining,
      watermarks: this.#watermarks,
      step,
      begin: (facts) => this.#begin(facts),
    }).messages;
  }

  // Life -------------------------------------------------------------------------------------

  async recover(): Promise<void> {
    const records = await this.services.outside(this.#read());
    if (records === undefined) return; // Told to stop meanwhile.
    const found = recoverParticipant(records);
    for (const [log, lowest] of Object.entries(found.watermarks)) {
      this.#watermarks.log(log).lowest = lowest;
      this.#kept.set(log, lowest);
    }
    for (const { id, outcome } of found.finished) {
      const as = outcome === "commit" ? "committed" : "aborted";
      this.#instances.step(this.#begin(bareFacts(id)), { type: "recovered", as });
    }
    for (const record of found.inDoubt) {
      const instance = this.#begin(recoveredFacts(record));
      this.#instances.step(instance, { type: "recovered", as: "inDoubt" });
    }
    const count = found.inDoubt.length;
    if (count > 0) this.services.log("warning", `${count} transactions in doubt after recovery`);
    this.#sweepLater();
  }

  /** Reads what is kept, as soon as the database can be reached. */
  async #read(): Promise<Awaited<ReturnType<PostgresDatabase["recover"]>> | undefined> {
    for (let said = ""; !this.#stopped;) {
      try {
        return await this.#database.recover();
      } catch (error) {
        if (error instanceof Stopped) break;
        const known = error instanceof SessionLost || error instanceof StatementRefused;
        if (!known || HOPELESS.test(error.code)) throw error;
        if (said !== error.message) this.services.log("warning", `Waiting: ${error.message}`);
        said = error.message;
        await this.#pause(RETRY_MS).catch(() => {});
      }
    }
    return undefined;
  }

  drain(): void {
    this.#draining = true;
  }

  drained(): boolean {
    return this.#open() === 0 && !this.#branches.busy;
  }

  stop(): void {
    this.#stopped = true;
    this.#instances.clear();
    this.#database.close();
  }

  stats(): Record<string, unknown> {
    const census = this.#instances.census();
    return {
      transactions: census,
      inDoubt: census["inDoubt"] ?? 0,
      committed: this.#branches.committed,
      heuristics: this.#branches.heuristics,
      sessions: this.#database.sessions,
    };
  }

  #open(): number {
    let open = 0;
    for (const [state, count] of Object.entries(this.#instances.census())) {
      if (state !== "committed" && state !== "aborted" && state !== "votedNo") open += count;
    }
    return open;
  }

  #begin(facts: ParticipantFacts): Instance<ParticipantFacts> {
    const input = {
      lockTimeoutMs: this.config.lockTimeoutMs,
      inquireMs: this.#roundTrip.waitMs,
      maxBackoff: this.#roundTrip.maxBackoff,
    };
    const instance = this.#instances.create(formatTransactionId(facts.id), input, facts);
    this.#watermarks.log(facts.id.log).known.set(facts.id.sequence, instance);
    return instance;
  }

  // Housekeeping -----------------------------------------------------------------------------

  #pause(ms: number): Promise<void> {
    const { timers, clock } = this.services;
    return new Promise((resolve, reject) => {
      timers.set(clock.now() + ms, () => this.#stopped ? reject(new Stopped()) : resolve());
      this.services.wake();
    });
  }

  /** Ends the role with an error that nothing here can mend. */
  #fail(error: unknown): void {
    if (this.#stopped || error instanceof Stopped) return;
    this.#stopped = true;
    const { timers, clock } = this.services;
    timers.set(clock.now(), () => {
      this.#database.close();
      throw error;
    });
    this.services.wake();
  }

  #sweepLater(): void {
    const { timers, clock, outside } = this.services;
    timers.set(clock.now() + SWEEP_MS, () => {
      if (this.#stopped) return;
      outside.call(this.services, this.#sweep()).catch((error) => this.#fail(error));
    });
  }

  /** Lets the database forget what nobody will ask for. */
  async #sweep(): Promise<void> {
    try {
      for (const [log, { lowest, known }] of [...this.#watermarks]) {
        if (lowest <= (this.#kept.get(log) ?? 0)) continue;
        await this.#database.forget({ log, lowest, known: [...known.keys()] });
        this.#kept.set(log, lowest);
      }
    } catch (error) {
      if (!(error instanceof SessionLost || error instanceof StatementRefused)) throw error;
    }
    this.#sweepLater();
  }
}
