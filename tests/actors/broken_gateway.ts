/** A gateway that breaks on request, for tests of the cluster around it. */
import { defineRole } from "../../runtime/role.ts";

const anything = () => true;

/** Takes no turn for a while, or ends. */
export const brokenGateway = defineRole<unknown>({
  name: "gateway",
  create: (services) => ({
    messages: {
      hello: { accepts: anything, handle: (_: unknown, e) => services.reply(e, "hello") },
      throw: {
        accepts: anything,
        handle: () => {
          throw new Error("told to throw");
        },
      },
      hang: {
        accepts: anything,
        handle: () => {
          const until = performance.now() + 8000;
          while (performance.now() < until);
        },
      },
    },
  }),
});
