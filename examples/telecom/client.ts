/**
 * A client inside the process: calls the API of a cluster without HTTP, and gets typed results.
 *
 * @module
 */
import type { Address } from "../../runtime/ports.ts";
import { AskFailed } from "../../runtime/role.ts";
import { type ApiError, apiError, type Outcome } from "./api_errors.ts";
import type { RosterView } from "../../actors/cluster_roster.ts";
import type { ClusterTransactions } from "../../actors/oversight.ts";
import type {
  FaultParams,
  MethodName,
  OperatorParams,
  ReadParams,
  WriteParams,
} from "./methods.ts";
import type { Value } from "../../actors/ledger.ts";

/** Why a request that could not be handed over was certainly not begun. */
const NOT_BEGUN: ReadonlySet<string> = new Set(["unreachable", "full", "notServing"]);

/** What each method takes. */
export type ParamsByMethod = WriteParams & ReadParams & FaultParams & OperatorParams & {
  "rpc.discover": Readonly<Record<never, never>>;
};

/** An account, in integer cents. */
export interface AccountResult {
  /** Number of the subscriber. */
  readonly subscriber: string;
  /** Cents. */
  readonly balance: number;
  /** Grows by one with every operation on the account. */
  readonly version: number;
}

/** What each method gives. */
export type ResultByMethod = {
  "session.open": { readonly session: string };
  "session.validate": {
    readonly session: string;
    readonly subscriber: string;
    readonly valid: true;
    /** Milliseconds since 1970. */
    readonly expiresAt: number;
  };
  "account.balance": AccountResult;
  "account.debit": AccountResult;
  "account.credit": AccountResult;
  /** That of the first operation. */
  "account.batch": AccountResult;
  "account.balances": { readonly accounts: readonly AccountResult[] };
  "account.transfer": {
    readonly from: string;
    readonly to: string;
    readonly amount: number;
    /** That of `from`. */
    readonly balance: number;
    readonly version: number;
  };
  "number.port": { readonly msisdn: string; readonly imsi: string; readonly version: number };
  "sim.provision": {
    readonly msisdn: string;
    readonly imsi: string;
    readonly balance: number;
    readonly version: number;
  };
  "subscriber.get": {
    readonly msisdn: string;
    readonly imsi: string;
    readonly homeEdge: string;
    readonly balance: number;
    readonly version: number;
  };
  "fault.exit": { readonly done: true };
  "fault.partition": { readonly done: true };
  "fault.heal": { readonly done: true };
  "fault.degrade": { readonly done: true };
  "fault.crash": { readonly done: true };
  "fault.restart": { readonly done: true };
  "fault.load": { readonly done: true };
  "fault.behave": { readonly done: true };
  "roster.list": RosterView;
  "roster.handOver": { readonly epoch: number };
  "roster.cancel": { readonly epoch: number };
  "roster.set": { readonly epoch: number };
  "roster.replace": { readonly epoch: number };
  "transactions.list": ClusterTransactions;
  "transactions.resolve": {
    readonly id: string;
    readonly decision: "commit" | "abort";
    /** Addresses of those that were in doubt, and are not any more. */
    readonly participants: readonly string[];
  };
  "rpc.discover": Readonly<Record<string, Value>>;
};

/** How a call is made. */
export interface CallOptions {
  /**
   * Who calls: `operator`, a subscriber's number, or null for nobody. A token is made for them.
   * Default: `operator`.
   */
  readonly as?: string | null;
  /** A token to call with instead; it is checked like any other. */
  readonly token?: string;
  /** The edge node to call. Default: one after the other, passing over those that are down. */
  readonly edge?: string;
  /** How long to wait for the answer, in ms. Default 10,000. */
  readonly timeoutMs?: number;
}

/** The API answered with an error; see the table of errors. */
export class RpcError extends Error {
  /** Always `RpcError`. */
  override readonly name = "RpcError";
  /** JSON-RPC error code. */
  readonly code: number;
  /** `none`: nothing was changed; `unknown`: ask again with the same idempotency key. */
  readonly outcome: Outcome;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** A word for programs. */
  readonly reason: string;

  /** From the error as it was answered. */
  constructor({ code, message, data }: ApiError) {
    super(message);
    this.code = code;
    this.outcome = data.outcome;
    this.retryable = data.retryable;
    this.reason = data.reason;
  }
}

/** What a client needs of its cluster. */
export interface ClientOptions {
  /** Makes tokens. */
  readonly tokens: {
    operator(): Promise<string>;
    subscriber(msisdn: string): Promise<string>;
  };
  /** Nodes with a gateway. */
  readonly edges: readonly string[];
  /** Whether a node is worth asking. */
  readonly isUp: (edge: string) => boolean;
  /** Asks a role. */
  readonly ask: (
    to: Address,
    type: string,
    body: unknown,
    timeoutMs: number,
  ) => Promise<unknown>;
}

const TIMEOUT_MS = 10_000;

/** Calls gateways by message. */
export class TelecomClient {
  #calls = 0;

  /** A client of one cluster. */
  constructor(private readonly options: ClientOptions) {}

  /**
   * Calls a method.
   *
   * @throws {RpcError} if the answer is an error, or none comes
   * @throws {RangeError} for an edge that does not exist
   */
  async rpc<M extends MethodName>(
    method: M,
    params: ParamsByMethod[M],
    call: CallOptions = {},
  ): Promise<ResultByMethod[M]> {
    const id = ++this.#calls;
    const body = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    const token = await this.#token(call);
    const message = token === undefined ? { body } : { body, authorization: `Bearer ${token}` };
    const answer = await this.#ask(this.#edge(call.edge, id), message, call.timeoutMs);
    const response = JSON.parse(answer) as Answer;
    if (response.error !== undefined) throw new RpcError(response.error);
    return response.result as ResultByMethod[M];
  }

  async #token({ as = "operator", token }: CallOptions): Promise<string | undefined> {
    if (token !== undefined) return token;
    if (as === null) return undefined;
    const { tokens } = this.options;
    return await (as === "operator" ? tokens.operator() : tokens.subscriber(as));
  }

  #edge(wanted: string | undefined, turn: number): string {
    const { edges, isUp } = this.options;
    if (wanted !== undefined) {
      if (edges.includes(wanted)) return wanted;
      throw new RangeError(`There is no edge ${wanted}: there are ${edges.join(", ")}`);
    }
    const up = edges.filter(isUp);
    const choice = up[turn % up.length];
    if (choice !== undefined) return choice;
    throw new RpcError(apiError("unavailable", "No edge is up", "unreachable"));
  }

  async #ask(edge: string, message: unknown, timeoutMs = TIMEOUT_MS): Promise<string> {
    try {
      return await this.options.ask(`${edge}/gateway`, "request", message, timeoutMs) as string;
    } catch (error) {
      if (!(error instanceof AskFailed)) throw error;
      const { reason } = error;
      throw new RpcError(
        apiError(NOT_BEGUN.has(reason) ? "unavailable" : "timeout", undefined, reason),
      );
    }
  }
}

interface Answer {
  readonly result?: unknown;
  readonly error?: ApiError;
}
