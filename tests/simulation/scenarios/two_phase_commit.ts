/** Coordinators and participants alone, and few rows that everybody wants. */
import { LATE } from "../late.ts";
import { between, pick, PROFILES, type Scenario } from "../scenario.ts";

/** Two-phase commit on hot keys. */
export const twoPhaseCommit: Scenario = {
  name: "two_phase_commit",
  summary: "coordinators and participants only, hot keys, any faults",
  roles: ["coordinator", "participant"],
  faults: {},
  cast: (random) => ({
    ...(random() < 0.3 ? LATE : {}),
    profile: pick(random, PROFILES),
    safetyMs: between(random, 1500, 5000),
    settings: {
      // Short ones, so that patience ends at every moment of the protocol.
      transactionTimeoutMs: pick(random, [600, 1000, 5000]),
      lockTimeoutMs: pick(random, [20, 150]),
      resendMs: pick(random, [20, 50, 250]),
    },
    load: {
      perSecond: between(random, 10, 70),
      subscribers: Math.round(between(random, 3, 8)),
      mix: {
        "account.transfer": 80,
        "account.debit": 10,
        "account.credit": 10,
        "session.open": 2,
      },
    },
    stop: random() < 0.3,
  }),
};
