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

/** Draws one partition of one of the shapes; all of them if none is given. */
export function drawCuts(
  nodes: readonly Node[],
  shapes: readonly Shape[],
  random: () => number,
): readonly Cut[] {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const among: readonly Shape[] = shapes.length > 0 ? shapes : ["symmetric", "one-way"];
  const shape = pick(among);
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
