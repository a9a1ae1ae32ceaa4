/**
 * What a participant says, to its coordinator and to its peers: the same whatever keeps its rows.
 *
 * @module
 */
import { formatTransactionId, type TransactionId } from "../protocols/two_phase_commit/messages.ts";
import type { Perform } from "../runtime/instances.ts";
import type { Services } from "../runtime/role.ts";
import type { Refusal } from "./ledger.ts";
import type { ParticipantFacts } from "./participant_facts.ts";

/**
 * Performs `sendCoordinator`, `sendPeers` and `reject`.
 *
 * @param store the id of what votes: only that may be asked to commit
 */
export function participantMessages(
  services: Services,
  store: () => string,
): Record<string, Perform<ParticipantFacts>> {
  return {
    sendCoordinator: ({ facts }, params: { message: string; retryable?: boolean }) =>
      tellCoordinator(services, store, facts, params),
    sendPeers: ({ facts }, params: { message: string; to: readonly number[] | "all" }) => {
      const { id, you: index, epoch } = facts;
      const all = facts.peers.map((_, peer) => peer).filter((peer) => peer !== index);
      for (const you of params.to === "all" ? all : params.to) {
        const to = facts.peers[you];
        if (to === undefined) continue;
        services.send(to, params.message, { id, index, you, epoch }, { urgent: true });
      }
    },
    reject: ({ key, facts }) =>
      services.log("warning", `${key}: unexpected message of ${facts.coordinator}`),
  };
}

function tellCoordinator(
  services: Services,
  store: () => string,
  facts: ParticipantFacts,
  params: { message: string; retryable?: boolean },
): void {
  const { id, you: index, epoch, record } = facts;
  if (facts.coordinator === "") return; // Known from an outcome or a peer's question only.
  const send = (body: unknown) =>
    services.send(facts.coordinator, params.message, body, { urgent: true });
  switch (params.message) {
    case "voteYes": {
      const { answer, holders, entries } = record!;
      const after = facts.after.size === 0 ? {} : { after: [...facts.after] };
      return void send({ id, index, store: store(), answer, holders, entries, ...after });
    }
    case "voteNo": {
      const conflict: Refusal = { code: "conflict", message: "A lock was not free in time" };
      const { retryable = false } = params;
      return void send({ id, index, retryable, reason: facts.refusal ?? conflict });
    }
    default:
      return void send({ id, index, epoch });
  }
}

/** A commit was voted for here, and there is no trace of it: this store has lost what it promised. */
export function logLostVote(services: Services, id: TransactionId): void {
  services.log(
    "failure",
    `A commit of ${formatTransactionId(id)} came that this store never voted for: ` +
      `it was replaced or has lost its tail. Restore it from a copy.`,
  );
}
