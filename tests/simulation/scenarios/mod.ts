/**
 * All scenarios, in the order in which they are run.
 *
 * @module
 */
import type { Scenario } from "../scenario.ts";
import { crashes } from "./crashes.ts";
import { deadlocks } from "./deadlocks.ts";
import { heartbeat } from "./heartbeat.ts";
import { leases } from "./leases.ts";
import { lifecycle } from "./lifecycle.ts";
import { overload } from "./overload.ts";
import { partitions } from "./partitions.ts";
import { restartStorm } from "./restart_storm.ts";
import { threePhaseAsynchronous } from "./three_phase_asynchronous.ts";
import { threePhaseCommit } from "./three_phase_commit.ts";
import { threePhaseSwarm } from "./three_phase_swarm.ts";
import { transfers } from "./transfers.ts";
import { twoPhaseCommit } from "./two_phase_commit.ts";

/** By name. */
export const SCENARIOS: ReadonlyMap<string, Scenario> = new Map(
  [
    transfers,
    twoPhaseCommit,
    threePhaseCommit,
    threePhaseSwarm,
    threePhaseAsynchronous,
    crashes,
    partitions,
    leases,
    restartStorm,
    heartbeat,
    lifecycle,
    overload,
    deadlocks,
  ]
    .map((scenario) => [scenario.name, scenario]),
);
