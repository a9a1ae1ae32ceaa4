/**
 * The audit of heuristic decisions at one participant: rows that stay for good.
 *
 * @module
 */
import {
  formatTransactionId,
  type HeuristicRecord,
} from "../protocols/two_phase_commit/messages.ts";
import type { Value } from "../runtime/ports.ts";
import type { Services } from "../runtime/role.ts";
import type { HeuristicDecision } from "./open_transactions.ts";

const PREFIX = "meta/audit/";

/** Writes and reads the audit. */
export class Audit {
  constructor(private readonly services: Services) {}

  /** Writes what was decided and what it was worth, in one write with the record about it. */
  write(record: HeuristicRecord, verdict: HeuristicDecision["verdict"]): void {
    const { decision, operator, reason, at: decidedAt } = record;
    const { services } = this;
    const entry: HeuristicDecision = {
      id: formatTransactionId(record.id),
      at: services.address,
      decision,
      operator,
      reason,
      decidedAt,
      verdict,
      settledAt: verdict === "open" ? 0 : services.clock.wall(),
    };
    services.store.put(keyOf(record), { ...entry } as Value);
  }

  /** Writes what is missing: a salvage adds records, and knows no rows. */
  complete(record: HeuristicRecord): void {
    if (this.services.store.get(keyOf(record)) === undefined) this.write(record, "open");
  }

  /** All entries. */
  all(): HeuristicDecision[] {
    const rows = [...this.services.store.scan(PREFIX)];
    return rows.map(([, value]) => value as unknown as HeuristicDecision);
  }
}

function keyOf({ id }: HeuristicRecord): string {
  return PREFIX + formatTransactionId(id);
}
