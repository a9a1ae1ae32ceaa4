/** A whole cluster at work. */
import { between, pick, PROFILES, type Scenario } from "../scenario.ts";

/** Everything subscribers do, under whatever faults a seed draws. */
export const transfers: Scenario = {
  name: "transfers",
  summary: "a whole cluster, mixed traffic through its gateways, any faults",
  faults: {},
  cast: (random) => ({
    profile: pick(random, PROFILES),
    safetyMs: between(random, 1500, 4000),
    load: {
      perSecond: between(random, 10, 60),
      subscribers: Math.round(between(random, 4, 20)),
      mix: {
        "account.transfer": 30,
        "account.batch": 12,
        "account.balances": 12,
        "account.debit": 8,
        "account.credit": 8,
        "account.balance": 15,
        "number.port": 8,
        "sim.provision": 6,
        "session.open": 5,
        "session.validate": 20,
      },
    },
    stop: random() < 0.5,
  }),
};
