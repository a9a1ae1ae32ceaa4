/**
 * When a coordinator begins an aborted transaction again, under a new id.
 *
 * @module
 */
import type { CoordinatorConfig, CoordinatorFacts } from "./coordinator_facts.ts";
import { isRecord } from "./guards.ts";
import type { Refusal } from "./ledger.ts";

/** Which attempt of a transaction it is, and what stays the same over all of them. */
export type Attempt = Pick<CoordinatorFacts, "retries" | "begunAt" | "chosen">;

/** Why a victim was aborted. */
export const DEADLOCK: Refusal = {
  code: "deadlock",
  message: "Transactions waited for one another, and this one was chosen to give way",
  retryable: true,
};

const BASE_MS = 10;
/** The pause is doubled so many times at most: 640 ms and as much chance again. */
const MOST_DOUBLINGS = 6;

/**
 * How long to wait before the next attempt, in ms; `undefined`: there is none.
 *
 * The pause doubles, and half of it is chance, so that those who collided do not meet again in step.
 * The transaction timeout bounds all attempts together. Conflicts are counted besides; victims of
 * deadlocks are not: each of them is spared the next time.
 *
 * @param chance uniform in [0, 1)
 */
export function retryPause(
  facts: Pick<CoordinatorFacts, "client" | "refusal" | "retries" | "begunAt" | "chosen">,
  config: Pick<CoordinatorConfig, "maxRetries" | "voteTimeoutMs">,
  now: number,
  chance: number,
): number | undefined {
  const { client, refusal, retries, begunAt, chosen } = facts;
  // A row that was read before planning has changed: planning it again is the client's part.
  if (refusal !== undefined && refusal.code !== "conflict" && refusal !== DEADLOCK) {
    return undefined;
  }
  if (refusal !== DEADLOCK && retries - chosen >= config.maxRetries) return undefined;
  const pause = BASE_MS * 2 ** Math.min(retries, MOST_DOUBLINGS) * (0.5 + chance);
  const end = Math.min(client?.metadata.deadline ?? Infinity, begunAt + config.voteTimeoutMs);
  return now + pause < end ? pause : undefined;
}

/** Whether a body is a `victim`. */
export function isVictim(body: unknown): boolean {
  return isRecord(body) && typeof body["id"] === "string";
}
