/**
 * Shapes of partitions: which directed links are cut.
 *
 * @module
 */
import type { Shape } from "./swarm.ts";

interface Node {
  readonly name: string;
  readonly tier: string;
}

type Cut = readonly [from: string, to: string];

/** A partition. */
export interface Partition {
  readonly shape: Shape;
  /** Links that are cut; at least one. */
  readonly cuts: readonly Cut[];
}

/** Draws one partition of one of the shapes that cuts something: not all nodes have links. */
export function drawPartition(
  nodes: readonly Node[],
  shapes: readonly Shape[],
  random: () => number,
  isLink: (from: string, to: string) => boolean,
): Partition {
  const among: readonly Shape[] = shapes.length > 0 ? shapes : ["symmetric", "one-way"];
  for (;;) {
    const shape = among[Math.floor(random() * among.length)]!;
    const cuts = drawCuts(nodes, shape, random).filter(([from, to]) => isLink(from, to));
    if (cuts.length > 0) return { shape, cuts };
  }
}

function drawCuts(
  nodes: readonly Node[],
  shape: Shape,
  random: () => number,
): readonly Cut[] {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const one = pick(nodes), others = nodes.filter((node) => node !== one);
  const other = pick(others);
  switch (shape) {
    case "symmetric":
      return both([one], [other]);
    case "one-way":
      return random() < 0.5 ? cross([one], [other]) : cross([one], others);
    case "isolated":
      return both([one], others);
    case "tiers":
      return both(of(nodes, one.tier), of(nodes, other.tier));
    case "halves": {
      const left = nodes.filter(() => random() < 0.5);
      return both(left, nodes.filter((node) => !left.includes(node)));
    }
    case "bridge": {
      // Two halves that only one node can talk to.
      const left = others.filter(() => random() < 0.5);
      return both(left, others.filter((node) => !left.includes(node)));
    }
  }
}

function of(nodes: readonly Node[], tier: string): readonly Node[] {
  return nodes.filter((node) => node.tier === tier);
}

function cross(from: readonly Node[], to: readonly Node[]): readonly Cut[] {
  return from.flatMap((a) => to.filter((b) => b !== a).map((b): Cut => [a.name, b.name]));
}

function both(left: readonly Node[], right: readonly Node[]): readonly Cut[] {
  return [...cross(left, right), ...cross(right, left)];
}
