/** Roles for the inspector's tests: workers import them from here. */
import { assign, setup } from "xstate";
import { Instances } from "../../runtime/instances.ts";
import { defineRole } from "../../runtime/role.ts";

/** One ticket: issued, held for a while, used or expired. */
const ticketMachine = setup({
  types: {
    context: {} as { readonly renewed: number; readonly pin: string },
    events: {} as { type: "renew" } | { type: "use" } | { type: "check" },
  },
  actions: { punch: () => {}, reject: () => {} },
}).createMachine({
  id: "ticket",
  context: { renewed: 0, pin: "0000" },
  initial: "issued",
  on: { "*": { actions: "reject" } },
  states: {
    issued: { on: { check: "held", use: "used" } },
    held: {
      on: {
        renew: {
          target: "issued",
          actions: assign({ renewed: ({ context }) => Math.min(9, context.renewed + 1) }),
        },
        use: "used",
      },
    },
    used: { type: "final", entry: "punch" },
  },
});

/** Keeps tickets; told `{ key, event }`, it steps one, and begins it if there is none. */
export const tickets = defineRole<{ readonly count: number }>({
  name: "tickets",
  create: (services, { count }) => {
    const instances = new Instances<null>({
      engine: services.engine(ticketMachine),
      effects: { punch: () => {}, reject: () => {} },
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
    });
    const accepts = () => true;
    const step = ({ key, event }: { readonly key: string; readonly event: "renew" }) => {
      const instance = instances.get(key) ?? instances.create(key, undefined, null);
      instances.step(instance, { type: event });
    };
    return {
      about: (content) => (content as { readonly key?: string } | null)?.key,
      serve: () => {
        for (let i = 0; i < count; i++) instances.create(`ticket-${i}`, undefined, null);
      },
      messages: {
        step: {
          accepts,
          handle: (body: { readonly key: string; readonly event: "renew" }, envelope) => {
            step(body);
            services.reply(envelope, instances.size);
          },
        },
        /** Steps all of them, over and over: a busy role. */
        churn: {
          accepts,
          handle: () => {
            const turn = () => {
              for (const { key, state: _ } of [...instances].slice(0, 50)) {
                step({ key, event: "check" as "renew" });
                step({ key, event: "renew" });
              }
              services.timers.set(services.clock.now() + 10, turn);
            };
            turn();
          },
        },
      },
    };
  },
});
