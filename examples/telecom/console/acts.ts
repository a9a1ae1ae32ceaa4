/**
 * Acts of the console: methods of the API, carried out with the operator's own token. Most go through
 * a gateway like anyone's, which verifies the token again. Orders of faults go to the cluster
 * itself: with its last edge down, an operator must still be able to start one. Transactions go to
 * a coordinator from here, so that the console can tell which of all transactions is its own.
 *
 * @module
 */
import type { FaultAnswer, FaultOrder } from "../../../actors/faults.ts";
import { isRecord } from "../../../actors/guards.ts";
import { isFate } from "../../../actors/transact.ts";
import type { Address } from "../../../runtime/ports.ts";
import { AskFailed, type LogKind } from "../../../runtime/role.ts";
import { authorize, checkCall } from "../api.ts";
import { errorOfRefusal } from "../api_errors.ts";
import { faultOf, faultResult } from "../gateway_calls.ts";
import type { WriteParams } from "../methods.ts";
import { plan } from "../plan.ts";
import { createVerifier, type Verifier } from "../token_verifier.ts";
import { isAuthError, type Principal } from "../tokens.ts";
import type { Checked } from "./visitor.ts";

/** What acts are carried out with. */
export interface ActParts {
  /** Verifies tokens. */
  readonly publicKey: CryptoKey;
  /** Edges that serve at the moment. */
  readonly edges: () => readonly string[];
  /** Coordinators that serve at the moment. */
  readonly coordinators: () => readonly Address[];
  /** Asks a role. Rejects with `AskFailed`. */
  readonly ask: (role: Address, type: string, body: unknown) => Promise<unknown>;
  /** Does some work, and follows the transaction that its result names. */
  readonly observed: <T>(
    work: () => Promise<T>,
    of: (value: T) => string | undefined,
  ) => Promise<T>;
  readonly order: (order: FaultOrder) => Promise<FaultAnswer>;
  /** For the audit. */
  readonly log: (kind: LogKind, text: string) => void;
}

/** What came of a transaction of the console's own. */
export interface Transacted {
  readonly outcome: "committed" | "aborted";
  /** Its id, where it could be told. */
  readonly transaction?: string;
  /** Why it was aborted, for people. */
  readonly reason?: string;
}

const TOKENS = 100;
/** Methods that are planned here: what they need is in their parameters. */
const PLANNED = ["account.batch", "account.transfer", "account.credit", "account.debit"] as const;
type Planned = typeof PLANNED[number];

/** Carries out what operators ask for. */
export class Acts {
  readonly #verifier: Verifier;
  #turn = 0;

  constructor(private readonly parts: ActParts) {
    this.#verifier = createVerifier(parts.publicKey, { now: Date.now, limit: TOKENS });
  }

  /** Whether a token is an operator's. */
  async check(token: string): Promise<Checked> {
    const verified = await this.#verifier.verify(token);
    if (isAuthError(verified)) return { ok: false, message: verified.message };
    if (verified.role === "operator") return { ok: true, operator: verified.subject };
    return { ok: false, message: "This token is a subscriber's: the console takes an operator's" };
  }

  /** Carries out a method of the API. @throws {Error} with a message for people */
  async act(
    token: string,
    method: string,
    params: Readonly<Record<string, unknown>>,
  ): Promise<unknown> {
    const checked = checkCall(method, params);
    if (!checked.ok) throw new Error(checked.error.message);
    const { call } = checked;
    const caller = await this.#verifier.verify(token);
    if (isAuthError(caller)) throw new Error(caller.message);
    const denied = authorize(call, caller);
    if (denied !== undefined) throw new Error(denied.message);
    if (call.kind === "fault") return await this.#order(faultOf(call), caller);
    if (call.kind === "write" || method === "transactions.resolve") {
      this.parts.log("info", `${caller.subject} asks for ${method} at the console`);
    }
    return call.kind === "write" && (PLANNED as readonly string[]).includes(method)
      ? await this.#transact(method as Planned, call.params as WriteParams[Planned], caller)
      : await this.#request(token, method, params);
  }

  async #transact(
    method: Planned,
    params: WriteParams[Planned],
    caller: Principal,
  ): Promise<Transacted> {
    const planned = plan(method, params, caller);
    if (!planned.ok) throw new Error(errorOfRefusal(planned.reason).message);
    const coordinators = this.parts.coordinators();
    const coordinator = coordinators[this.#turn++ % Math.max(1, coordinators.length)];
    if (coordinator === undefined) throw new Error("No coordinator serves: start one first");
    const { shards, answerShard } = planned.plan;
    const value = await this.parts.observed(
      () => this.#ask(coordinator, "transact", { shards, answerShard, named: true }),
      (answer) => isFate(answer) ? answer.transaction : undefined,
    );
    if (!isFate(value)) throw new Error(`${coordinator} gave no answer`);
    const id = value.transaction === undefined ? {} : { transaction: value.transaction };
    if (value.outcome === "committed") return { outcome: "committed", ...id };
    const reason = value.refusal === undefined
      ? `no answer in time (${value.reason})`
      : errorOfRefusal(value.refusal).message;
    return { outcome: "aborted", ...id, reason };
  }

  async #ask(role: Address, type: string, body: unknown): Promise<unknown> {
    try {
      return await this.parts.ask(role, type, body);
    } catch (error) {
      if (!(error instanceof AskFailed)) throw error;
      throw new Error(`${role} did not answer (${error.reason}): it may have been done`);
    }
  }

  async #order(fault: FaultOrder["fault"], { subject: by }: Principal): Promise<unknown> {
    const result = faultResult(await this.parts.order({ by, fault }));
    if (result.ok) return result.result;
    throw new Error(result.error.message);
  }

  async #request(token: string, method: string, params: unknown): Promise<unknown> {
    const edges = this.parts.edges();
    const edge = edges[this.#turn++ % Math.max(1, edges.length)];
    if (edge === undefined) throw new Error("No edge serves: start one first");
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const request = { body, authorization: `Bearer ${token}` };
    const answer = await this.#ask(`${edge}/gateway`, "request", request);
    const response: unknown = typeof answer === "string" ? JSON.parse(answer) : answer;
    if (!isRecord(response)) throw new Error(`${edge} gave no answer`);
    const { error, result } = response;
    if (isRecord(error)) throw new Error(String(error["message"]));
    return result;
  }
}
