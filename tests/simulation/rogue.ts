/**
 * A role that says to others what it is told to say.
 */
import { defineRole } from "../../runtime/role.ts";

interface Said {
  readonly to: string;
  readonly type: string;
  readonly body: unknown;
}

/** Speaks in its own name. */
export const rogue = defineRole({
  name: "rogue",
  create: (services) => ({
    messages: {
      say: {
        accepts: () => true,
        handle: ({ to, type, body }: Said) => void services.send(to, type, body, { urgent: true }),
      },
    },
  }),
});
