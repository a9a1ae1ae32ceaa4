/**
 * What those who may know say of a transaction, before an operator decides about it, and what his
 * decision was worth when the real one is heard.
 *
 * @module
 */
import {
  formatTransactionId,
  type HeuristicRecord,
  type Outcome,
  type TransactionId,
} from "../protocols/two_phase_commit/messages.ts";
import type { Services } from "../runtime/role.ts";
import type { Audit } from "./audit.ts";
import type { HeuristicDecision, Knowledge } from "./open_transactions.ts";

const INVESTIGATE_MS = 800;

/** Whom to ask. Of all peers together three-phase commit may know what none of them knows alone. */
interface Witnesses {
  readonly coordinator: string;
  /** The other participants. */
  readonly peers: readonly string[];
  readonly protocol?: "3pc";
}

/** Asks everybody who may know, and says why it need not be decided by hand; undefined: it may be. */
async function reasonToWait(
  services: Services,
  id: TransactionId,
  { coordinator, peers, protocol }: Witnesses,
): Promise<string | undefined> {
  const question = protocol === undefined ? { id } : { id, protocol };
  const answers = await Promise.all([coordinator, ...peers].map(async (address) => {
    const known = await services.ask(address, "outcome", question, INVESTIGATE_MS)
      .catch(() => "uncertain") as Knowledge;
    return { address, known };
  }));
  const sure = answers.find(({ known }) => known === "commit" || known === "abort") ??
    answers.find(({ known }) => known === "open");
  if (sure?.known === "open") return `${sure.address} is still deciding: wait for it`;
  if (sure !== undefined) {
    return `${sure.address} knows the decision: ${sure.known}. It will be heard`;
  }
  const areBack = answers.slice(1).every(({ known }) => known === "recovering");
  return protocol !== undefined && areBack
    ? "All participants are back: they are about to decide"
    : undefined;
}

/** What an operator's decision is about, at the participant that investigates. */
interface Doubt {
  readonly record: HeuristicRecord;
  readonly participant: {
    readonly facts: {
      readonly coordinator: string;
      readonly peers: readonly string[];
      readonly you: number;
    };
  };
  refusal: string;
}

/**
 * Asks everybody who may know; whoever does not answer in time does not.
 *
 * @param stateOf of the participant, when all have answered
 * @param inDoubt the state in which an operator may decide
 * @param step gives the decision's chart what came of it
 */
export async function investigate(
  services: Services,
  doubt: Doubt,
  { protocol, stateOf, inDoubt, step }: {
    readonly protocol?: "3pc";
    readonly stateOf: () => string;
    readonly inDoubt: string;
    readonly step: (event: { readonly type: "known" | "unknown" }) => void;
  },
): Promise<void> {
  const { coordinator, peers, you } = doubt.participant.facts;
  const others = peers.filter((_, index) => index !== you);
  const witnesses = { coordinator, peers: others, ...(protocol === undefined ? {} : { protocol }) };
  const reason = await reasonToWait(services, doubt.record.id, witnesses);
  const state = stateOf();
  if (reason !== undefined || state !== inDoubt) {
    doubt.refusal = reason ?? `The decision has been heard meanwhile: it is ${state}`;
    step({ type: "known" });
  } else step({ type: "unknown" });
  services.wake();
}

/** Writes down what an operator decided, and says so: in the batch with the record of it. */
export function auditDecision(
  services: Services,
  audit: Pick<Audit, "write">,
  record: HeuristicRecord,
): void {
  audit.write(record, "open");
  const text = `${
    formatTransactionId(record.id)
  }: heuristic ${record.decision} by ${record.operator}`;
  services.log("warning", `${text}: ${record.reason}`);
}

/** Says what a decision was worth, so that nobody overlooks it; whether it was wrong, or may be. */
export function logVerdict(
  services: Services,
  { id, decision, operator }: HeuristicRecord,
  verdict: Exclude<HeuristicDecision["verdict"], "open">,
  real: Outcome,
): boolean {
  const about = `${formatTransactionId(id)}: the decision of ${operator}, ${decision},`;
  if (verdict === "agreed") {
    services.log("success", `${about} was the coordinator's`);
    return false;
  }
  services.log(
    "failure",
    verdict === "mixed"
      ? `HEURISTIC MIXED: ${about} contradicts the coordinator's, ${real}: participants differ ` +
        "and must be made to agree by hand"
      : `HEURISTIC HAZARD: ${about} was made by salvage; the coordinator's was ${real}: ` +
        "whether it is applied here must be looked at by hand",
  );
  return true;
}
