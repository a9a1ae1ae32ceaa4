/** Edges that answer from leased copies while they are cut off, restarted, late or drifting. */
import { err } from "../hasty.ts";
import { LATE } from "../late.ts";
import { between, pick, PROFILES, type Scenario } from "../scenario.ts";

/** Many validations against ports of the same few numbers. */
export const leases: Scenario = {
  name: "leases",
  summary: "sessions validated at edges that are cut off, restarted or drift, against ports",
  faults: {
    always: ["drift"],
    maybe: ["partition", "crash", "pause", "slow", "loss", "duplicate", "delay", "reorder"],
    often: { partition: 2, crash: 2 },
  },
  cast: (random) => ({
    ...(random() < 0.3 ? LATE : {}),
    profile: pick(random, PROFILES),
    safetyMs: between(random, 3000, 5000),
    // Much drift, and leases that run out often: margins matter.
    settings: {
      driftPpm: pick(random, [200, 20_000, 100_000]),
      leaseMs: pick(random, [300, 1000, 2000]),
      lockTimeoutMs: pick(random, [20, 150]),
      resendMs: pick(random, [50, 250]),
    },
    load: {
      perSecond: between(random, 40, 100),
      subscribers: Math.round(between(random, 2, 5)),
      mix: {
        "session.validate": 60,
        "number.port": 12,
        "session.open": 10,
        "account.credit": 10,
        "account.balance": 8,
      },
    },
  }),
  act: err,
};
