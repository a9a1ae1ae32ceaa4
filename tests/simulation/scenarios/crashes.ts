/** Roles and nodes that end at every moment. */
import { between, pick, PROFILES, type Scenario } from "../scenario.ts";

/** Crashes with torn writes, silent exits, nodes that go down. */
export const crashes: Scenario = {
  name: "crashes",
  summary: "a whole cluster whose roles and nodes crash all the time, tearing their last writes",
  faults: {
    always: ["crash", "torn"],
    maybe: ["exit", "node", "disk", "pause", "loss", "duplicate", "delay", "slow"],
    often: { crash: 3, exit: 2 },
  },
  cast: (random) => ({
    profile: pick(random, PROFILES),
    safetyMs: between(random, 2000, 3500),
    settings: { transactionTimeoutMs: pick(random, [1000, 5000]) },
    load: {
      perSecond: between(random, 20, 60),
      subscribers: Math.round(between(random, 4, 12)),
      mix: {
        "account.transfer": 60,
        "account.debit": 10,
        "account.credit": 10,
        "account.balance": 10,
        "number.port": 5,
        "sim.provision": 5,
      },
    },
  }),
};
