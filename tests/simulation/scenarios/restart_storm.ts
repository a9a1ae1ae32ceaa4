/** Restarts over restarts, of single roles and of everything at once. */
import { between, pick, PROFILES, type Scenario } from "../scenario.ts";

/** The whole cluster loses power, more than once, while its roles come and go. */
export const restartStorm: Scenario = {
  name: "restart_storm",
  summary: "power fails everywhere at once, again and again, while roles come and go",
  faults: {
    always: ["power", "torn", "exit"],
    maybe: ["crash", "node", "disk", "pause", "loss", "duplicate", "delay"],
    often: { exit: 4, crash: 2, node: 2, power: 4 },
  },
  cast: (random) => ({
    profile: pick(random, PROFILES),
    safetyMs: between(random, 2000, 4000),
    load: {
      perSecond: between(random, 10, 40),
      subscribers: Math.round(between(random, 3, 10)),
      mix: { "account.transfer": 60, "account.debit": 20, "account.credit": 20 },
    },
    roughStart: random() < 0.3,
    stop: random() < 0.3,
  }),
};
