/**
 * What the cluster's overseer does for operators: gathers the open transactions of all roles, and
 * carries a heuristic decision to whoever is in doubt.
 *
 * @module
 */
import { parseTransactionId } from "../protocols/two_phase_commit/messages.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import {
  type HeuristicDecision,
  isTransactionsReply,
  type OpenTransaction,
  type ResolveReply,
} from "./open_transactions.ts";
import { isRecord } from "./guards.ts";

/** States of participants that cannot decide by themselves, by two- and by three-phase commit. */
const DOUBTS: ReadonlySet<string> = new Set(["inDoubt", "recovering"]);
const LIST_MS = 1000;
const RESOLVE_MS = 3000;

/** A decision as it comes from a gateway, which has checked who decides. */
export interface ResolveOrder {
  /** The transaction's id as text. */
  readonly id: string;
  /** What is to become of it. */
  readonly decision: "commit" | "abort";
  /** Who decides, by name. */
  readonly operator: string;
  /** Why, for the audit. */
  readonly reason: string;
}

/** Open transactions and heuristic decisions of the whole cluster. */
export interface ClusterTransactions {
  /** By age, the oldest first. */
  readonly transactions: readonly OpenTransaction[];
  /** By time, the first first. */
  readonly heuristics: readonly HeuristicDecision[];
  /** Roles that did not answer: what they know is not here. */
  readonly silent: readonly Address[];
}

/** What came of an order, for the whole cluster. */
export type ResolveOutcome =
  | { readonly ok: true; readonly participants: readonly Address[] }
  | Extract<ResolveReply, { ok: false }>;

/** What oversight works on. */
export interface OversightParts {
  readonly services: Services;
  /** Addresses of all coordinators and participants. */
  readonly durable: () => readonly Address[];
  /** Addresses that may speak for operators: they have checked who it is. */
  readonly gateways: () => readonly Address[];
}

/** Handlers of `transactions` and `resolve`, for the overseer. */
export function oversightMessages(parts: OversightParts): Record<string, MessageHandler> {
  const { services, gateways } = parts;
  const oversight = new Oversight(parts);
  const answer = async (envelope: Envelope, work: () => Promise<unknown>) => {
    if (!gateways().includes(envelope.from)) {
      services.deadLetter("forbidden", envelope);
      services.fail(envelope, "forbidden");
    } else services.reply(envelope, await work());
    services.wake();
  };
  return {
    transactions: {
      accepts: () => true,
      handle: (_: unknown, envelope) => void answer(envelope, () => oversight.list()),
    },
    resolve: {
      accepts: isResolveOrder,
      handle: (order: ResolveOrder, envelope) =>
        void answer(envelope, () => oversight.resolve(order)),
    },
  };
}

/** Asks roles on behalf of operators. */
class Oversight {
  constructor(private readonly parts: OversightParts) {}

  /** What is open, everywhere. */
  async list(): Promise<ClusterTransactions> {
    const transactions: OpenTransaction[] = [];
    const heuristics: HeuristicDecision[] = [];
    const silent: Address[] = [];
    await Promise.all(
      this.parts.durable().map(async (role) => {
        const reply = await this.parts.services.ask(role, "transactions", null, LIST_MS).catch(() =>
          undefined
        );
        if (!isTransactionsReply(reply)) return silent.push(role);
        transactions.push(...reply.open);
        return heuristics.push(...reply.heuristics);
      }),
    );
    transactions.sort((a, b) => a.since - b.since || (a.id + a.at < b.id + b.at ? -1 : 1));
    heuristics.sort((a, b) => a.decidedAt - b.decidedAt || (a.at < b.at ? -1 : 1));
    return { transactions, heuristics, silent: silent.sort() };
  }

  /** Ends a doubt, wherever it is; refused as a whole if the first who is asked refuses. */
  async resolve({ id: text, decision, operator, reason }: ResolveOrder): Promise<ResolveOutcome> {
    const { transactions } = await this.list();
    const here = transactions.filter((each) => each.id === text);
    const doubtful = here.filter(({ state }) => DOUBTS.has(state)).map(({ at }) => at);
    if (doubtful.length === 0) {
      const [known] = here;
      const state = known === undefined
        ? "nobody who answers has it open"
        : `at ${known.at} it is ${known.state}`;
      return { ok: false, code: "notInDoubt", message: `${text} is not in doubt: ${state}` };
    }
    const order = { id: parseTransactionId(text), decision, operator, reason };
    const done: Address[] = [];
    for (const participant of doubtful) {
      const reply = await this.parts.services.ask(participant, "resolve", order, RESOLVE_MS).catch((
        error,
      ) => ({
        ok: false,
        code: "unreachable",
        message: `${participant} did not answer, and may have taken the decision: ${error.message}`,
      })) as ResolveReply;
      if (reply.ok) done.push(participant);
      else if (done.length === 0) return reply;
    }
    return { ok: true, participants: done };
  }
}

/** Whether a body is a {@link ResolveOrder}. */
export function isResolveOrder(body: unknown): body is ResolveOrder {
  if (!isRecord(body)) return false;
  const texts = ["id", "operator", "reason"].every((name) => typeof body[name] === "string");
  if (!texts || (body["decision"] !== "commit" && body["decision"] !== "abort")) return false;
  try {
    parseTransactionId(body["id"] as string);
    return true;
  } catch {
    return false;
  }
}
