/** Heartbeat monitors alone. */
import { between, type Casting, pick, PROFILES, type Scenario } from "../scenario.ts";

/** Heartbeats that are late by many intervals, of nodes that have restarted since. */
const LATE_BEATS = {
  surely: ["delay", "exit", "partition"],
  strength: { delayMs: 100, tailShape: 1.2, everyMs: { exit: 300, partition: 300 } },
  settings: { heartbeatIntervalMs: 100, missedLimit: 2 },
} as const satisfies Partial<Casting>;

/** Detection, refutation and flapping. */
export const heartbeat: Scenario = {
  name: "heartbeat",
  summary: "monitors only: nodes that die, come back, are late, or are heard one way only",
  roles: ["monitor"],
  faults: { often: { crash: 2, partition: 2, pause: 2 } },
  cast: (random) => {
    const late = random() < 0.4;
    return {
      ...(late ? LATE_BEATS : {}),
      profile: pick(random, PROFILES),
      safetyMs: between(random, 10_000, 30_000),
      settings: {
        heartbeatIntervalMs: pick(random, [100, 300, 1000]),
        missedLimit: pick(random, [2, 3, 5]),
        driftPpm: pick(random, [200, 20_000]),
        ...(late ? LATE_BEATS.settings : {}),
      },
      stop: random() < 0.3,
    };
  },
};
