/**
 * Figures over the last minutes, and of each node in the latest second.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { memo } from "preact/compat";
import type { ClusterSample, NodeSample, Sample, State } from "../protocol.ts";
import { Chart, type Series } from "./chart.tsx";
import { amountOf } from "./words.ts";

/** What all views of figures are given. */
export interface TelemetryProps {
  readonly state: State;
  readonly latest: Sample | undefined;
}

interface Plot {
  readonly title: string;
  readonly unit: string;
  /** The scale reaches at least this far. */
  readonly least?: number;
  /** A trace has nothing of the kind. */
  readonly liveOnly?: boolean;
  readonly lines: readonly (readonly [
    name: string,
    tone: Series["tone"],
    of: (cluster: ClusterSample) => number | undefined,
  ])[];
}

const PLOTS: readonly Plot[] = [
  {
    title: "Throughput",
    unit: "/s",
    lines: [
      ["requests", "a", (cluster) => cluster.requestsPerS],
      ["commits", "b", (cluster) => cluster.commitsPerS],
      ["aborts", "c", (cluster) => cluster.abortsPerS],
    ],
  },
  {
    title: "Latency of requests",
    unit: "ms",
    liveOnly: true,
    lines: [["p50", "a", (cluster) => cluster.p50Ms], ["p99", "c", (cluster) => cluster.p99Ms]],
  },
  {
    title: "Transactions open",
    unit: "",
    least: 5,
    lines: [
      ["voting", "a", (cluster) => cluster.voting],
      ["committing", "b", (cluster) => cluster.committing],
      ["in doubt", "c", (cluster) => cluster.inDoubt],
    ],
  },
  {
    title: "Processors and memory",
    unit: "%",
    least: 100,
    liveOnly: true,
    lines: [
      ["CPU", "a", (cluster) => cluster.cpuPercent],
      ["memory", "b", (cluster) => cluster.memoryPercent],
    ],
  },
  {
    title: "Messages",
    unit: "/s",
    lines: [
      ["sent", "a", (cluster) => cluster.messagesPerS],
      ["waiting", "c", (cluster) => cluster.waiting],
    ],
  },
];

/** The charts. */
export const Charts = memo(function Charts(
  { state: { samples, topology, down }, instantOf, live }: TelemetryProps & {
    /** How instants are written. */
    readonly instantOf: (at: number) => string;
    readonly live: boolean;
  },
): JSX.Element {
  const instants = samples.map(({ at }) => instantOf(at));
  const up = topology.nodes.length - down.length;
  const nodes: Series = {
    name: "up",
    tone: "b",
    // Who is down now is known before the next sample.
    values: [...samples.slice(0, -1).map(({ cluster }) => cluster.nodesUp), up],
  };
  return (
    <div class="charts">
      {PLOTS.filter(({ liveOnly }) => live || !liveOnly).map(({ lines, ...plot }) => (
        <Chart
          key={plot.title}
          {...plot}
          instants={instants}
          series={lines.map(([name, tone, of]) => {
            return { name, tone, values: samples.map(({ cluster }) => of(cluster)) };
          })}
        />
      ))}
      <Chart
        title="Nodes up"
        unit=""
        least={topology.nodes.length}
        instants={instants}
        series={[nodes]}
      />
    </div>
  );
});

interface Column {
  readonly title: string;
  readonly unit: string;
  readonly of: (node: NodeSample) => number | undefined;
  /** Which end is the best one; undefined where neither is. */
  readonly best?: "most" | "least";
}

const COLUMNS: readonly Column[] = [
  { title: "Requests/s", unit: "", of: (node) => some(node.requestsPerS), best: "most" },
  { title: "Tx/s", unit: "", of: (node) => some(node.transactionsPerS), best: "most" },
  { title: "p50", unit: "ms", of: (node) => node.p50Ms, best: "least" },
  { title: "p99", unit: "ms", of: (node) => node.p99Ms, best: "least" },
  { title: "Messages/s", unit: "", of: (node) => node.messagesPerS },
  { title: "CPU", unit: "%", of: (node) => node.cpuPercent, best: "least" },
  { title: "Heap", unit: "MB", of: (node) => node.heapMb, best: "least" },
  { title: "Lock waits", unit: "", of: (node) => node.lockWaiters },
];

function some(value: number): number | undefined {
  return value > 0 ? value : undefined;
}

/** A row for each node; the best of its tier is marked, where there is something to compare. */
export const NodeTable = memo(function NodeTable(
  { state, latest, selected, select }: TelemetryProps & {
    readonly selected: string | undefined;
    readonly select: (node: string | undefined) => void;
  },
): JSX.Element {
  const { nodes } = state.topology;
  const samples = new Map((latest?.nodes ?? []).map((node) => [node.name, node]));
  const best = bestOf(state, samples);
  return (
    <div class="scroll" tabindex={0} role="region" aria-label="Figures of every node">
      <table class="nodes">
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col">State</th>
            {COLUMNS.map(({ title }) => <th key={title} scope="col">{title}</th>)}
          </tr>
        </thead>
        <tbody>
          {nodes.map(({ name, tier }) => {
            const sample = samples.get(name);
            const down = state.down.includes(name);
            return (
              <tr key={name} class={down ? "down" : selected === name ? "selected" : ""}>
                <th scope="row">
                  <button type="button" class="plain" onClick={() => select(name)}>
                    <i class={`mark tier-${tier}`} aria-hidden="true" />
                    {name}
                  </button>
                </th>
                <td>{down ? <b class="bad">DOWN</b> : "up"}</td>
                {COLUMNS.map(({ title, unit, of }) => {
                  const value = sample === undefined || down ? undefined : of(sample);
                  const isBest = value !== undefined && best.get(`${tier} ${title}`) === name;
                  return (
                    <td key={title} class={isBest ? "best" : ""}>
                      {amountOf(value, unit)}
                      {isBest && <span class="star" title="Best of its tier">★</span>}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
});

function bestOf(
  { topology, down }: State,
  samples: ReadonlyMap<string, NodeSample>,
): ReadonlyMap<string, string> {
  const best = new Map<string, string>();
  for (const tier of new Set(topology.nodes.map((node) => node.tier))) {
    const own = topology.nodes.filter((node) => node.tier === tier && !down.includes(node.name));
    for (const { title, of, best: end } of COLUMNS) {
      if (end === undefined) continue;
      const rated = own.flatMap(({ name }) => {
        const sample = samples.get(name);
        const value = sample === undefined ? undefined : of(sample);
        return value === undefined ? [] : [{ name, value }];
      });
      rated.sort((a, b) => end === "most" ? b.value - a.value : a.value - b.value);
      const [first, second] = rated;
      if (first !== undefined && second !== undefined && first.value !== second.value) {
        best.set(`${tier} ${title}`, first.name);
      }
    }
  }
  return best;
}
