/**
 * What messages and records are about, for those who look on.
 *
 * @module
 */
import { formatTransactionId, type TransactionId } from "../protocols/two_phase_commit/messages.ts";

/** The transaction a message or record names in its `id`, if it names one. */
export function aboutTransaction(content: unknown): string | undefined {
  const id = (content as { readonly id?: unknown } | null | undefined)?.id;
  if (typeof id === "string") return id;
  const { log, sequence } = (id ?? {}) as Partial<TransactionId>;
  if (typeof log !== "string" || typeof sequence !== "number") return undefined;
  return formatTransactionId({ log, sequence });
}
