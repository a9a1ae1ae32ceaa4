/** Coordinators and participants alone, and few rows that everybody wants. */
import { LATE, LATE_VOTES } from "../late.ts";
import { between, type Casting, pick, PROFILES, type Scenario } from "../scenario.ts";

/** Two-phase commit on hot keys. */
export const twoPhaseCommit: Scenario = {
  name: "two_phase_commit",
  summary: "coordinators and participants only, hot keys, any faults",
  roles: ["coordinator", "participant"],
  faults: {},
  cast: (random) => {
    const mood = random();
    return {
      ...(mood < 0.25 ? LATE : {}),
      ...cast(random),
      ...(mood > 0.65 ? lateVotes(random) : {}),
    };
  },
};

function cast(random: () => number) {
  return {
    profile: pick(random, PROFILES),
    safetyMs: between(random, 1500, 5000),
    settings: {
      // Short ones, so that patience ends at every moment of the protocol.
      transactionTimeoutMs: pick(random, [600, 1000, 5000]),
      lockTimeoutMs: pick(random, [20, 150]),
      resendMs: pick(random, [20, 50, 250]),
      leaseMs: pick(random, [100, 300, 2000]),
    },
    load: load(random, between(random, 10, 70)),
    stop: random() < 0.3,
  } satisfies Casting;
}

function lateVotes(random: () => number): Partial<Casting> {
  const { perSecond, ...mood } = LATE_VOTES;
  return { ...mood, safetyMs: between(random, 3000, 6000), load: load(random, perSecond) };
}

function load(random: () => number, perSecond: number): NonNullable<Casting["load"]> {
  return {
    perSecond,
    subscribers: Math.round(between(random, 3, 8)),
    mix: {
      "account.transfer": 80,
      "account.debit": 10,
      "account.credit": 10,
      "session.open": 2,
    },
  };
}
