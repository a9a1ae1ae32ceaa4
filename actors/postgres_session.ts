/**
 * Sessions with a PostgreSQL server: one connection each, never mended. A client that reconnects by
 * itself would run the second half of a transaction outside of it, so a session that has lost its
 * connection is lost, whoever asks next gets another, and what its last statement did must be looked
 * up.
 *
 * @module
 */
import postgres from "postgres";
import type { Value } from "../runtime/ports.ts";

/** Where a database is. */
export interface PostgresServer {
  /** Name or address of the machine. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** Name of the database. */
  readonly database: string;
  /** Role to act as; the same in every life, or what it prepared cannot be finished. */
  readonly user: string;
  /** Its password, where one is asked for. */
  readonly password?: string;
  /** How the connection is encrypted; not given: not at all. */
  readonly tls?: "require" | "verify-full";
}

/** What a statement led to. */
export interface StatementResult {
  /** The command tag without its count, such as `UPDATE`. */
  readonly command: string;
  /** Rows changed or returned. */
  readonly count: number;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** The server refused a statement, and is well: nothing of the statement was done. */
export class StatementRefused extends Error {
  /** Always `StatementRefused`. */
  override readonly name = "StatementRefused";
  /** @param code SQLSTATE, five characters */
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

/** The connection is gone, or was never made: whether its last statement was done is not known. */
export class SessionLost extends Error {
  /** Always `SessionLost`. */
  override readonly name = "SessionLost";
  /** @param code SQLSTATE of the server's last word, or the word of the system for the failure */
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

/** Parameters of a session. Times in ms. */
export interface SessionSettings {
  /** What the server shows it as, at most 63 bytes. */
  readonly name: string;
  /** How long a lock is waited for. */
  readonly lockTimeoutMs: number;
  /** How long a statement may take, waiting included. */
  readonly statementTimeoutMs: number;
  /** Further parameters of the server. */
  readonly parameters?: Readonly<Record<string, string>>;
}

const CONNECT_TIMEOUT_S = 5;
/** A server that says nothing this long after the statement's own time-out is out of reach. */
const SILENCE_MS = 5000;

/** Integers of 64 bits are numbers where they fit, and their digits where they do not. */
const BIGINT = {
  to: 20,
  from: [20],
  parse: (text: string) => Number.isSafeInteger(Number(text)) ? Number(text) : text,
  serialize: String,
};

/** One connection. */
export class PostgresSession {
  readonly #client: postgres.Sql;
  readonly #patienceMs: number;
  #lost: SessionLost | undefined;
  /** Process id of the server's end. */
  readonly pid: number = 0;

  private constructor(server: PostgresServer, readonly settings: SessionSettings) {
    const { name, lockTimeoutMs, statementTimeoutMs, parameters } = settings;
    this.#patienceMs = statementTimeoutMs + SILENCE_MS;
    this.#client = postgres({
      host: server.host,
      port: server.port,
      database: server.database,
      user: server.user,
      ...(server.password === undefined ? {} : { password: server.password }),
      ssl: server.tls ?? false,
      max: 1,
      fetch_types: false,
      max_lifetime: null,
      connect_timeout: CONNECT_TIMEOUT_S,
      types: { bigint: BIGINT as unknown as postgres.PostgresType },
      onnotice: () => {},
      onclose: () => this.#lose("08006", "the connection was closed"),
      connection: {
        application_name: name,
        lock_timeout: lockTimeoutMs,
        statement_timeout: statementTimeoutMs,
        // A machine that is gone without a word must not keep its locks for hours.
        tcp_keepalives_idle: 10,
        tcp_keepalives_interval: 5,
        tcp_keepalives_count: 3,
        ...parameters,
      } as Record<string, unknown> as postgres.ConnectionParameters,
    });
  }

  /** Connects. @throws {SessionLost} if it cannot */
  static async open(server: PostgresServer, settings: SessionSettings): Promise<PostgresSession> {
    const session = new PostgresSession(server, settings);
    const { rows } = await session.query("SELECT pg_backend_pid() AS pid");
    Object.assign(session, { pid: rows[0]!["pid"] });
    return session;
  }

  /** Whether it is of no use any more. */
  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /**
   * Runs one statement with values for its `$1`, `$2`, ...
   *
   * @throws {StatementRefused} if the server refused it
   * @throws {SessionLost} if it is not known whether it was done
   */
  async query(text: string, values: readonly Value[] = []): Promise<StatementResult> {
    if (this.#lost !== undefined) throw this.#lost;
    // Utility statements have no parameters, and a plan of theirs is not worth keeping.
    const prepare = values.length > 0;
    const query = this.#client.unsafe(text, values as never[], { prepare });
    const timer = setTimeout(
      () => this.#lose("08006", "the server has not answered"),
      this.#patienceMs,
    );
    try {
      const result = await query;
      return { command: result.command, count: result.count ?? 0, rows: [...result] };
    } catch (error) {
      throw this.#reason(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #reason(error: unknown): Error {
    const { severity, code, message } = error as Partial<postgres.PostgresError>;
    if (severity === "ERROR" && this.#lost === undefined) {
      return new StatementRefused(code ?? "", message ?? "");
    }
    return this.#lose(code ?? "08006", message ?? String(error));
  }

  #lose(code: string, message: string): SessionLost {
    if (this.#lost === undefined) {
      this.#lost = new SessionLost(code, message);
      this.close();
    }
    return this.#lost;
  }

  /** Lets go of the connection; the server rolls back what was open. */
  close(): void {
    this.#lost ??= new SessionLost("08003", "the session was closed");
    this.#client.end({ timeout: 0 }).catch(() => {});
  }
}

/** A bounded number of sessions, lent first come, first served. */
export class SessionPool {
  readonly #idle: PostgresSession[] = [];
  readonly #all = new Set<PostgresSession>();
  readonly #waiting: (() => void)[] = [];
  #lent = 0;
  #closed = false;

  /**
   * @param open makes a session
   * @param most how many there may be
   */
  constructor(private readonly open: () => Promise<PostgresSession>, readonly most: number) {}

  /** How many are open. */
  get size(): number {
    return this.#all.size;
  }

  /** Lends a session to `work` until it is done. @throws {SessionLost} if there is none to be had */
  async with<T>(work: (session: PostgresSession) => Promise<T>): Promise<T> {
    if (this.#lent >= this.most) await new Promise<void>((turn) => this.#waiting.push(turn));
    else this.#lent++;
    let session: PostgresSession | undefined;
    try {
      session = await this.#take();
      return await work(session);
    } finally {
      if (session !== undefined) this.#giveBack(session);
      const next = this.#waiting.shift();
      if (next === undefined) this.#lent--;
      else next();
    }
  }

  async #take(): Promise<PostgresSession> {
    if (this.#closed) throw new SessionLost("08003", "the pool was closed");
    for (let session = this.#idle.pop(); session !== undefined; session = this.#idle.pop()) {
      if (!session.lost) return session;
      this.#all.delete(session);
    }
    const session = await this.open();
    this.#all.add(session);
    if (this.#closed) session.close();
    return session;
  }

  #giveBack(session: PostgresSession): void {
    if (session.lost || this.#closed) this.#all.delete(session);
    else this.#idle.push(session);
  }

  /** Ends all sessions at once. */
  close(): void {
    this.#closed = true;
    for (const session of this.#all) session.close();
  }
}
