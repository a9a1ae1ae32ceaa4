/**
 * Calls that are worth more than one try: each is an instance of the chart in
 * `protocols/rpc/call.ts`, and each attempt may go to another target.
 *
 * @module
 */
import { call, type CallEvent } from "../protocols/rpc/call.ts";
import { Instances } from "../runtime/instances.ts";
import { AskFailed, type Services } from "../runtime/role.ts";

/** How patient a call is. */
export interface CallPolicy {
  /** How long an attempt is given, in ms. */
  readonly attemptMs: number;
  /** How long the whole call is given, in ms. */
  readonly deadlineMs: number;
  /** How many attempts are made at most. */
  readonly attempts: number;
}

/** What became of a call. `unknown`: it was sent, and may or may not have been carried out. */
export type CallResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string; readonly unknown: boolean };

interface Facts {
  readonly type: string;
  readonly body: unknown;
  readonly policy: CallPolicy;
  readonly deadline: number;
  readonly target: (attempt: number) => string | undefined;
  readonly settles: (value: unknown) => boolean;
  readonly done: (result: CallResult) => void;
  /** Attempts without an answer that may have been carried out, or may yet be. */
  open: number;
  /** The last answer. */
  value: unknown;
  reason: string;
}

/** Refusals after which another target may do better; the request was not begun. */
const NOT_BEGUN: ReadonlySet<string> = new Set([
  "unreachable",
  "full",
  "overloaded",
  "draining",
  "notServing",
  "forbidden",
  "invalidBody",
  "emptyTransaction",
  "repeatedShard",
  "unknownShard",
  "unknownAnswerShard",
  "unknownType",
]);

/** Makes calls for one role. */
export class Caller {
  readonly #calls: Instances<Facts, CallEvent>;
  #count = 0;

  /** A caller without calls. */
  constructor(private readonly services: Services) {
    this.#calls = new Instances<Facts, CallEvent>({
      engine: services.engine(call),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      effects: {
        send: (instance, { attempt }: { attempt: number }) => this.#send(instance.key, attempt),
        resolve: ({ facts }) => facts.done({ ok: true, value: facts.value }),
        expire: ({ facts }) =>
          facts.done({ ok: false, reason: facts.reason, unknown: facts.open > 0 }),
        reject: () => {},
      },
    });
  }

  /** Calls under way. */
  get size(): number {
    return this.#calls.size;
  }

  /**
   * Makes a call.
   *
   * An answer that does not settle the call speaks of its own attempt only: as long as an earlier
   * one may still be carried out, it is waited for, and if time runs out the outcome is unknown.
   *
   * @param target who to ask at each attempt, counted from 0; undefined when nobody is left
   * @param settles whether an answer holds whatever becomes of the other attempts; default: all do
   */
  call(
    type: string,
    body: unknown,
    policy: CallPolicy,
    target: (attempt: number) => string | undefined,
    settles: (value: unknown) => boolean = () => true,
  ): Promise<CallResult> {
    return new Promise((done) => {
      const deadline = this.services.clock.now() + policy.deadlineMs;
      const facts: Facts = {
        type,
        body,
        policy,
        deadline,
        target,
        settles,
        done,
        open: 0,
        value: undefined,
        reason: "timeout",
      };
      const instance = this.#calls.create(`${this.#count++}`, policy, facts);
      this.#calls.step(instance, { type: "request" });
      this.services.wake();
    });
  }

  #send(key: string, attempt: number): void {
    const instance = this.#calls.get(key);
    if (instance === undefined) return;
    const { facts } = instance;
    const to = facts.target(attempt);
    if (to === undefined) {
      facts.reason = "unreachable";
      return queueMicrotask(() => this.#unreachable(key, attempt));
    }
    const left = facts.deadline - this.services.clock.now();
    facts.open++;
    this.services.ask(to, facts.type, facts.body, Math.max(1, left)).then((value) => {
      facts.open--;
      facts.value = value;
      if (facts.open === 0 || facts.settles(value)) this.#calls.step(instance, { type: "answer" });
      this.services.wake();
    }, (error: unknown) => {
      const reason = error instanceof AskFailed ? error.reason : String(error);
      if (NOT_BEGUN.has(reason)) facts.open--;
      facts.reason = reason;
      // The others have all been answered: nothing is left that could overrule the last answer.
      const answered = facts.open === 0 && facts.value !== undefined;
      if (answered) this.#calls.step(instance, { type: "answer" });
      else this.#unreachable(key, attempt);
      this.services.wake();
    });
  }

  /** That attempt failed before it began: try another, or give up when none is left. */
  #unreachable(key: string, attempt: number): void {
    const instance = this.#calls.get(key);
    if (instance === undefined) return;
    this.#calls.step(instance, { type: "unreachable", attempt });
    const { facts } = instance;
    const last = attempt + 1 >= facts.policy.attempts;
    if (last && facts.open === 0 && this.#calls.get(key) === instance) {
      this.#calls.step(instance, { type: "cancel" });
      facts.done({ ok: false, reason: facts.reason, unknown: false });
    }
  }
}
