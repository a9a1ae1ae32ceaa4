/**
 * Roles that die in the middle of what they say: of their last messages some addresses get all, and
 * one node gets none.
 *
 * @module
 */
import { nodeOf } from "../../runtime/role.ts";
import { pick } from "./scenario.ts";
import type { Stage } from "./stage.ts";

/** Of the pauses between two deaths, in ms. */
const MEAN_MS = 400;
/** From the first message that is lost to the death: far shorter than the patience of anybody. */
const LAST_MS = 15;
/** Whoever leads first dies most often. */
const COORDINATORS = 0.7;
/** Die at any moment, whatever they say. */
const BLIND = 0.4;

/** What some wait for: the first who hear it hear it, the others may not. */
const LAST_WORDS = [
  "3pc.prepare",
  "3pc.preCommit",
  "3pc.preCommit",
  "3pc.commit",
  "3pc.abort",
  "3pc.stateRequest",
  "3pc.voteYes",
];

/** Lets roles die so until an instant, unless the run is to have no faults. */
export function die(stage: Stage, until: number): void {
  if (stage.parts.swarm.on.size === 0) return;
  const random = stage.random("dying");
  const { scheduler } = stage.system;
  const isCoordinator = (address: string) => address.endsWith("/coordinator");
  const keepers = stage.addresses.filter((address) => !address.endsWith("/gateway"));
  const nodes = [...new Set(keepers.map(nodeOf))];
  const awaited = new Map<string, string>();
  const before = stage.hub.leaving;
  stage.hub.leaving = (from, type) => {
    before(from, type);
    if (awaited.get(from) !== type || scheduler.now() + LAST_MS >= until) return;
    awaited.delete(from);
    strike(stage, from, nodes, random);
  };
  const next = () => {
    const at = scheduler.now() - Math.log(1 - random()) * MEAN_MS;
    if (at + LAST_MS >= until) return;
    scheduler.at(at, () => {
      const first = random() < COORDINATORS;
      const address = pick(random, keepers.filter((it) => isCoordinator(it) === first));
      if (random() < BLIND) strike(stage, address, nodes, random);
      else awaited.set(address, pick(random, LAST_WORDS));
      next();
    });
  };
  next();
}

function strike(
  { system: { scheduler, spawner, switchboard } }: Stage,
  address: string,
  nodes: readonly string[],
  random: () => number,
): void {
  const from = nodeOf(address);
  const hearing = nodes.filter((to) => switchboard.get(from, to)?.up === true);
  const process = spawner.process(address);
  if (process === undefined || hearing.length === 0) return;
  const to = pick(random, hearing);
  switchboard.set(from, to, { up: false });
  scheduler.at(scheduler.now() + random() * LAST_MS, () => {
    process.end("crashed");
    switchboard.set(from, to, { up: true });
  });
}
