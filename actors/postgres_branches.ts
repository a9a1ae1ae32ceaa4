/**
 * The branches of transactions at a PostgreSQL database, as its participant's machine asks for them.
 *
 * | the machine names | what is done |
 * | --- | --- |
 * | `acquire` | BEGIN, the statements, PREPARE TRANSACTION; answered by `granted` or `refused` |
 * | `journal(prepared)` | nothing more: the prepared transaction is the record |
 * | `apply`, `journal(committed)` | COMMIT PREPARED, which also makes the row that says so visible |
 * | `withdraw`, `release` | ROLLBACK, or ROLLBACK PREPARED; not after `apply` |
 * | `journal(aborted)` | nothing: what is no longer prepared, and not committed, was rolled back |
 * | `journal(refused)` | a row of its own, after the rollback |
 *
 * PREPARE TRANSACTION belongs to `acquire` because it may still fail (a deferred constraint, a
 * serialization conflict, no room), and `granted` is the last word after which the machine cannot
 * say no. A crash between the two leaves a transaction in doubt that never voted; the coordinator
 * presumes its abort.
 *
 * @module
 */
import type { ParticipantEvent } from "../protocols/two_phase_commit/participant.ts";
import type { Instance, Perform } from "../runtime/instances.ts";
import type { Value } from "../runtime/ports.ts";
import type { Services } from "../runtime/role.ts";
import type { Refusal } from "./ledger.ts";
import type { ParticipantFacts } from "./participant_facts.ts";
import type { PostgresDatabase } from "./postgres_database.ts";
import {
  type PostgresOperation,
  refusalOf,
  type Statement,
  statementsOf,
} from "./postgres_operations.ts";
import { type PostgresSession, SessionLost, StatementRefused } from "./postgres_session.ts";

const RETRY_MS = 100;
const LONGEST_RETRY_MS = 5000;
/** SQLSTATE undefined_object: there is no prepared transaction of that name. */
const UNDEFINED_OBJECT = "42704";
/** How a transaction may be isolated from others at the database. */
export type Isolation = "read committed" | "repeatable read" | "serializable";

type Transaction = Instance<ParticipantFacts>;

/** One transaction's part in this database. */
interface Branch {
  /** What is done for it, one after the other. */
  tail: Promise<void>;
  /** To be rolled back, as soon as its work has ended. */
  withdrawn: boolean;
  prepared: boolean;
  committing: boolean;
}

/** What branches work on. */
export interface BranchParts {
  readonly services: Services;
  readonly database: PostgresDatabase;
  readonly shards: readonly number[];
  readonly operations: Readonly<Record<string, PostgresOperation>>;
  readonly isolation: Isolation;
  /** Gives an instance an event. */
  readonly step: (instance: Transaction, event: ParticipantEvent) => void;
  /** Waits; rejects when the role ends meanwhile. */
  readonly pause: (ms: number) => Promise<void>;
  /** Something is wrong that no retry mends: ends the role. */
  readonly fail: (error: unknown) => void;
}

/** The branches of one participant. */
export class PostgresBranches {
  readonly #branches = new Map<string, Branch>();
  readonly #parts: BranchParts;
  #busy = 0;
  /** Transactions committed so far. */
  committed = 0;
  /** Outcomes that somebody else decided at the server, against the coordinator. */
  heuristics = 0;

  constructor(parts: BranchParts) {
    this.#parts = parts;
  }

  /** Whether anything is being done at the database. */
  get busy(): boolean {
    return this.#busy > 0;
  }

  /** One function for each effect that concerns the database. */
  performers(): Record<string, Perform<ParticipantFacts>> {
    return {
      acquire: (instance) => this.#acquire(instance),
      withdraw: (instance) => this.#release(instance),
      release: (instance) => this.#release(instance),
      apply: (instance) => {
        this.#branch(instance).committing = true;
      },
      journal: (instance, { record }: { record: string }) => this.#journal(instance, record),
    };
  }

  /** A transaction is forgotten. */
  delete(key: string): void {
    this.#branches.delete(key);
  }

  #branch({ key }: Transaction): Branch {
    let branch = this.#branches.get(key);
    if (branch === undefined) {
      branch = { tail: Promise.resolve(), withdrawn: false, prepared: false, committing: false };
      this.#branches.set(key, branch);
    }
    return branch;
  }

  /** Does something for a branch, after all that was begun for it before. */
  #then(branch: Branch, work: () => Promise<void>): void {
    const { services, fail } = this.#parts;
    this.#busy++;
    branch.tail = services.outside(branch.tail.then(work).catch(fail).finally(() => this.#busy--));
  }

  #journal(instance: Transaction, record: string): void {
    const { step, database } = this.#parts;
    const { id } = instance.facts;
    const branch = this.#branch(instance);
    switch (record) {
      case "prepared":
        return step(instance, { type: "journaled", record });
      case "committed":
        return this.#then(branch, async () => {
          if (!await this.#commit(instance)) return;
          this.committed++;
          step(instance, { type: "journaled", record });
        });
      case "refused":
        return this.#then(branch, async () => {
          await this.#untilDone(instance, () => database.refuse(id));
          step(instance, { type: "journaled", record });
        });
    }
  }

  #release(instance: Transaction): void {
    const branch = this.#branches.get(instance.key);
    if (branch === undefined || branch.committing) return;
    branch.withdrawn = true;
    if (!branch.prepared) return; // Its work sees to that, if there is any.
    branch.prepared = false;
    this.#then(branch, () => this.#rollBack(instance));
  }

  // Work -------------------------------------------------------------------------------------

  #acquire(instance: Transaction): void {
    const { facts } = instance;
    const branch = this.#branch(instance);
    if (facts.record !== undefined) {
      // Recovered in doubt: the server has kept its locks.
      branch.prepared = true;
      return this.#parts.step(instance, { type: "granted" });
    }
    this.#then(branch, async () => {
      const refusal = await this.#prepare(instance, branch);
      if (branch.withdrawn) {
        if (refusal === undefined) await this.#rollBack(instance);
      } else if (refusal === undefined) {
        branch.prepared = true;
        this.#parts.step(instance, { type: "granted" });
      } else {
        facts.refusal = refusal;
        this.#parts.step(instance, { type: "refused", retryable: refusal.retryable ?? false });
      }
    });
  }

  /** Prepares a transaction; why not, if it is not prepared in the end. */
  async #prepare(instance: Transaction, branch: Branch): Promise<Refusal | undefined> {
    const { database, shards, operations, pause } = this.#parts;
    const { id, work } = instance.facts;
    const statements = statementsOf(work, shards, operations);
    if (typeof statements === "string") return { code: "invalid_operations", message: statements };
    let lost: PostgresSession | undefined;
    try {
      database.gid(id);
      return await database.work.with(async (session) => {
        try {
          const refusal = await this.#work(session, statements, instance, branch);
          if (refusal !== undefined) return await this.#undo(session, refusal);
          lost = session; // From here on it may be prepared whatever becomes of the session.
          const prepared = await database.prepare(session, id);
          return prepared ? undefined : { code: "database", message: "It was rolled back" };
        } catch (error) {
          if (session.lost) throw error;
          return await this.#undo(session, refusalOf(error));
        }
      });
    } catch (error) {
      const refusal = refusalOf(error);
      if (lost === undefined) return refusal;
      for (const session = lost;;) {
        try {
          return await database.wasPrepared(session, id) ? undefined : refusal;
        } catch (error) {
          if (!(error instanceof SessionLost)) throw error;
          await pause(RETRY_MS);
        }
      }
    }
  }

  /** Does everything but prepare. */
  async #work(
    session: PostgresSession,
    statements: readonly Statement[],
    instance: Transaction,
    branch: Branch,
  ): Promise<Refusal | undefined> {
    const { database, isolation } = this.#parts;
    const { id, coordinator, peers, you, epoch } = instance.facts;
    let answer: Value = null;
    await session.query(`BEGIN ISOLATION LEVEL ${isolation}`);
    for (const { operation: { sql, refusal }, values } of statements) {
      if (branch.withdrawn) return { code: "conflict", message: "It was withdrawn" };
      const { count, rows } = await session.query(sql, values);
      if (count === 0 && refusal !== undefined) return refusal;
      // Dates and the like as text: it is kept, and sent, as plain JSON.
      answer = rows.length > 0 ? JSON.parse(JSON.stringify(rows[0])) as Value : null;
    }
    await database.markCommitted(session, id);
    const effect = { keys: [], writes: { puts: [], adds: [] } };
    const promise = { id, coordinator, peers, you, epoch, effect, answer };
    const record = { kind: "prepared", ...promise, entries: [], holders: [] } as const;
    await database.keepVote(record);
    instance.facts.record = record;
    return branch.withdrawn ? { code: "conflict", message: "It was withdrawn" } : undefined;
  }

  async #undo(session: PostgresSession, refusal: Refusal): Promise<Refusal> {
    // Without the connection the server rolls back by itself.
    await session.query("ROLLBACK").catch(() => session.close());
    return refusal;
  }

  // Decisions --------------------------------------------------------------------------------

  /** True when it is committed; false where somebody has rolled it back by hand. */
  async #commit(instance: Transaction): Promise<boolean> {
    const { database } = this.#parts;
    const { id } = instance.facts;
    return await this.#untilDone(instance, async () => {
      if (await this.#finish("COMMIT", instance)) return true;
      // It is not prepared any more. Its own row says whether it has committed.
      if (await database.outcome(id) === "committed") return true;
      this.#heuristic(instance, "rolled back", "committed");
      return false;
    });
  }

  async #rollBack(instance: Transaction): Promise<void> {
    const { database } = this.#parts;
    await this.#untilDone(instance, async () => {
      if (await this.#finish("ROLLBACK", instance)) return;
      if (await database.outcome(instance.facts.id) !== "committed") return;
      this.#heuristic(instance, "committed", "rolled back");
    });
  }

  /** False if there is no such prepared transaction, or none any more. */
  async #finish(verb: "COMMIT" | "ROLLBACK", { facts }: Transaction): Promise<boolean> {
    try {
      await this.#parts.database.finish(verb, facts.id);
      return true;
    } catch (error) {
      if (error instanceof StatementRefused && error.code === UNDEFINED_OBJECT) return false;
      throw error;
    }
  }

  #heuristic({ key }: Transaction, found: string, decided: string): void {
    this.heuristics++;
    this.#parts.services.log(
      "failure",
      `${key} was ${found} at the database by somebody else, its coordinator has it ${decided}: ` +
        `mend the rows by hand`,
    );
  }

  /** Tries again until the database answers: what is decided must be done. */
  async #untilDone<T>({ key }: Transaction, work: () => Promise<T>): Promise<T> {
    for (let waitMs = RETRY_MS;; waitMs = Math.min(2 * waitMs, LONGEST_RETRY_MS)) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof SessionLost || error instanceof StatementRefused)) throw error;
        const { code, message } = error;
        this.#parts.services.log("warning", `${key}: ${message} (${code}), trying again`);
        await this.#parts.pause(waitMs);
      }
    }
  }
}
