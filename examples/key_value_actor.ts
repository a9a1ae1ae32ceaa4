/**
 * A key-value store as a state machine that a group replicates: what it is, and a replica of it.
 *
 * @module
 */
import { replicaRole, type StateMachine } from "@trunkline/trunkline/actors";

/** The values by their keys. */
export type Values = Readonly<Record<string, string>>;

/** What clients ask for. */
export type Operation =
  | { readonly put: string; readonly value: string }
  | { readonly get: string }
  | { readonly add: string; readonly by: number };

/** The store. It is deterministic: what comes of an operation depends on state and operation alone. */
export const keyValueStore: StateMachine<Values, Operation, string | null> = {
  initial: {},
  apply(values, operation) {
    if ("put" in operation) {
      const { put, value } = operation;
      return [{ ...values, [put]: value }, values[put] ?? null];
    }
    if ("add" in operation) {
      const sum = String(Number(values[operation.add] ?? "0") + operation.by);
      return [{ ...values, [operation.add]: sum }, sum];
    }
    return [values, values[operation.get] ?? null];
  },
  isReadOnly: (operation) => "get" in operation,
};

/** One replica of it. */
export const keyValueReplica = replicaRole(keyValueStore);
