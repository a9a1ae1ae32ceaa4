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
import { type Knowledge, listOpen, type OpenTransaction } from "./open_transactions.ts";

/** The transactions of a coordinator, as far as they are looked at. */
type Watched = Pick<Instances<CoordinatorFacts, never>, "get" | "describe"> & {
  [Symbol.iterator](): Iterator<Instance<CoordinatorFacts>>;
};

interface Question {
  readonly id: TransactionId;
  readonly protocol?: unknown;
}

/** By three-phase commit nothing is presumed, and one that is back does not know what was decided. */
const THREE_PHASE: readonly (readonly [state: RegExp, known: Knowledge])[] = [
  [/^commit/, "commit"],
  [/^abort/, "abort"],
  [/^recovering/, "uncertain"],
];

/** What operators look at. */
interface OversightParts {
  /** Those run by two-phase commit, and by three-phase commit. */
  readonly instances: () => readonly [twoPhase: Watched, threePhase: Watched];
  /** What no record of a transaction means, by two-phase commit. */
  readonly unknown: (id: TransactionId) => "abort" | "unknown";
}

/** Handlers of `transactions` and `outcome`. */
export function overseenMessages(
  services: Services,
  config: CoordinatorConfig,
  { instances, unknown }: OversightParts,
): Readonly<Record<string, MessageHandler>> {
  const forbid = (envelope: Envelope) => {
    services.deadLetter("forbidden", envelope);
    services.fail(envelope, "forbidden");
  };
  const knowledge = ({ id, protocol }: Question): Knowledge => {
    const [twoPhase, threePhase] = instances();
    if (protocol === "3pc") {
      const instance = threePhase.get(formatTransactionId(id));
      if (instance === undefined) return "uncertain";
      const state = threePhase.describe(instance);
      return THREE_PHASE.find(([pattern]) => pattern.test(state))?.[1] ?? "open";
    }
    const instance = twoPhase.get(formatTransactionId(id));
    if (instance === undefined) return unknown(id) === "abort" ? "abort" : "uncertain";
    return twoPhase.describe(instance).startsWith("committing") ? "commit" : "open";
  };
  const list = (): OpenTransaction[] => {
    const wall = services.clock.wall(), now = services.clock.now();
    return instances().flatMap((watched) =>
      listOpen(services, watched, (instance) => ({
        state: watched.describe(instance),
        since: Math.round(wall - (now - instance.facts.begunAt)),
        coordinator: services.address,
        locks: [],
      }))
    );
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
      handle: (body: Question, envelope) => {
        if (!config.participantOf.includes(envelope.from)) return forbid(envelope);
        services.reply(envelope, knowledge(body));
      },
    },
  };
}
