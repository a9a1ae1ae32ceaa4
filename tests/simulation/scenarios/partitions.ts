/** Nodes that cannot hear each other, in all shapes. */
import { between, pick, PROFILES, type Scenario } from "../scenario.ts";

/** Partitions of all shapes, one after another and at once. */
export const partitions: Scenario = {
  name: "partitions",
  summary: "a whole cluster cut apart: both ways, one way, one node, tiers, halves, bridges",
  faults: {
    always: ["partition"],
    maybe: ["loss", "duplicate", "reorder", "delay", "crash", "drift", "mailbox"],
    often: { partition: 3 },
  },
  cast: (random) => ({
    profile: pick(random, PROFILES),
    safetyMs: between(random, 2500, 4500),
    settings: { transactionTimeoutMs: pick(random, [1000, 5000]) },
    load: {
      perSecond: between(random, 10, 50),
      subscribers: Math.round(between(random, 4, 12)),
      mix: {
        "account.transfer": 50,
        "account.balance": 15,
        "account.credit": 10,
        "number.port": 8,
        "session.open": 5,
        "session.validate": 12,
      },
    },
  }),
};
