/**
 * Roles that misbehave on request, for tests of the supervisor.
 */
import { defineRole } from "../../runtime/role.ts";

const anything = () => true;

/** Throws, exits without a word or takes no turn for a while, as it is told. */
export const misbehaving = defineRole<{ readonly witness: string }>({
  name: "misbehaving",
  create: (services, { witness }) => ({
    messages: {
      hello: {
        accepts: anything,
        handle: (_: unknown, e) => services.reply(e, services.incarnation),
      },
      throw: {
        accepts: anything,
        handle: () => {
          throw new Error("told to throw");
        },
      },
      exit: { accepts: anything, handle: () => (self as unknown as { close(): void }).close() },
      hang: {
        accepts: (body) => typeof body === "number",
        handle: (ms: number) => {
          // Takes no turn, like a thread that never yields; then tries to go on as before.
          const until = performance.now() + ms;
          while (performance.now() < until);
          services.send(witness, "alive", services.incarnation);
          services.journal({ by: services.incarnation }, true);
        },
      },
      write: {
        accepts: anything,
        handle: (_: unknown, e) => {
          const { incarnation } = services;
          services.journal({ by: incarnation }, true, () => services.reply(e, incarnation));
        },
      },
      written: {
        accepts: anything,
        handle: (_: unknown, e) => services.reply(e, [...services.store.records()]),
      },
    },
    recover: () => void services.openStore(),
  }),
});

/** Remembers which incarnations it heard. */
export const witness = defineRole<null>({
  name: "witness",
  create: (services) => {
    const heard: number[] = [];
    return {
      messages: {
        alive: { accepts: anything, handle: (incarnation: number) => void heard.push(incarnation) },
        heard: { accepts: anything, handle: (_: unknown, e) => services.reply(e, heard) },
      },
    };
  },
});
