/**
 * Where the boxes and arrows of a chart go.
 *
 * @module
 */
import type { Chart, ChartEdge, ChartState } from "./chart.ts";

/** Sizes in CSS pixels; texts are in a font of fixed width. */
export const FONT = { state: 13, line: 11, label: 11 } as const;
/** Width of a character of a monospaced font, by its height. */
const ADVANCE = 0.61;
const PAD = 12;
const HEAD = 26;
const LINE = 15;
const MOST_CHARACTERS = 44;

/** A point in CSS pixels. */
export interface Point {
  /** To the right. */
  readonly x: number;
  /** Downwards. */
  readonly y: number;
}

/** A box in CSS pixels, from the corner of the picture. */
export interface Box extends Point {
  /** Its width. */
  readonly width: number;
  /** Its height. */
  readonly height: number;
}

/** A state in its place. */
export type PlacedState = ChartState & { readonly box: Box };
/** An arrow in its place. */
export type PlacedEdge = ChartEdge & {
  /** The line, corner by corner. */
  readonly points: readonly Point[];
  /** Where its labels are, one line each. */
  readonly label: Box | undefined;
};
/** The dot that shows where a machine begins, and the way from there. */
export interface PlacedStart {
  /** The dot. */
  readonly dot: Box;
  /** The way to the initial state. */
  readonly points: readonly Point[];
}

/** A chart in its place. */
export interface PlacedChart {
  /** Id of the machine. */
  readonly id: string;
  /** Width of the picture in CSS pixels. */
  readonly width: number;
  /** Its height. */
  readonly height: number;
  /** States, parents before children. */
  readonly states: readonly PlacedState[];
  /** Arrows. */
  readonly edges: readonly PlacedEdge[];
  /** Where it begins, and its compound states do. */
  readonly starts: readonly PlacedStart[];
  /** What is handled in every state. */
  readonly anywhere: readonly string[];
}

/** A text that is not too long to draw. */
export function clip(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS - 1)}…`;
}

const widthOf = (text: string, font: number) => clip(text).length * font * ADVANCE;

interface ElkNode {
  readonly id: string;
  x?: number;
  y?: number;
  width?: number;
  height?: number;
  children?: ElkNode[];
  edges?: ElkEdge[];
  labels?: (Box & { text: string })[];
  layoutOptions?: Readonly<Record<string, string>>;
}

interface ElkEdge {
  readonly id: string;
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  readonly labels?: readonly { readonly text: string; readonly width: number; height: number }[];
  readonly sections?: readonly {
    readonly startPoint: Point;
    readonly endPoint: Point;
    readonly bendPoints?: readonly Point[];
  }[];
}

const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.json.edgeCoords": "ROOT",
  "elk.spacing.nodeNode": "28",
  "elk.spacing.edgeNode": "16",
  "elk.spacing.edgeEdge": "12",
  "elk.spacing.edgeLabel": "4",
  "elk.layered.spacing.nodeNodeBetweenLayers": "34",
  "elk.layered.spacing.edgeNodeBetweenLayers": "16",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "12",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.padding": `[top=${PAD},left=${PAD},bottom=${PAD},right=${PAD}]`,
} as const;

/**
 * Ways to order what has no order of its own. The first gives the best pictures: states come as they
 * are entered and as they are written. The kernel fails at it where regions lie side by side.
 */
const ORDERS: readonly Readonly<Record<string, string>>[] = [
  {
    "elk.layered.cycleBreaking.strategy": "DEPTH_FIRST",
    "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  },
  { "elk.layered.cycleBreaking.strategy": "DEPTH_FIRST" },
  {},
];

/** Lays out charts; ends its thread when it is disposed of. */
export class Layouter implements Disposable {
  #worker: Worker | undefined;
  #calls = 0;
  readonly #waiting = new Map<number, PromiseWithResolvers<ElkNode>>();

  /** Finds a place for everything. @throws {Error} if the layout kernel cannot */
  async place(chart: Chart): Promise<PlacedChart> {
    let failure: unknown;
    for (const order of ORDERS) {
      try {
        return placed(chart, await this.#layout(graphOf(chart), order));
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  #layout(graph: ElkNode, order: Readonly<Record<string, string>>): Promise<ElkNode> {
    const id = ++this.#calls;
    const waiting = Promise.withResolvers<ElkNode>();
    this.#waiting.set(id, waiting);
    const layoutOptions = { ...OPTIONS, ...order };
    this.#thread().postMessage({ id, cmd: "layout", graph, layoutOptions, options: {} });
    return waiting.promise;
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = this.#worker = new Worker(new URL("./layout_worker.ts", import.meta.url), {
      type: "module",
      name: "layout",
    });
    worker.onmessage = ({ data }: MessageEvent<{ id: number; data: ElkNode; error?: Error }>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.error === undefined) waiting?.resolve(data.data);
      else waiting?.reject(new Error(`Cannot lay out a chart: ${data.error.message}`));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this[Symbol.dispose](`Cannot lay out charts: ${event.message}`);
    };
    worker.postMessage({ id: 0, cmd: "register", algorithms: ["layered"] });
    return worker;
  }

  /** Ends its thread. It can be used again, with a new one. */
  [Symbol.dispose](why = "Cannot lay out a chart: the layouter was closed"): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
    this.#waiting.clear();
  }
}

const stateId = (path: string) => `s:${path}`;
const dotId = (path: string) => `i:${path}`;

function graphOf(chart: Chart): ElkNode {
  const nodes = new Map<string, ElkNode>();
  const root: ElkNode = { id: "root", children: [], edges: [] };
  nodes.set("", root);
  const compound = new Set(chart.states.map(({ parent }) => parent));
  for (const state of chart.states) {
    const size = sizeOf(state);
    const node: ElkNode = compound.has(state.path)
      ? { id: stateId(state.path), children: [], labels: [], ...inner(size) }
      : { id: stateId(state.path), ...size };
    nodes.set(state.path, node);
    nodes.get(state.parent)!.children!.push(node);
  }
  for (const state of chart.states.filter(({ initial }) => initial)) {
    const id = dotId(state.path);
    const first = { "elk.layered.layering.layerConstraint": "FIRST" };
    nodes.get(state.parent)!.children!.unshift({
      id,
      width: 12,
      height: 12,
      ...(state.parent === "" ? { layoutOptions: first } : {}),
    });
    root.edges!.push({ id: `from ${id}`, sources: [id], targets: [stateId(state.path)] });
  }
  chart.edges.forEach(({ from, to, labels }, i) => {
    const width = Math.max(...labels.map(({ text }) => widthOf(text, FONT.label)));
    const text = labels.map((label) => label.text).join("\n");
    root.edges!.push({
      id: `e:${i}`,
      sources: [stateId(from)],
      targets: [stateId(to)],
      labels: [{ text, width: width + 8, height: labels.length * LINE }],
    });
  });
  return root;
}

function sizeOf({ name, lines }: ChartState): { width: number; height: number } {
  const texts = lines.map((line) => widthOf(line, FONT.line));
  const width = Math.max(64, widthOf(name, FONT.state), ...texts) + 2 * PAD;
  return { width, height: HEAD + (lines.length === 0 ? 4 : lines.length * LINE + 10) };
}

/** Room for the head of a state with states in it. */
function inner({ width, height }: { width: number; height: number }): Partial<ElkNode> {
  return {
    layoutOptions: {
      "elk.padding": `[top=${height + PAD},left=${PAD},bottom=${PAD},right=${PAD}]`,
      "elk.nodeSize.constraints": "MINIMUM_SIZE",
      // The kernel draws to the right and turns the picture at the end, but not this.
      "elk.nodeSize.minimum": `(${height},${width})`,
    },
  };
}

function placed(chart: Chart, graph: ElkNode): PlacedChart {
  const boxes = new Map<string, Box>();
  const visit = (node: ElkNode, x: number, y: number) => {
    const at = { x: x + (node.x ?? 0), y: y + (node.y ?? 0) };
    boxes.set(node.id, { ...at, width: node.width ?? 0, height: node.height ?? 0 });
    for (const child of node.children ?? []) visit(child, at.x, at.y);
  };
  visit(graph, 0, 0);
  const edges = new Map((graph.edges ?? []).map((edge) => [edge.id, edge]));
  const line = (id: string): Point[] => {
    const [section] = edges.get(id)?.sections ?? [];
    if (section === undefined) return [];
    return [section.startPoint, ...section.bendPoints ?? [], section.endPoint];
  };
  return {
    id: chart.id,
    width: Math.ceil(graph.width ?? 0),
    height: Math.ceil(graph.height ?? 0),
    states: chart.states.map((state) => ({ ...state, box: boxes.get(stateId(state.path))! })),
    edges: chart.edges.map((edge, i) => {
      const [label] = edges.get(`e:${i}`)!.labels as unknown as Box[];
      return { ...edge, points: line(`e:${i}`), label };
    }),
    starts: chart.states.filter(({ initial }) => initial).map(({ path }) => {
      return { dot: boxes.get(dotId(path))!, points: line(`from ${dotId(path)}`) };
    }),
    anywhere: chart.anywhere,
  };
}
