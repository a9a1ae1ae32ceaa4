/**
 * What a coordinator tells operators of its transactions, and participants about to end a doubt by
 * hand of their outcomes.
 *
 * @module
 */
import { formatTransactionId, type TransactionId } from "../protocols/two_phase_commit/messages.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Instance, Instances } from "../runtime/instances.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import type { CoordinatorConfig, CoordinatorFacts } from "./coordinator_facts.ts";
import { hasId } from "./guards.ts";
import { type Knowledge, MOST_TOLD, type OpenTransaction } from "./open_transactions.ts";

/** The transactions of a coordinator, as far as they are looked at. */
type Watched = Pick<Instances<CoordinatorFacts, never>, "get" | "describe"> & {
  [Symbol.iterator](): Iterator<Instance<CoordinatorFacts>>;
};

/**
 * Handlers of `transactions` and `outcome`.
 *
 * @param unknown what no record of a transaction means
 */
export function overseenMessages(
  services: Services,
  config: CoordinatorConfig,
  instances: () => Watched,
  unknown: (id: TransactionId) => "abort" | "unknown",
): Readonly<Record<string, MessageHandler>> {
  const forbid = (envelope: Envelope) => {
    services.deadLetter("forbidden", envelope);
    services.fail(envelope, "forbidden");
  };
  const knowledge = (id: TransactionId): Knowledge => {
    const instance = instances().get(formatTransactionId(id));
    if (instance === undefined) return unknown(id) === "abort" ? "abort" : "uncertain";
    return instances().describe(instance).startsWith("committing") ? "commit" : "open";
  };
  const list = (): OpenTransaction[] => {
    const wall = services.clock.wall(), now = services.clock.now();
    const open: OpenTransaction[] = [];
    for (const instance of instances()) {
      if (open.length >= MOST_TOLD) break;
      const { key: id, facts } = instance;
      open.push({
        id,
        at: services.address,
        state: instances().describe(instance),
        since: Math.round(wall - (now - facts.begunAt)),
        coordinator: services.address,
        participants: [...facts.peers],
        locks: [],
      });
    }
    return open;
  };
  return {
    transactions: {
      accepts: () => true,
      handle: (_, envelope) => {
        if (envelope.from !== config.overseer) return forbid(envelope);
        services.reply(envelope, { open: list(), heuristics: [] });
      },
    },
    outcome: {
      accepts: hasId,
      handle: (body: { readonly id: TransactionId }, envelope) => {
        if (!config.participantOf.includes(envelope.from)) return forbid(envelope);
        services.reply(envelope, knowledge(body.id));
      },
    },
  };
}
