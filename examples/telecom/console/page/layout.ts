/**
 * Where nodes stand on the map, and how links run between them: tiers in rows, edges on top.
 *
 * @module
 */
import type { LinkState, NodeInfo } from "../protocol.ts";

/** Size of the map. */
export const MAP: { readonly width: number; readonly height: number } = { width: 760, height: 400 };

/** Where a node stands. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

const ROWS = ["edge", "core", "cloud"];
const TOP = 62, LEFT = 86;

/** A place for each node. A tier that is none of the three gets a row below. */
export function placesOf(nodes: readonly NodeInfo[]): ReadonlyMap<string, Place> {
  const others = [...new Set(nodes.map(({ tier }) => tier))].filter((tier) => !ROWS.includes(tier));
  const rows = [...ROWS, ...others].filter((tier) => nodes.some((node) => node.tier === tier));
  const places = new Map<string, Place>();
  const height = (MAP.height - TOP - 70) / Math.max(1, rows.length - 1);
  rows.forEach((tier, row) => {
    const own = nodes.filter((node) => node.tier === tier);
    const step = (MAP.width - LEFT) / own.length;
    own.forEach(({ name }, index) => {
      places.set(name, { x: LEFT + step * (index + 0.5), y: TOP + height * row });
    });
  });
  return places;
}

/** A link as it is drawn: both directions in one. */
export interface Wire {
  readonly key: string;
  readonly a: string;
  readonly b: string;
  /** From `a` to `b`. */
  readonly there: LinkState | undefined;
  /** From `b` to `a`. */
  readonly back: LinkState | undefined;
}

/** Both directions of every pair that has a link. */
export function wiresOf(links: readonly LinkState[]): readonly Wire[] {
  const byName = new Map(links.map((link) => [`${link.from}>${link.to}`, link]));
  const wires = new Map<string, Wire>();
  for (const { from, to } of links) {
    const [a = "", b = ""] = [from, to].sort();
    const key = `${a}>${b}`;
    if (wires.has(key)) continue;
    wires.set(key, { key, a, b, there: byName.get(key), back: byName.get(`${b}>${a}`) });
  }
  return [...wires.values()];
}

/** The line between two places; within a row it bows, so that it does not run through others. */
export function pathBetween(from: Place, to: Place): string {
  if (from.y !== to.y) return `M${from.x} ${from.y}L${to.x} ${to.y}`;
  const { x, y } = middleOf(from, to, 2);
  return `M${from.x} ${from.y}Q${x} ${y} ${to.x} ${to.y}`;
}

/** The middle of that line; `bow` is 1 on the line and 2 at the point that bends it. */
export function middleOf(from: Place, to: Place, bow = 1): Place {
  const x = (from.x + to.x) / 2, y = (from.y + to.y) / 2;
  if (from.y !== to.y) return { x, y };
  return { x, y: y - bow * (10 + Math.abs(from.x - to.x) / 22) };
}

/** Whether messages pass. */
export function isUp(link: LinkState | undefined): boolean {
  return link === undefined || link.up;
}
