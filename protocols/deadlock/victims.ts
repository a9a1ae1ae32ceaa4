/**
 * Whom to abort so that a deadlock is over.
 *
 * Any member of a cycle will do; which one decides how much work is thrown away, and whether some
 * transaction loses again and again. So whoever was chosen before is spared as long as there is
 * anyone in the cycle who was chosen less often (ageing); the policy chooses among the rest.
 *
 * That bounds starvation: who is chosen for the (k+1)st time was in a cycle with someone that had
 * been chosen k times at least, and who survived. If survivors commit, being chosen k times takes
 * 2^k transactions: none is chosen more than log2(n) times while n take part in deadlocks.
 *
 * @module
 */
import { among, deadlocks, type Graph, without } from "./cycles.ts";

/** The names of the policies. */
export const VICTIM_POLICIES = ["least-work", "lowest-priority", "oldest"] as const;

/**
 * Which member of a cycle is aborted: `least-work`, the one that holds the fewest rows;
 * `lowest-priority`, the one that matters least; `oldest`, the one whose first attempt began first.
 */
export type VictimPolicy = "least-work" | "lowest-priority" | "oldest";

/** What a policy looks at. */
export interface Merits {
  /** Names the attempt. */
  readonly id: string;
  /** Rows it holds, everywhere. */
  readonly work: number;
  /** The higher, the more it matters. */
  readonly priority: number;
  /** When its first attempt began, in cluster ms. */
  readonly begunAt: number;
  /** How many earlier attempts were chosen as victims. */
  readonly chosen: number;
}

const MERIT: Readonly<Record<VictimPolicy, (merits: Merits) => number>> = {
  "least-work": ({ work }) => work,
  "lowest-priority": ({ priority }) => priority,
  "oldest": ({ begunAt }) => begunAt,
};

/** Whether a word names a policy. */
export function isVictimPolicy(word: unknown): word is VictimPolicy {
  return (VICTIM_POLICIES as readonly unknown[]).includes(word);
}

/** Orders transactions: the first is to be aborted rather than the second if the result is below 0. */
export function compareVictims(policy: VictimPolicy, a: Merits, b: Merits): number {
  if (a.chosen !== b.chosen) return a.chosen - b.chosen;
  const difference = MERIT[policy](a) - MERIT[policy](b);
  if (difference !== 0) return difference;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0; // Any order will do, as long as all agree on it.
}

/**
 * The transactions to abort so that no cycle is left: one of each cycle, none without need.
 *
 * @param merits of every node that lies on a cycle
 * @returns sorted ids; the same for the same graph, however its maps are ordered
 * @throws {RangeError} If the policy is unknown or a member's merits are missing.
 */
export function chooseVictims(
  graph: Graph,
  merits: ReadonlyMap<string, Merits>,
  policy: VictimPolicy,
): readonly string[] {
  if (!isVictimPolicy(policy)) {
    throw new RangeError(
      `Cannot choose a victim: the policy is ${JSON.stringify(policy)}, must be one of ${
        VICTIM_POLICIES.join(", ")
      }`,
    );
  }
  const known = (id: string): Merits => {
    const found = merits.get(id);
    if (found === undefined) throw new RangeError(`Cannot choose a victim: ${id} has no merits`);
    return found;
  };
  const chosen: string[] = [];
  const open = deadlocks(graph).map((members) => among(graph, members));
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const members = [...part.keys()].map(known);
    const victim = members.reduce((a, b) => compareVictims(policy, a, b) <= 0 ? a : b).id;
    chosen.push(victim);
    const rest = without(part, new Set([victim]));
    open.push(...deadlocks(rest).map((others) => among(rest, others)));
  }
  return spare(graph, chosen, (a, b) => compareVictims(policy, known(a), known(b)));
}

/** A victim of one cycle may lie on another one whose victim was chosen before: one of them will do. */
function spare(
  graph: Graph,
  chosen: readonly string[],
  compare: (a: string, b: string) => number,
): readonly string[] {
  const victims = new Set(chosen);
  for (const candidate of [...chosen].sort(compare).reverse()) {
    victims.delete(candidate); // Those who deserve it least are spared first.
    if (deadlocks(without(graph, victims)).length > 0) victims.add(candidate);
  }
  return [...victims].sort();
}
