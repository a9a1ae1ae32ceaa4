/**
 * Partitions that begin in the middle of what is said: of one message some addresses get their copy,
 * others do not, and from then on each link between those who take part is well, cut or slow for
 * itself, for about as long as patience lasts.
 *
 * @module
 */
import { nodeOf } from "../../runtime/role.ts";
import { pick } from "./scenario.ts";
import type { Stage } from "./stage.ts";

/** Of the pauses between two partitions: so many times as long as one lasts. */
const PAUSE = 1.5;
const CUT = 0.35;
const SLOW = 0.15;

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

type Link = readonly [from: string, to: string, parameters: { readonly delayMs: number }];

/** Parts nodes so until an instant. @param patienceMs how long a link is not well, on average */
export function part(stage: Stage, until: number, patienceMs: number): void {
  const random = stage.random("parting");
  const { scheduler, switchboard } = stage.system;
  const keepers = stage.addresses.filter((address) => address.endsWith("/participant"));
  const nodes = new Set(keepers.map(nodeOf));
  // As they are now: partitions overlap.
  const links: readonly Link[] = [...switchboard.links()];
  let awaited: string | undefined;
  const before = stage.hub.leaving;
  stage.hub.leaving = (from, type) => {
    before(from, type);
    if (type !== awaited) return;
    awaited = undefined;
    const parted = new Set([...nodes, nodeOf(from)]);
    for (const link of links) {
      const [a, b] = link;
      const ms = Math.min(-Math.log(1 - random()) * patienceMs, until - 1 - scheduler.now());
      if (ms > 0 && parted.has(a) && parted.has(b)) harm(stage, link, ms, random);
    }
  };
  const next = () => {
    const at = scheduler.now() - Math.log(1 - random()) * PAUSE * patienceMs;
    if (at >= until) return;
    scheduler.at(at, () => {
      awaited = pick(random, WORDS);
      next();
    });
  };
  next();
}

/** Makes a link slow, or cuts it, or does nothing to it. */
function harm(
  { system: { scheduler, switchboard }, hub }: Stage,
  [from, to, { delayMs }]: Link,
  ms: number,
  random: () => number,
): void {
  const fate = random();
  if (fate < CUT) {
    if (!switchboard.get(from, to)!.up) return;
    switchboard.set(from, to, { up: false });
    hub.fault("partition", 1, `${from}>${to}`, "");
    scheduler.at(scheduler.now() + ms, () => {
      switchboard.set(from, to, { up: true });
      hub.fault("partition", -1, `${from}>${to}`, "");
    });
  } else if (fate < CUT + SLOW) {
    switchboard.set(from, to, { delayMs: ms * random() });
    scheduler.at(scheduler.now() + ms, () => switchboard.set(from, to, { delayMs }));
  }
}
