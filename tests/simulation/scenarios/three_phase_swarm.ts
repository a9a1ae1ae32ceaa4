/** Three-phase commit where its assumption holds: whatever fails, silence means failure. */
import type { ClusterPlan } from "../../../actors/cluster_plan.ts";
import { die } from "../dying.ts";
import { err } from "../hasty.ts";
import { between, pick, PROFILES, type Scenario } from "../scenario.ts";

/**
 * What is late stays far within every patience of the protocol, 120 ms and more: a packet takes at
 * most about 50 ms, a turn of a slow node 8, a write of its disk 9.
 */
const SYNCHRONOUS = { delayMs: 8, tailShape: 20, reorder: 0.1, slowMs: 8, pauseMs: 20 };
const PROTOCOLS = {
  "account.transfer": "3pc",
  "account.debit": "3pc",
  "account.batch": "3pc",
  "number.port": "3pc",
} as const;

/** Roles end at every moment of both protocols, side by side over the same rows. */
export const threePhaseSwarm: Scenario = {
  name: "three_phase_swarm",
  summary:
    "3PC and 2PC side by side; anybody crashes at any moment, nothing is lost between the living",
  roles: ["coordinator", "participant", "gateway", "detector"],
  faults: {
    // No loss, no partition, no full mailbox: they would make silence of the living.
    maybe: [
      "crash",
      "duplicate",
      "delay",
      "reorder",
      "exit",
      "node",
      "power",
      "torn",
      "disk",
      "slow",
      "pause",
    ],
  },
  recast: (plan: ClusterPlan) => ({
    ...plan,
    application: { ...plan.application as object, protocols: PROTOCOLS },
  }),
  cast: (random) => ({
    profile: pick(random, PROFILES),
    strength: SYNCHRONOUS,
    supervision: {
      backoffMs: pick(random, [20, 100, 500]),
      maxBackoffMs: pick(random, [500, 3000]),
    },
    safetyMs: between(random, 3000, 6500),
    settings: {
      synchronous: true,
      // A leader's silence is twice that: longer than all that one does, whoever it waits for.
      transactionTimeoutMs: pick(random, [500, 1000]),
      lockTimeoutMs: pick(random, [20, 150]),
      leaseMs: pick(random, [100, 300]),
      resendMs: pick(random, [30, 60]),
    },
    load: {
      // Now and then far more than there is room for.
      perSecond: random() < 0.04 ? between(random, 100, 150) : between(random, 20, 60),
      subscribers: Math.round(between(random, 3, 40)),
      mix: {
        "account.transfer": 50,
        "account.batch": 30,
        "account.debit": 5,
        "account.credit": 10,
        "account.balance": 5,
        "number.port": 5,
        "session.open": 3,
        "session.validate": 10,
      },
    },
    stop: random() < 0.3,
  }),
  act(stage, until) {
    die(stage, until);
    err(stage, until);
  },
};
