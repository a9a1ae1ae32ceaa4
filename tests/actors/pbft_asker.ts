/** A role that hands on what it is told, and says what came of it. */
import { defineRole } from "../../runtime/role.ts";

export const asker = defineRole<{ readonly to: string }>({
  name: "asker",
  create: (services, { to }) => ({
    messages: {
      behave: {
        accepts: () => true,
        handle: (body: unknown, envelope) => {
          services.ask(to, "pbft.behave", body, 1000).then(
            () => services.reply(envelope, "taken"),
            (error) => services.reply(envelope, error.reason),
          );
        },
      },
    },
  }),
});
