/**
 * Operators' methods at a gateway: it says who asks, the overseer of the cluster does the rest.
 *
 * @module
 */
import type { RosterChange, RosterOrder, RosterOutcome } from "../../actors/cluster_roster.ts";
import type { Gateway } from "../../actors/gateway.ts";
import type { Value } from "../../actors/ledger.ts";
import type { ResolveOutcome } from "../../actors/oversight.ts";
import { AskFailed } from "../../runtime/role.ts";
import type { Call } from "./api.ts";
import { apiError, type ErrorName } from "./api_errors.ts";
import { failure } from "./gateway_calls.ts";
import type { Result } from "./json_rpc.ts";
import type { Principal } from "./tokens.ts";

type OperatorCall = Extract<Call, { kind: "operator" }>;

const ERRORS: Readonly<Record<string, ErrorName>> = {
  known: "decision_known",
  notInDoubt: "not_in_doubt",
  dependent: "depends_on_others",
  unreachable: "timeout",
};

type ChangeCall = Exclude<
  OperatorCall,
  { method: "roster.list" | "transactions.list" | "transactions.resolve" }
>;

function changeOf(call: ChangeCall): RosterChange {
  switch (call.method) {
    case "roster.handOver":
      return { kind: "handOver", ...call.params };
    case "roster.cancel":
      return { kind: "cancel", ...call.params };
    case "roster.set":
      return { kind: "set", settings: call.params };
    case "roster.replace":
      return { kind: "replace", ...call.params };
  }
}

/** Does what an operator asks for. */
export async function operate(
  gateway: Gateway,
  call: OperatorCall,
  { subject }: Principal,
): Promise<Result> {
  try {
    if (call.method === "transactions.list") {
      return { ok: true, result: await gateway.oversee("transactions") as Value };
    }
    if (call.method === "roster.list") {
      return { ok: true, result: await gateway.oversee("roster") as Value };
    }
    if (call.method !== "transactions.resolve") {
      const order: RosterOrder = { by: subject, change: changeOf(call) };
      const done = await gateway.oversee("reconfigure", order) as RosterOutcome;
      if (done.ok) return { ok: true, result: { epoch: done.epoch } };
      if (done.reason === "timeout") return failure(apiError("timeout", done.message));
      return failure(apiError("order_refused", `Refused: ${done.message}`, done.reason));
    }
    const { id, decision, reason } = call.params;
    const order = { id, decision, reason, operator: subject };
    const done = await gateway.oversee("resolve", order) as ResolveOutcome;
    if (done.ok) return { ok: true, result: { id, decision, participants: done.participants } };
    return failure(apiError(ERRORS[done.code] ?? "internal_error", done.message));
  } catch (error) {
    if (!(error instanceof AskFailed)) throw error;
    return failure(apiError("unavailable", undefined, error.reason));
  }
}
