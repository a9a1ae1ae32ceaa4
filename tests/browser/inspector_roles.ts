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

/** An event for a ticket. */
interface Order {
  readonly key: string;
  readonly event: "renew" | "use" | "check";
}

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
    const step = ({ key, event }: Order) => {
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
          handle: (body: Order, envelope) => {
            step(body);
            services.reply(envelope, instances.size);
          },
        },
        /** Steps some of them every so often, all in turn: a busy role. */
        churn: {
          accepts,
          handle: ({ some, everyMs }: { readonly some: number; readonly everyMs: number }) => {
            let next = 0;
            const turn = () => {
              for (let i = 0; i < some; i++) {
                const key = `ticket-${next++ % count}`;
                step({ key, event: "check" });
                step({ key, event: "renew" });
              }
              services.timers.set(services.clock.now() + everyMs, turn);
            };
            turn();
          },
        },
      },
    };
  },
});
