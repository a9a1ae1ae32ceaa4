/**
 * Questions that wait for their answers.
 *
 * @module
 */
import { ChurnMap } from "./churn_map.ts";
import type { Address } from "./ports.ts";
import { AskFailed, roleAddress } from "./role.ts";
import type { Timer, Timers } from "./timers.ts";

/** Calls of one incarnation: no answer to an earlier one can be taken for one to this. */
const CALLS = 2 ** 32;

/** Type of the message that carries an answer. */
export const REPLY = "$reply";

/** Body of an answer. */
export type Reply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string };

interface Ask {
  /** The role that was asked: nobody else may answer. */
  readonly role: Address;
  readonly settle: (reply: Reply) => void;
  readonly timer: Timer;
}

/** The open questions of one role. */
export class Asks {
  readonly #open = new ChurnMap<number, Ask>();
  #calls: number;
  #closed = false;

  constructor(incarnation: number, private readonly timers: Timers) {
    this.#calls = incarnation * CALLS;
  }

  /**
   * Opens a question.
   *
   * @param send sends it under the given call number; what it returns, if not `accepted`, is why
   * it could not
   */
  ask(
    to: Address,
    type: string,
    deadline: number,
    send: (call: number) => string,
  ): Promise<unknown> {
    const call = ++this.#calls;
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        this.#open.delete(call);
        reject(new AskFailed(reason, to, type));
      };
      const sent = this.#closed ? "notServing" : send(call);
      if (sent !== "accepted") return fail(sent);
      this.#open.set(call, {
        role: roleAddress(to),
        timer: this.timers.set(deadline, () => fail("timeout")),
        settle: (reply) => reply.ok ? resolve(reply.value) : fail(reply.reason),
      });
    });
  }

  /** Takes an answer; one that nobody waits for any more is dropped. */
  answered(from: Address, call: number | undefined, body: unknown): void {
    const ask = this.#open.get(call ?? -1);
    if (ask === undefined || ask.role !== from || !isReply(body)) return;
    this.timers.cancel(ask.timer);
    this.#open.delete(call!);
    ask.settle(body);
  }

  /** No answer will be read any more: whoever waits for one has waited long enough. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#open.values()) {
      const { action } = timer;
      this.timers.cancel(timer);
      action?.();
    }
  }
}

function isReply(body: unknown): body is Reply {
  if (typeof body !== "object" || body === null) return false;
  const { ok, reason } = body as Record<string, unknown>;
  return ok === true || (ok === false && typeof reason === "string");
}
