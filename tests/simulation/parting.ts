/**
 * Partitions that begin in the middle of what is said: of one message some addresses get their copy,
 * others do not, and one node is cut off for about as long as patience lasts.
 *
 * @module
 */
import { nodeOf } from "../../runtime/role.ts";
import { MAIN_NODE } from "../../runtime/simulated/mod.ts";
import { pick } from "./scenario.ts";
import type { Stage } from "./stage.ts";

/** Of the pauses between two partitions, in ms. */
const MEAN_MS = 120;
/** How likely a link of the speaker is cut, besides those of the node that is cut off. */
const UNHEARD = 0.5;

/** What those who are parted were about to hear. */
const WORDS = [
  "3pc.preCommit",
  "3pc.preCommit",
  "3pc.preCommit",
  "3pc.stateRequest",
  "3pc.stateReport",
  "3pc.commit",
  "3pc.abort",
];

/** Directions that are cut. */
const WAYS = [["in"], ["out"], ["in", "out"]] as const;

/** Parts nodes so until an instant. @param patienceMs how long a partition lasts, on average */
export function part(stage: Stage, until: number, patienceMs: number): void {
  const random = stage.random("parting");
  const { scheduler } = stage.system;
  const keepers = stage.addresses.filter((address) => address.endsWith("/participant"));
  const nodes = [...new Set(keepers.map(nodeOf))];
  let awaited: string | undefined;
  const before = stage.hub.leaving;
  stage.hub.leaving = (from, type) => {
    before(from, type);
    if (type !== awaited) return;
    awaited = undefined;
    const ms = -Math.log(1 - random()) * patienceMs;
    strike(stage, nodeOf(from), nodes, Math.min(scheduler.now() + ms, until - 1), random);
  };
  const next = () => {
    const at = scheduler.now() - Math.log(1 - random()) * MEAN_MS;
    if (at >= until) return;
    scheduler.at(at, () => {
      awaited = pick(random, WORDS);
      next();
    });
  };
  next();
}

function strike(
  { system: { scheduler, switchboard }, hub }: Stage,
  speaker: string,
  nodes: readonly string[],
  healAt: number,
  random: () => number,
): void {
  if (healAt <= scheduler.now()) return;
  const others = nodes.filter((node) => node !== speaker);
  if (others.length === 0) return;
  const alone = pick(random, others);
  const ways = pick<readonly ("in" | "out")[]>(random, WAYS);
  const cuts = [...switchboard.links()].filter(([from, to]) =>
    ways.includes("in") && to === alone || ways.includes("out") && from === alone ||
    from === speaker && others.includes(to) && random() < UNHEARD
  ).filter(([from, to, { up }]) => up && from !== MAIN_NODE && to !== MAIN_NODE);
  const name = cuts.map(([from, to]) => `${from}>${to}`).join(" ");
  for (const [from, to] of cuts) switchboard.set(from, to, { up: false });
  hub.fault("partition", 1, name, "");
  scheduler.at(healAt, () => {
    for (const [from, to] of cuts) switchboard.set(from, to, { up: true });
    hub.fault("partition", -1, name, "");
  });
}
