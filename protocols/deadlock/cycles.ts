/**
 * Cycles of a wait-for graph.
 *
 * A transaction is deadlocked exactly if it lies on a cycle, and all cycles through it lie in one
 * strongly connected component (Tarjan 1972, "Depth-First Search and Linear Graph Algorithms",
 * section 4). Who merely waits for a deadlocked one is in a component of its own and is left alone.
 *
 * @module
 */

/** For each node, those it waits for. A node may be named without having an entry. */
export type Graph = ReadonlyMap<string, Iterable<string>>;

interface Frame {
  readonly node: string;
  readonly targets: Iterator<string>;
}

/** One run of Tarjan's algorithm, with a stack of its own: a queue for a hot row is a long path. */
class Search {
  readonly components: string[][] = [];
  readonly #index = new Map<string, number>();
  readonly #low = new Map<string, number>();
  readonly #open: string[] = [];
  readonly #isOpen = new Set<string>();
  readonly #frames: Frame[] = [];

  constructor(private readonly graph: Graph) {}

  from(root: string): void {
    if (this.#index.has(root)) return;
    this.#enter(root);
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const { done, value: target } = frame.targets.next();
      if (done === true) this.#leave(frame.node);
      else if (!this.#index.has(target)) this.#enter(target);
      else if (this.#isOpen.has(target)) this.#lower(frame.node, this.#index.get(target)!);
    }
  }

  #enter(node: string): void {
    const index = this.#index.size;
    this.#index.set(node, index);
    this.#low.set(node, index);
    this.#open.push(node);
    this.#isOpen.add(node);
    this.#frames.push({ node, targets: (this.graph.get(node) ?? [])[Symbol.iterator]() });
  }

  #leave(node: string): void {
    this.#frames.pop();
    const low = this.#low.get(node)!;
    const parent = this.#frames.at(-1);
    if (parent !== undefined) this.#lower(parent.node, low);
    if (low !== this.#index.get(node)) return;
    const members = this.#open.splice(this.#open.lastIndexOf(node));
    for (const member of members) this.#isOpen.delete(member);
    if (members.length > 1 || isOwnTarget(this.graph, node)) this.components.push(members.sort());
  }

  #lower(node: string, low: number): void {
    if (low < this.#low.get(node)!) this.#low.set(node, low);
  }
}

function isOwnTarget(graph: Graph, node: string): boolean {
  for (const target of graph.get(node) ?? []) if (target === node) return true;
  return false;
}

/**
 * The components in which somebody waits for itself, directly or through others: their members
 * sorted, the components in order of their first members. Empty if there is no deadlock. Takes time
 * in proportion to nodes and edges.
 */
export function deadlocks(graph: Graph): readonly (readonly string[])[] {
  const search = new Search(graph);
  for (const node of graph.keys()) search.from(node);
  return search.components.sort(([a], [b]) => a! < b! ? -1 : 1);
}

/** The graph without some of its nodes. */
export function without(graph: Graph, gone: ReadonlySet<string>): Graph {
  const rest = new Map<string, readonly string[]>();
  for (const [node, targets] of graph) {
    if (!gone.has(node)) rest.set(node, [...targets].filter((target) => !gone.has(target)));
  }
  return rest;
}

/** The graph of the edges between some nodes. */
export function among(graph: Graph, nodes: Iterable<string>): Graph {
  const kept = new Set(nodes);
  const part = new Map<string, readonly string[]>();
  for (const node of kept) {
    part.set(node, [...graph.get(node) ?? []].filter((target) => kept.has(target)));
  }
  return part;
}
