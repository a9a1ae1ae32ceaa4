/** More work than is taken. */
import { between, pick, PROFILES, type Scenario } from "../scenario.ts";

/** Full mailboxes and admission: what is refused is refused before it is begun. */
export const overload: Scenario = {
  name: "overload",
  summary: "a whole cluster with full mailboxes, slow nodes and little room for transactions",
  faults: {
    always: ["mailbox"],
    maybe: ["slow", "pause", "delay", "loss", "duplicate", "exit"],
    often: { mailbox: 4 },
  },
  cast: (random) => ({
    profile: pick(random, PROFILES),
    safetyMs: between(random, 1000, 1700),
    settings: {
      maxConcurrentTransactions: Math.round(between(random, 1, 12)),
      transactionTimeoutMs: pick(random, [1000, 5000]),
      lockTimeoutMs: pick(random, [50, 150]),
    },
    load: {
      perSecond: between(random, 100, 250),
      subscribers: Math.round(between(random, 4, 20)),
      mix: {
        "account.transfer": 60,
        "account.credit": 15,
        "account.balance": 15,
        "session.open": 3,
        "session.validate": 7,
      },
    },
  }),
};
