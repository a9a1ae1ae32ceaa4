/**
 * The links of a profile, node by node.
 *
 * @module
 */
import {
  type LinkFigures,
  type Profile,
  type ProfileLink,
  type ProfileNode,
  tiers,
} from "./profiles.ts";

/** A link from one node to another, one way. */
export interface DirectedLink extends LinkFigures {
  /** The node that sends. */
  readonly from: string;
  /** The node that receives. */
  readonly to: string;
}

/**
 * Every link of a profile, one a direction, sorted by the order of the nodes.
 *
 * Where several entries fit a pair, the one that names more nodes wins; among equals, the later.
 */
export function profileLinks(profile: Profile): readonly DirectedLink[] {
  const links: DirectedLink[] = [];
  for (const from of profile.nodes) {
    for (const to of profile.nodes) {
      if (from === to) continue;
      const link = linkBetween(profile.links, from, to);
      if (link === undefined) continue;
      const { delayMs, jitterMs, bandwidthMbps, loss, duplicate, reorder } = link;
      const ends = { from: from.name, to: to.name };
      links.push({ ...ends, delayMs, jitterMs, bandwidthMbps, loss, duplicate, reorder });
    }
  }
  return links;
}

/** The entry that holds from one node to another, if any. */
export function linkBetween(
  links: readonly ProfileLink[],
  from: ProfileNode,
  to: ProfileNode,
): ProfileLink | undefined {
  let best: ProfileLink | undefined;
  for (const link of links) {
    const there = covers(link.from, from) && covers(link.to, to);
    const back = link.oneWay !== true && covers(link.from, to) && covers(link.to, from);
    if (!there && !back) continue;
    if (best === undefined || nodesNamed(link) >= nodesNamed(best)) best = link;
  }
  return best;
}

function covers(end: string, node: ProfileNode): boolean {
  return end === node.name || end === node.tier;
}

function nodesNamed(link: ProfileLink): number {
  return [link.from, link.to].filter((end) => !isTier(end)).length;
}

function isTier(end: string): boolean {
  return (tiers as readonly string[]).includes(end);
}
