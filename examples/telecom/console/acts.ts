/**
 * Acts of the console: methods of the API, carried out with the operator's own token. Requests go
 * through a gateway like anyone's, which verifies the token again. Orders of faults go to the
 * cluster itself: with its last edge down, an operator must still be able to start one.
 *
 * @module
 */
import type { FaultAnswer, FaultOrder } from "../../../actors/faults.ts";
import { isRecord } from "../../../actors/guards.ts";
import { AskFailed, type LogKind } from "../../../runtime/role.ts";
import { authorize, checkCall } from "../api.ts";
import { faultOf, faultResult } from "../gateway_calls.ts";
import { createVerifier, type Verifier } from "../token_verifier.ts";
import { isAuthError, type Principal } from "../tokens.ts";
import type { Checked } from "./visitor.ts";

/** What acts are carried out with. */
export interface ActParts {
  /** Verifies tokens. */
  readonly publicKey: CryptoKey;
  /** Edges that serve at the moment. */
  readonly edges: () => readonly string[];
  /** Sends a request to the gateway of an edge. */
  readonly ask: (edge: string, request: unknown) => Promise<unknown>;
  readonly order: (order: FaultOrder) => FaultAnswer;
  /** For the audit. */
  readonly log: (kind: LogKind, text: string) => void;
}

const TOKENS = 100;

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
    if (call.kind === "fault") return this.#order(faultOf(call), caller);
    if (call.kind === "write" || method === "transactions.resolve") {
      this.parts.log("info", `${caller.subject} asks for ${method} at the console`);
    }
    return await this.#request(token, method, params);
  }

  #order(fault: FaultOrder["fault"], { subject: by }: Principal): unknown {
    const result = faultResult(this.parts.order({ by, fault }));
    if (result.ok) return result.result;
    throw new Error(result.error.message);
  }

  async #request(token: string, method: string, params: unknown): Promise<unknown> {
    const edges = this.parts.edges();
    const edge = edges[this.#turn++ % Math.max(1, edges.length)];
    if (edge === undefined) throw new Error("No edge serves: start one first");
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const answer = await this.parts.ask(edge, { body, authorization: `Bearer ${token}` }).catch(
      (error) => {
        if (!(error instanceof AskFailed)) throw error;
        throw new Error(`${edge} did not answer (${error.reason}): it may have been done`);
      },
    );
    const response: unknown = typeof answer === "string" ? JSON.parse(answer) : answer;
    if (!isRecord(response)) throw new Error(`${edge} gave no answer`);
    const { error, result } = response;
    if (isRecord(error)) throw new Error(String(error["message"]));
    return result;
  }
}
