/**
 * Methods of the API for those who run the cluster: faults on purpose, and transactions that are
 * stuck.
 *
 * @module
 */
import type { Method } from "./api.ts";
import type { FaultMethod, OperatorMethod } from "./methods.ts";
import {
  addresses,
  decision,
  type Fields,
  links,
  object,
  reason,
  records,
  role,
  transactionId,
  yes,
} from "./schemas.ts";

const operator = ["operator"] as const;

function fault(summary: string, params: Fields): Method {
  const result = object({ done: yes });
  return { summary, kind: "fault", params: object(params), result, roles: operator, errors: [] };
}

/** The methods by name. */
export const operatorMethods: { readonly [M in FaultMethod | OperatorMethod]: Method } = {
  "fault.exit": fault("End a role without a word; its supervisor starts it again", { role }),
  "fault.partition": fault("Cut links, each in one direction", { links }),
  "fault.heal": fault("Mend links that were cut", { links }),
  "transactions.list": {
    summary: "What is open: by whom, in which state, since when; and all heuristic decisions",
    kind: "operator",
    params: object({}),
    result: object({ transactions: records, heuristics: records, silent: addresses }),
    roles: operator,
    errors: [],
  },
  "transactions.resolve": {
    summary: "Decide heuristically about a transaction in doubt whose decision nobody knows",
    kind: "operator",
    params: object({ id: transactionId, decision, reason }),
    result: object({ id: transactionId, decision, participants: addresses }),
    roles: operator,
    errors: ["decision_known", "not_in_doubt", "depends_on_others"],
  },
};
