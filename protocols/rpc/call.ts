/**
 * One remote call: attempts under one deadline.
 *
 * It promises at most one of `resolve` and `expire`, at most `attempts` requests, and no request after
 * the deadline. Attempts are numbered so that the host can send each to another target; they
 * share the call's id, so the callee can tell a repetition. An expired call may still be executed:
 * the caller knows nothing but that it has no answer.
 *
 * | receives                  | from      | sends              | to     |
 * | ------------------------- | --------- | ------------------ | ------ |
 * | `answer`                  | callee    | `send`             | callee |
 * | `request` `cancel`        | client    | `resolve` `expire` | client |
 * | `unreachable`             | transport |                    |        |
 *
 * @module
 */
import { assign, setup } from "xstate";
import type { ProtocolMachine } from "../machine_types.ts";

/** What a call is started with. */
export type CallInput = {
  /** How long an attempt is given before the next is made, in ms. */
  readonly attemptMs: number;
  /** How long the whole call is given, in ms. */
  readonly deadlineMs: number;
  /** How many attempts are made at most, at least 1. */
  readonly attempts: number;
};

/** The finite facts of a call. */
export type CallContext = CallInput & {
  /** The number of the present attempt, from 0. */
  readonly attempt: number;
};

/** What happens to a call. */
export type CallEvent =
  | { readonly type: "request" }
  | { readonly type: "answer" }
  /** The transport could not deliver that attempt. */
  | { readonly type: "unreachable"; readonly attempt: number }
  | { readonly type: "cancel" };

/** What a call asks of its host, with the parameters of each effect. */
export type CallEffects = {
  send: { readonly attempt: number };
  resolve: unknown;
  expire: unknown;
  reject: unknown;
};

/** The states of a call. */
export type CallState =
  | "idle"
  | { waiting: "attempting" | "exhausted" }
  | "answered"
  | "expired"
  | "cancelled";

/**
 * The types of {@link call}.
 *
 * @internal
 */
export type CallTypes = {
  context: CallContext;
  event: CallEvent;
  input: CallInput;
  actions: CallEffects & { countAttempt: unknown };
  guards: { hasAttemptsLeft: unknown; mayTryAnother: unknown; isAttempt: unknown };
  delays: "attempt" | "deadline";
  state: CallState;
};

/** The call's chart; input {@link CallInput}. */
export const call: ProtocolMachine<CallTypes> = setup({
  types: {
    input: {} as CallInput,
    context: {} as CallContext,
    events: {} as CallEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    send: (_, _params: CallEffects["send"]) => {},
    resolve: () => {},
    expire: () => {},
    reject: () => {},
    countAttempt: assign(({ context }) => ({ attempt: context.attempt + 1 })),
  },
  guards: {
    hasAttemptsLeft: ({ context }) => context.attempt + 1 < context.attempts,
    /** A late report about an earlier attempt says nothing about the present one. */
    mayTryAnother: ({ context, event }) =>
      event.type === "unreachable" && event.attempt === context.attempt &&
      context.attempt + 1 < context.attempts,
    isAttempt: ({ context, event }) =>
      event.type === "unreachable" && event.attempt >= 0 && event.attempt <= context.attempt,
  },
  delays: {
    attempt: ({ context }) => context.attemptMs,
    deadline: ({ context }) => context.deadlineMs,
  },
}).createMachine({
  id: "rpc.call",
  context: ({ input }) => ({ ...input, attempt: 0 }),
  initial: "idle",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    idle: { on: { request: "waiting" } },
    waiting: {
      after: { deadline: "expired" }, // On the outer state: another attempt does not extend it.
      on: { answer: "answered", cancel: "cancelled" },
      initial: "attempting",
      states: {
        attempting: {
          entry: { type: "send", params: ({ context }) => ({ attempt: context.attempt }) },
          after: {
            attempt: [
              {
                guard: "hasAttemptsLeft",
                target: "attempting",
                reenter: true,
                actions: "countAttempt",
              },
              { target: "exhausted" },
            ],
          },
          on: {
            unreachable: [
              {
                guard: "mayTryAnother",
                target: "attempting",
                reenter: true,
                actions: "countAttempt",
              },
              // An old attempt, or the last one: an earlier one may yet be answered.
              { guard: "isAttempt" },
            ],
          },
        },
        exhausted: {
          on: { unreachable: { guard: "isAttempt" } }, // All that is left is to wait.
        },
      },
    },
    answered: { type: "final", entry: "resolve" },
    expired: { type: "final", entry: "expire" },
    cancelled: { type: "final" }, // The client has gone: nobody is told.
  },
});
