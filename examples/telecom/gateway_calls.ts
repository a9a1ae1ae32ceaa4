/**
 * Small parts of the API at a gateway: where a call goes first, and what its failure says.
 *
 * @module
 */
import type { CallResult } from "../../actors/caller.ts";
import type { Fault, FaultAnswer, FaultOrder } from "../../actors/faults.ts";
import { type Gateway, isReadReply } from "../../actors/gateway.ts";
import type { Refusal } from "../../actors/ledger.ts";
import { HIGHEST_PRIORITY } from "../../protocols/two_phase_commit/admission.ts";
import type { Call } from "./api.ts";
import { type ApiError, apiError, errorOfRefusal, overloaded } from "./api_errors.ts";
import type { Result } from "./json_rpc.ts";
import { argumentsHash } from "./plan.ts";
import type { ReadQuery } from "./reads.ts";
import { claimKey, isExpired, type KeyRow, shardOf } from "./rows.ts";
import type { Principal } from "./tokens.ts";

/** A call that changes something. */
export type WriteCall = Extract<Call, { kind: "write" }>;

type Failed = Extract<CallResult, { ok: false }>;

/** A call that breaks something. */
export type FaultCall = Extract<Call, { kind: "fault" }>;

/** What a call orders: the methods are named as the faults are. */
export function faultOf({ method, params }: FaultCall): Fault {
  return { kind: method.slice("fault.".length), ...params } as Fault;
}

/** Hands an operator's order to the cluster, which has the last word. */
export async function orderFault(
  gateway: Gateway,
  call: FaultCall,
  { subject: by }: Principal,
): Promise<Result> {
  const order: FaultOrder = { by, fault: faultOf(call) };
  const answer = await gateway.oversee("fault", order).catch(() => undefined) as
    | FaultAnswer
    | undefined;
  return answer === undefined ? failure(apiError("timeout")) : faultResult(answer);
}

/** What the caller is told. */
export function faultResult(answer: FaultAnswer): Result {
  if (answer.ok) return { ok: true, result: { done: true } };
  if (answer.reason === "off") return failure(apiError("forbidden", answer.message, "faults_off"));
  return failure(apiError("invalid_params", answer.message, "unknown_target"));
}

/** A result that is an error. */
export function failure(error: ApiError): Extract<Result, { ok: false }> {
  return { ok: false, error };
}

/** Whether nothing was found. */
export function isLookup(error: ApiError): boolean {
  const { code } = apiError("unknown_subscriber");
  return error.code === code || error.code === apiError("unknown_session").code ||
    error.code === apiError("expired_session").code;
}

/** What is turned away last comes highest: what makes subscribers, then what moves their money. */
export function priorityOf({ method }: WriteCall): number {
  if (method === "session.open") return 0;
  return method === "sim.provision" || method === "number.port" ? HIGHEST_PRIORITY : 1;
}

/** The account whose shard keeps the idempotency key. */
function firstAccount(call: WriteCall): string {
  if (call.method === "account.transfer") return call.params.from;
  if (call.method === "account.batch") return call.params.operations[0]!.subscriber;
  return "msisdn" in call.params ? call.params.msisdn : call.params.subscriber;
}

/** Every other shard that a read needs, as far as its parameters say. */
export function otherShards({ params }: ReadQuery): readonly number[] {
  return "subscribers" in params ? params.subscribers.slice(1).map(shardOf) : [];
}

/** The shard that a read begins at. */
export function firstShard({ params }: ReadQuery): number {
  if ("subscribers" in params) return shardOf(params.subscribers[0]!);
  if ("session" in params) return Number(params.session.slice(0, 2));
  if ("imsi" in params) return shardOf(params.imsi);
  return shardOf("subscriber" in params ? params.subscriber : params.msisdn);
}

/** Nothing was changed by a read that failed. */
export function readError({ reason }: Failed, retryAfterMs: number): ApiError {
  if (reason === "overloaded") return overloaded(retryAfterMs);
  return apiError("unavailable", undefined, reason);
}

/** A write that failed may have been done. */
export function callError({ reason, unknown }: Failed, retryAfterMs: number): ApiError {
  if (unknown) return apiError("timeout");
  if (reason === "overloaded") return overloaded(retryAfterMs);
  return apiError("unavailable", undefined, reason);
}

/**
 * What a client is told of a write that was aborted.
 *
 * A refusal is final only once the shard that keeps the idempotency key has had its say: a
 * repeated request finds its own traces elsewhere, the SIM it took for instance, and the locks that
 * were in its way may be those of its first attempt. If that shard does not say, nobody knows.
 *
 * @param refusal Why a shard said no; undefined where votes were missing.
 * @param shards How many shards took part.
 */
export async function answerRefused(
  gateway: Gateway,
  call: WriteCall,
  caller: Principal,
  refusal: Refusal | undefined,
  shards: number,
): Promise<Result> {
  if (refusal?.code === "duplicate") return { ok: true, result: refusal.answer ?? null };
  const error = failure(refusal === undefined ? apiError("conflict") : errorOfRefusal(refusal));
  // A lone shard looked at the key before all else, unless it did not come to look at anything.
  const looked = shards < 2 && refusal !== undefined && refusal.retryable !== true &&
    refusal.code !== "conflict";
  if (!("idempotencyKey" in call.params) || looked || refusal?.code === "key_reused") return error;
  const first = firstAccount(call);
  const key = claimKey(shardOf(first), caller.subject, call.params.idempotencyKey);
  const query = { claim: key };
  const read = await gateway.read(shardOf(first), { query, rows: [] }, false);
  if (!read.ok || !isReadReply(read.value)) return failure(apiError("timeout"));
  const row = new Map(read.value.rows).get(key) as KeyRow | null | undefined;
  // One that has outlived its purpose and is not swept yet answers for nothing any more.
  const free = row === undefined || row === null ||
    isExpired(key, row, gateway.services.clock.wall());
  if (free) return error;
  if (row.hash === argumentsHash(call.method, call.params)) {
    return { ok: true, result: row.answer };
  }
  return failure(apiError("key_reused"));
}
