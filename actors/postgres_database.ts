/**
 * The sessions of a participant with its database, and the statements it uses; see
 * `postgres_recovery.ts` for the tables.
 *
 * A vote is written by a transaction of its own before the one it is for is prepared. It is not
 * forced: PREPARE TRANSACTION flushes the log up to its own record, which comes later.
 *
 * @module
 */
import type {
  ParticipantRecord,
  PreparedRecord,
  TransactionId,
} from "../protocols/two_phase_commit/messages.ts";
import type { Value } from "../runtime/ports.ts";
import { endSessions, gidOf, PREFIX, readRecords, takeOver } from "./postgres_recovery.ts";
import {
  type PostgresServer,
  PostgresSession,
  SessionPool,
  type SessionSettings,
  type StatementResult,
} from "./postgres_session.ts";

/** What a database is opened with. Times in ms. */
export interface DatabaseOptions {
  readonly server: PostgresServer;
  /** The role's own address: what tells its transactions from those of other roles. */
  readonly address: string;
  /** Names this life of the role; no other may ever have the same. */
  readonly owner: string;
  /** Sessions for work, and as many again for decisions, which must not wait for work. */
  readonly connections: number;
  readonly lockTimeoutMs: number;
  readonly statementTimeoutMs: number;
  /** Waits; rejects when the role ends meanwhile. */
  readonly pause: (ms: number) => Promise<void>;
}

/** Of a log, what has ended and what is still open here. */
export interface Ended {
  readonly log: string;
  readonly lowest: number;
  /** Numbers that somebody may still ask about. */
  readonly known: readonly number[];
}

/** The tables and sessions of one participant. */
export class PostgresDatabase {
  /** Sessions in which transactions are prepared. */
  readonly work: SessionPool;
  /** Sessions in which they are ended, and questions answered. */
  readonly control: SessionPool;
  /** One for votes: many of them share it, none waits for the disk. */
  readonly #votes: SessionPool;
  #vote: Promise<PostgresSession> | undefined;
  #store = "";
  #sessions = 0;

  /** Opens nothing yet. */
  constructor(private readonly options: DatabaseOptions) {
    const { connections } = options;
    this.work = new SessionPool(() => this.#open(), connections);
    this.control = new SessionPool(() => this.#open(), connections);
    this.#votes = new SessionPool(() => this.#open({ synchronous_commit: "off" }), 1);
  }

  /** The id of what is kept here; a database that was made anew has another one. */
  get store(): string {
    return this.#store;
  }

  /** How many sessions are open. */
  get sessions(): number {
    return this.work.size + this.control.size + this.#votes.size;
  }

  /** @throws {Error} if a successor owns the role's rows */
  async #open(parameters: Readonly<Record<string, string>> = {}): Promise<PostgresSession> {
    const { server, owner } = this.options;
    const name = `${PREFIX} ${this.#store} ${this.#sessions++}`;
    const session = await PostgresSession.open(server, this.#settings(name, parameters));
    // A successor ends the sessions it finds, after it has made itself the owner: whatever this
    // life opens later finds that out here, before it can do anything.
    const { rows } = await session.query(
      "SELECT owner FROM trunkline.participant WHERE store = $1",
      [
        this.#store,
      ],
    );
    if (rows[0]?.["owner"] === owner) return session;
    session.close();
    throw new Error(`${this.options.address} was taken over by a later life of it`);
  }

  #settings(name: string, parameters: Readonly<Record<string, string>>): SessionSettings {
    const { lockTimeoutMs, statementTimeoutMs } = this.options;
    return { name, lockTimeoutMs, statementTimeoutMs, parameters };
  }

  // Recovery ---------------------------------------------------------------------------------

  /** Takes the tables over. @returns what a journal would hold */
  async recover(): Promise<ParticipantRecord[]> {
    const { server, address, owner, pause } = this.options;
    const setup = await PostgresSession.open(server, this.#settings(`${PREFIX} ${address}`, {}));
    try {
      this.#store = await takeOver(setup, server, address, owner);
      // What an earlier life left running could still prepare, or roll back, behind our back.
      const mine = `${PREFIX} ${this.#store} `;
      await endSessions(setup, "left(application_name, length($1)) = $1", mine, pause);
      return await readRecords(setup, this.#store);
    } finally {
      setup.close();
    }
  }

  // Transactions -----------------------------------------------------------------------------

  /** What the server calls a transaction. @throws {RangeError} if it cannot be called that */
  gid(id: TransactionId): string {
    return gidOf(this.#store, id);
  }

  /** Says, within a transaction, that it has committed: true for all others once it has. */
  async markCommitted(session: PostgresSession, { log, sequence }: TransactionId): Promise<void> {
    await session.query("INSERT INTO trunkline.outcome VALUES ($1, $2, $3, 'committed')", [
      this.#store,
      log,
      sequence,
    ]);
  }

  /** Keeps what a vote says; durable with whatever is forced next. */
  async keepVote(record: PreparedRecord): Promise<void> {
    const { log, sequence } = record.id;
    const session = await this.#voteSession();
    await session.query(
      `INSERT INTO trunkline.vote VALUES ($1, $2, $3, $4)
       ON CONFLICT (store, log, sequence) DO UPDATE SET record = excluded.record`,
      [this.#store, log, sequence, record as unknown as Value],
    );
  }

  async #voteSession(): Promise<PostgresSession> {
    // Lent for good: its statements follow one another in one stream, whoever sends them.
    this.#vote ??= this.#votes.with((session) => Promise.resolve(session));
    try {
      const session = await this.#vote;
      if (!session.lost) return session;
    } catch (error) {
      this.#vote = undefined;
      throw error;
    }
    this.#vote = undefined;
    return await this.#voteSession();
  }

  /** Prepares what a session has done; false if the server rolled it back instead. */
  async prepare(session: PostgresSession, id: TransactionId): Promise<boolean> {
    // It is not an error to prepare what has failed: only the command's tag tells.
    const { command } = await session.query(`PREPARE TRANSACTION '${this.gid(id)}'`);
    return command === "PREPARE TRANSACTION";
  }

  /** Whether a transaction is prepared after the session that was to prepare it was lost. */
  async wasPrepared(lost: PostgresSession, id: TransactionId): Promise<boolean> {
    return await this.control.with(async (session) => {
      // The server may not have noticed the loss, and be about to prepare it.
      const { name } = lost.settings;
      await endSessions(session, "application_name = $1", name, this.options.pause);
      return await this.#isPrepared(session, id);
    });
  }

  async #isPrepared(session: PostgresSession, id: TransactionId): Promise<boolean> {
    const { count } = await session.query(
      "SELECT 1 FROM pg_prepared_xacts WHERE gid = $1 AND database = current_database()",
      [this.gid(id)],
    );
    return count > 0;
  }

  /** Ends a prepared transaction. */
  async finish(verb: "COMMIT" | "ROLLBACK", id: TransactionId): Promise<void> {
    await this.control.with((session) => session.query(`${verb} PREPARED '${this.gid(id)}'`));
  }

  /** What is known of a transaction's outcome here. */
  async outcome({ log, sequence }: TransactionId): Promise<"committed" | "refused" | undefined> {
    const { rows } = await this.#ask(
      "SELECT outcome FROM trunkline.outcome WHERE store = $1 AND log = $2 AND sequence = $3",
      [this.#store, log, sequence],
    );
    return rows[0]?.["outcome"] as "committed" | "refused" | undefined;
  }

  /** Makes sure that a transaction can never be prepared here. */
  async refuse({ log, sequence }: TransactionId): Promise<void> {
    await this.#ask(
      "INSERT INTO trunkline.outcome VALUES ($1, $2, $3, 'refused') ON CONFLICT DO NOTHING",
      [this.#store, log, sequence],
    );
  }

  async #ask(text: string, values: readonly Value[]): Promise<StatementResult> {
    return await this.control.with((session) => session.query(text, values));
  }

  /** Keeps a watermark and forgets what lies below it, in one transaction. */
  async forget({ log, lowest, known }: Ended): Promise<void> {
    const below = "store = $1 AND log = $2 AND sequence < $3 AND sequence <> ALL($4::bigint[])";
    await this.#ask(
      `WITH outcomes AS (DELETE FROM trunkline.outcome WHERE ${below}),
            votes AS (DELETE FROM trunkline.vote WHERE ${below})
       INSERT INTO trunkline.watermark VALUES ($1, $2, $3)
       ON CONFLICT (store, log) DO UPDATE
         SET lowest = greatest(trunkline.watermark.lowest, excluded.lowest)`,
      [this.#store, log, lowest, `{${known.join()}}`],
    );
  }

  /** Ends all sessions at once. */
  close(): void {
    for (const pool of [this.work, this.control, this.#votes]) pool.close();
  }
}
