/**
 * Tops an account up when it runs low: a machine that is no part of Trunkline, made an actor. What
 * it asks of a gateway comes back to it as an event.
 *
 * @module
 */
import { defineActor, type Services } from "@trunkline/trunkline/runtime";
import { assign, setup } from "xstate";

/** Configuration of the actor. */
export interface TopUpConfig {
  /** Gateway to call. */
  readonly gateway: string;
  /** An operator's token. */
  readonly token: string;
  /** Number of the account. */
  readonly subscriber: string;
  /** Below how many cents it is topped up. */
  readonly below: number;
  /** By how many cents. */
  readonly by: number;
  /** How often it looks, in ms. */
  readonly everyMs: number;
}

const machine = setup({
  types: {
    input: {} as TopUpConfig,
    context: {} as TopUpConfig & { readonly times: number },
    events: {} as
      | { readonly type: "balance"; readonly cents: number }
      | { readonly type: "credited" }
      | { readonly type: "failed"; readonly reason: string }
      | { readonly type: "howOften" },
  },
  actions: { // Named, not performed: see `perform` below.
    readBalance: () => {},
    credit: (_, _params: { readonly key: string }) => {},
    complain: (_, _params: { readonly reason: string }) => {},
    reply: (_, _times: number) => {},
  },
  guards: {
    isLow: ({ context, event }) => event.type === "balance" && event.cents < context.below,
  },
  delays: { period: ({ context }) => context.everyMs },
}).createMachine({
  id: "topUp",
  context: ({ input }) => ({ ...input, times: 0 }),
  initial: "looking",
  on: {
    howOften: { actions: { type: "reply", params: ({ context }) => context.times } },
    failed: {
      target: ".waiting",
      actions: { type: "complain", params: ({ event }) => ({ reason: event.reason }) },
    },
  },
  states: {
    waiting: { after: { period: "looking" } },
    looking: {
      entry: "readBalance",
      on: { balance: [{ guard: "isLow", target: "crediting" }, { target: "waiting" }] },
    },
    crediting: {
      // The key makes a repetition harmless, should the answer be lost.
      entry: { type: "credit", params: ({ context }) => ({ key: `top-up-${context.times}` }) },
      on: {
        credited: {
          target: "waiting",
          actions: assign({ times: ({ context }) => context.times + 1 }),
        },
      },
    },
  },
});

/** The role. */
export const topUp = defineActor({
  machine,
  // What the gateway answers are events of our own making: nobody else may send them.
  accepts: { balance: () => false, credited: () => false, failed: () => false },
  perform: {
    readBalance: (_, services, { context, send }) => {
      call(services, context, "account.balance", {})
        .then((balance) => send({ type: "balance", cents: balance }))
        .catch((error) => send({ type: "failed", reason: String(error) }));
    },
    credit: ({ key }, services, { context, send }) => {
      call(services, context, "account.credit", { amount: context.by, idempotencyKey: key })
        .then(() => send({ type: "credited" }))
        .catch((error) => send({ type: "failed", reason: String(error) }));
    },
    complain: ({ reason }, services) => services.log("warning", reason),
  },
});

/** Calls the API by message, as another gateway would; gives the balance. */
async function call(
  services: Services,
  { gateway, token, subscriber }: TopUpConfig,
  method: string,
  params: Readonly<Record<string, unknown>>,
): Promise<number> {
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method,
    params: { subscriber, ...params },
  });
  const message = { body, authorization: `Bearer ${token}` };
  const answer = await services.ask(gateway, "request", message, 5000);
  const { result, error } = JSON.parse(answer as string);
  if (error !== undefined) throw new Error(error.message);
  return result.balance;
}
