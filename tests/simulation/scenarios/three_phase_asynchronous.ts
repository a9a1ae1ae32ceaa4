/** Three-phase commit where its assumption does not hold: whoever is silent may live all the same. */
import type { ClusterPlan } from "../../../actors/cluster_plan.ts";
import { die } from "../dying.ts";
import { err } from "../hasty.ts";
import { holdUp } from "../holding_up.ts";
import { NOTES, writeNotes } from "../note_writers.ts";
import { part } from "../parting.ts";
import { between, type Casting, pick, PROFILES, type Scenario } from "../scenario.ts";

/** Short ones, so that patience ends at every moment of the protocol. */
const SILENCE_MS = [120, 250, 600];

const PREPARES = new Set(["3pc.prepare"]);
const HELD_UP = new Set([
  "3pc.preCommitAck",
  "3pc.abort",
  "3pc.stateRequest",
  "3pc.stateReport",
  "3pc.inquiry",
]);

/** Disks and links that take as long as patience lasts: what is written is overtaken by all else. */
const LATE = {
  surely: ["slow", "delay", "loss", "duplicate", "reorder"],
  strength: {
    slowMs: 100,
    slowShare: 0.7,
    delayMs: 40,
    tailShape: 1.1,
    loss: 0.1,
    duplicate: 0.5,
    everyMs: { crash: 800 },
  },
} satisfies Partial<Casting>;

/**
 * Decisions split here, and rows with them: that is not promised. What each owes by itself is: it
 * decides, it stands by that, it says nothing that is not durable, and no event finds it unprepared.
 */
export const threePhaseAsynchronous: Scenario = {
  name: "three_phase_asynchronous",
  summary: "3PC with loss, delays and partitions, where it may split: what each owes is asked for",
  roles: ["coordinator", "participant", "detector"],
  faults: { often: { partition: 2, crash: 2 } },
  waives: ["atomic_agreement", "money"],
  recast: (plan: ClusterPlan) => ({ ...plan, participant: NOTES }),
  cast: (random) => ({
    // The one with three participants: with fewer there is little to be told apart.
    profile: random() < 0.7 ? "carrier" : pick(random, PROFILES),
    safetyMs: between(random, 3000, 5500),
    ...(random() < 0.6 ? LATE : {}),
    settings: {
      silenceMs: pick(random, SILENCE_MS),
      transactionTimeoutMs: pick(random, [300, 1000]),
      lockTimeoutMs: pick(random, [20, 150]),
      leaseMs: 100,
      resendMs: pick(random, [10, 30, 100, 200]),
    },
  }),
  act(stage, until) {
    const random = stage.random("writing");
    die(stage, until);
    if (stage.parts.swarm.on.size > 0) {
      part(stage, until, 2 * stage.plan.settings.silenceMs!);
      holdUp(stage, until, { types: HELD_UP, share: 0.1, mostMs: 2000 });
      // Only one that is very late meets a leader that knows of all votes.
      holdUp(stage, until, { types: PREPARES, share: 0.25, mostMs: 2000 });
      err(stage, until);
    }
    writeNotes(stage, {
      perSecond: between(random, 40, 120),
      // Few, so that they wait for one another; or so many that nearly all go on to vote.
      rows: pick(random, [6, 300, 1000]),
    }, until);
  },
};
