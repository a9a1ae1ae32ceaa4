/**
 * When a coordinator begins an aborted transaction again, under a new id.
 *
 * @module
 */
import type { CoordinatorConfig, CoordinatorFacts } from "./coordinator_facts.ts";
import type { Instance } from "../runtime/instances.ts";
import type { Timer, Timers } from "../runtime/timers.ts";
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
/** Round trips grow with the queues for locks; a first pause does not grow with them for ever. */
const LONGEST_BASE_MS = 250;
/** The pause is doubled so many times at most. */
const MOST_DOUBLINGS = 6;

/**
 * How long to wait before the next attempt, in ms; `undefined`: there is none.
 *
 * The pause doubles, and half of it is chance, so that those who collided do not meet again in step.
 * The transaction timeout bounds all attempts together. Conflicts are counted besides; victims of
 * deadlocks are not: each of them is spared the next time.
 *
 * @param roundTripMs what a victim waits at least half of: those it gave way to need as much to end
 * @param chance uniform in [0, 1)
 */
export function retryPause(
  facts: Pick<CoordinatorFacts, "client" | "refusal" | "retries" | "begunAt" | "chosen">,
  config: Pick<CoordinatorConfig, "maxRetries" | "voteTimeoutMs">,
  { now, roundTripMs, chance }: {
    readonly now: number;
    readonly roundTripMs: number;
    readonly chance: number;
  },
): number | undefined {
  const { client, refusal, retries, begunAt, chosen } = facts;
  // A row that was read before planning has changed: planning it again is the client's part.
  if (refusal !== undefined && refusal.code !== "conflict" && refusal !== DEADLOCK) {
    return undefined;
  }
  if (refusal !== DEADLOCK && retries - chosen >= config.maxRetries) return undefined;
  const needed = Math.min(LONGEST_BASE_MS, Math.max(BASE_MS, roundTripMs));
  const base = refusal === DEADLOCK ? needed : BASE_MS;
  const pause = base * 2 ** Math.min(retries, MOST_DOUBLINGS) * (0.5 + chance);
  const end = Math.min(client?.metadata.deadline ?? Infinity, begunAt + config.voteTimeoutMs);
  return now + pause < end ? pause : undefined;
}

/** Aborts a transaction for a reason that another attempt may not meet. */
export function abortRetryable<I extends Instance<Pick<CoordinatorFacts, "refusal">>>(
  instance: I,
  refusal: Refusal,
  step: (instance: I, event: { readonly type: "abort"; readonly retryable: true }) => void,
): void {
  instance.facts.refusal ??= refusal;
  step(instance, { type: "abort", retryable: true });
}

/** Transactions that pause before they are begun again. */
export class Pauses {
  readonly #open = new Map<Timer, () => void>();

  constructor(private readonly timers: Timers) {}

  get size(): number {
    return this.#open.size;
  }

  /** @param until cluster instant in ms */
  begin(until: number, over: () => void): void {
    const timer = this.timers.set(until, () => {
      this.#open.delete(timer);
      over();
    });
    this.#open.set(timer, over);
  }

  /** Ends all of them now: whoever drains has not the time that they may add up to. */
  cutShort(): void {
    const open = [...this.#open];
    this.#open.clear();
    for (const [timer, over] of open) {
      this.timers.cancel(timer);
      over();
    }
  }
}

/** Whether a body is a `victim`. */
export function isVictim(body: unknown): boolean {
  return isRecord(body) && typeof body["id"] === "string";
}
