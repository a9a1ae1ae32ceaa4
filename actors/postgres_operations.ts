/**
 * What transactions may do to a PostgreSQL database: statements that its owner wrote. A message
 * names one and gives values for its `$1`, `$2`, ...; nobody sends SQL.
 *
 * @module
 */
import type { Value } from "../runtime/ports.ts";
import { isRecord } from "./guards.ts";
import type { Refusal } from "./ledger.ts";
import type { Work } from "./participant_facts.ts";
import { SessionLost, StatementRefused } from "./postgres_session.ts";

/** A statement under a name. */
export interface PostgresOperation {
  /** One SELECT, INSERT, UPDATE, DELETE or MERGE; values are `$1`, `$2`, ... */
  readonly sql: string;
  /** Why the vote is no where the statement changes or returns no row; not given: that is fine. */
  readonly refusal?: Refusal;
}

/** One step of a transaction. */
export interface PostgresStep {
  /** Name of an operation. */
  readonly op: string;
  /** One for each `$n`. */
  readonly values: readonly (string | number | boolean | null)[];
}

/** A step with its statement. */
export interface Statement {
  readonly operation: PostgresOperation;
  readonly values: readonly Value[];
}

/** A statement that would end the transaction must not get in. */
const ALLOWED = /^\s*(select|insert|update|delete|merge|with)\b/i;

/** @throws {TypeError} naming an operation that is not a statement of data */
export function checkOperations(operations: Readonly<Record<string, PostgresOperation>>): void {
  for (const [name, { sql }] of Object.entries(operations)) {
    if (ALLOWED.test(sql)) continue;
    throw new TypeError(
      `Cannot use operation ${JSON.stringify(name)}: it must be one SELECT, INSERT, UPDATE, ` +
        `DELETE or MERGE, got ${JSON.stringify(sql)}`,
    );
  }
}

/** The statements of a transaction's work, or what is wrong with it. */
export function statementsOf(
  work: Work,
  shards: readonly number[],
  operations: Readonly<Record<string, PostgresOperation>>,
): readonly Statement[] | string {
  const statements: Statement[] = [];
  for (const { shard, operations: steps } of work) {
    if (!shards.includes(shard)) return `Shard ${shard} is not kept here`;
    for (const step of steps) {
      if (!isStep(step)) return "A step must be { op, values }";
      if (!Object.hasOwn(operations, step.op)) {
        const known = Object.keys(operations).join(", ");
        return `There is no operation ${JSON.stringify(step.op)}: there are ${known}`;
      }
      statements.push({ operation: operations[step.op]!, values: step.values });
    }
  }
  return statements.length === 0 ? "There are no operations" : statements;
}

function isStep(value: unknown): value is PostgresStep {
  return isRecord(value) && typeof value["op"] === "string" && Array.isArray(value["values"]) &&
    value["values"].every((it) =>
      it === null || typeof it === "string" || typeof it === "boolean" || Number.isFinite(it)
    );
}

/** States of a server in which another try may do, by SQLSTATE or its class. */
const CONFLICTS: ReadonlySet<string> = new Set([
  "40001", // serialization_failure
  "40P01", // deadlock_detected
  "55P03", // lock_not_available: lock_timeout
  "57014", // query_canceled: statement_timeout
]);

/** What a failed statement means for the vote. @throws what is no failure of the server's */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof SessionLost) {
    const message = `The database is out of reach: ${error.message}`;
    return { code: "unavailable", message, retryable: true };
  }
  if (error instanceof RangeError) return { code: "invalid_operations", message: error.message };
  if (!(error instanceof StatementRefused)) throw error;
  const { code: state, message } = error;
  const text = `The database refused: ${message} (${state})`;
  if (CONFLICTS.has(state)) return { code: "conflict", message: text, retryable: true };
  // Out of memory, disk, connections, or room for prepared transactions.
  if (state.startsWith("53")) return { code: "overloaded", message: text, retryable: true };
  return { code: state.startsWith("23") ? "violated" : "database", message: text };
}
