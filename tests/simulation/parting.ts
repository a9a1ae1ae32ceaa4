/**
 * Partitions that begin in the middle of what is said: of one message some addresses get their copy,
 * others do not, and one node is cut off for about as long as patience lasts, or what it says takes as
 * long.
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

/** What happens to the links into a node, and out of it. */
const WAYS = [["cut", "well"], ["well", "cut"], ["cut", "cut"], ["cut", "slow"]] as const;

type Link = readonly [from: string, to: string, parameters: { readonly delayMs: number }];

interface Parting {
  readonly speaker: string;
  readonly nodes: readonly string[];
  readonly ms: number;
  readonly random: () => number;
}

/** Parts nodes so until an instant. @param patienceMs how long a partition lasts, on average */
export function part(stage: Stage, until: number, patienceMs: number): void {
  const random = stage.random("parting");
  const { scheduler } = stage.system;
  const keepers = stage.addresses.filter((address) => address.endsWith("/participant"));
  const nodes = [...new Set(keepers.map(nodeOf))];
  // As they are now: partitions overlap.
  const links = [...stage.system.switchboard.links()].filter(([from, to]) =>
    from !== MAIN_NODE && to !== MAIN_NODE
  );
  let awaited: string | undefined;
  const before = stage.hub.leaving;
  stage.hub.leaving = (from, type) => {
    before(from, type);
    if (type !== awaited) return;
    awaited = undefined;
    const ms = Math.min(-Math.log(1 - random()) * patienceMs, until - 1 - scheduler.now());
    if (ms > 0) strike(stage, links, { speaker: nodeOf(from), nodes, ms, random });
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
  links: readonly Link[],
  { speaker, nodes, ms, random }: Parting,
): void {
  const others = nodes.filter((node) => node !== speaker);
  if (others.length === 0) return;
  const alone = pick(random, others);
  const [into, out] = pick<readonly [string, string]>(random, WAYS);
  const cuts = links.filter(([from, to]) => switchboard.get(from, to)!.up).filter(([from, to]) =>
    into === "cut" && to === alone || out === "cut" && from === alone ||
    from === speaker && others.includes(to) && random() < UNHEARD
  );
  const slow = links.filter((link) => out === "slow" && link[0] === alone && !cuts.includes(link));
  const name = cuts.map(([from, to]) => `${from}>${to}`).join(" ");
  for (const [from, to] of cuts) switchboard.set(from, to, { up: false });
  for (const [from, to] of slow) switchboard.set(from, to, { delayMs: ms * random() });
  hub.fault("partition", 1, name, "");
  scheduler.at(scheduler.now() + ms, () => {
    for (const [from, to] of cuts) switchboard.set(from, to, { up: true });
    for (const [from, to, { delayMs }] of slow) switchboard.set(from, to, { delayMs });
    hub.fault("partition", -1, name, "");
  });
}
