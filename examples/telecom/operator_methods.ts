/**
 * Methods of the API for those who run the cluster: faults on purpose, transactions that are
 * stuck, and the roster.
 *
 * @module
 */
import type { Method } from "./api.ts";
import type { FaultMethod, OperatorMethod } from "./methods.ts";
import {
  addresses,
  anyObject,
  behaviours,
  concurrency,
  decision,
  epoch,
  type Fields,
  linkDelay,
  links,
  loadMs,
  loss,
  node,
  object,
  reason,
  records,
  role,
  transactionId,
  yes,
} from "./schemas.ts";

const operator = ["operator"] as const;

function fault(summary: string, fields: Fields, optional: Fields = {}): Method {
  const result = object({ done: yes });
  const params = object(fields, optional);
  return { summary, kind: "fault", params, result, roles: operator, errors: [] };
}

function change(summary: string, params: Fields): Method {
  const result = object({ epoch });
  const errors = ["order_refused"] as const;
  return { summary, kind: "operator", params: object(params), result, roles: operator, errors };
}

/** The methods by name. */
export const operatorMethods: { readonly [M in FaultMethod | OperatorMethod]: Method } = {
  "fault.exit": fault("End a role without a word; its supervisor starts it again", { role }),
  "fault.partition": fault("Cut links, each in one direction", { links }),
  "fault.heal": fault("Mend links that were cut or degraded", { links }),
  "fault.degrade": fault("Make links lose a share of their messages, or slow", { links }, {
    loss,
    delayMs: linkDelay,
  }),
  "fault.crash": fault("End all roles of a node, until it is started again", { node }),
  "fault.restart": fault("Start a node that was crashed", { node }),
  "fault.load": fault("Let a node take most of one processor for a while", { node, ms: loadMs }),
  "fault.behave": fault(
    "Have the replica of a node (or of primary), one of those that order the configuration, lie",
    { node, behaviours },
  ),
  "roster.list": {
    summary: "The configuration, and the replicas that keep it, with what they can prove of others",
    kind: "operator",
    params: object({}),
    result: object({ configuration: anyObject, replicas: records }),
    roles: operator,
    errors: [],
  },
  "roster.handOver": change("Hand a coordinator's logs over to another node's", {
    from: node,
    to: node,
  }),
  "roster.cancel": change("Take back a hand-over that is not sealed", { from: node }),
  "roster.set": change("Change limits while transactions run", {
    maxConcurrentTransactions: concurrency,
  }),
  "roster.replace": change("Replace a node's replica: new keys, an empty store", { node }),
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
