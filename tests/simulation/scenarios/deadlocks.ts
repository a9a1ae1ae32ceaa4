/** Transfers to and fro between a few subscribers: they wait for one another in circles. */
import { err } from "../hasty.ts";
import { LATE } from "../late.ts";
import { between, pick, PROFILES, type Scenario } from "../scenario.ts";

/** Hot keys, and lock timeouts so long that only the detector ends a deadlock in good time. */
export const deadlocks: Scenario = {
  name: "deadlocks",
  summary:
    "transfers and batches in opposite directions over a few rows, long lock timeouts, any faults",
  roles: ["coordinator", "participant", "detector"],
  faults: {},
  cast: (random) => ({
    ...(random() < 0.2 ? LATE : {}),
    profile: pick(random, PROFILES),
    safetyMs: between(random, 1500, 2700),
    settings: {
      transactionTimeoutMs: pick(random, [5000, 10_000]),
      lockTimeoutMs: pick(random, [3000, 4500]),
      resendMs: pick(random, [50, 250]),
      victimPolicy: pick(random, ["least-work", "lowest-priority", "oldest"]),
    },
    load: {
      perSecond: between(random, 20, 80),
      subscribers: Math.round(between(random, 3, 6)),
      mix: { "account.transfer": 60, "account.batch": 35, "account.debit": 5 },
    },
    stop: random() < 0.3,
  }),
  act: err,
};
