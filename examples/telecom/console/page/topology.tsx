/**
 * The map of the cluster: tiers in rows, a shape for each tier, links with their delay and traffic.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { memo } from "preact/compat";
import type { NodeInfo, NodeSample, Sample, State } from "../protocol.ts";
import {
  isUp,
  MAP,
  middleOf,
  pathBetween,
  type Place,
  placesOf,
  type Wire,
  wiresOf,
} from "./layout.ts";
import { amountOf, tierName } from "./words.ts";

/** What the map shows. */
export interface TopologyProps {
  readonly state: State;
  readonly latest: Sample | undefined;
  readonly selected: string | undefined;
  readonly select: (node: string | undefined) => void;
}

/** Draws it. */
export const Topology = memo(function Topology(
  { state, latest, selected, select }: TopologyProps,
): JSX.Element {
  const { nodes } = state.topology;
  const places = placesOf(nodes);
  const wires = wiresOf(state.links);
  const tiers = [...new Set(nodes.map(({ tier }) => tier))];
  const traffic = latest?.traffic ?? {};
  return (
    <svg class="map" viewBox={`0 0 ${MAP.width} ${MAP.height}`} role="group" aria-label="Map">
      {tiers.map((tier) => (
        <TierName
          key={tier}
          tier={tier}
          state={state}
          y={places.get(nodes.find((node) => node.tier === tier)!.name)!.y}
        />
      ))}
      <g>
        {wires.map((wire) => (
          <Link
            key={wire.key}
            wire={wire}
            from={places.get(wire.a)!}
            to={places.get(wire.b)!}
            dead={state.down.includes(wire.a) || state.down.includes(wire.b)}
            messages={(traffic[wire.key] ?? 0) + (traffic[`${wire.b}>${wire.a}`] ?? 0)}
            selected={selected}
          />
        ))}
      </g>
      {nodes.map((node) => (
        <Node
          key={node.name}
          node={node}
          place={places.get(node.name)!}
          down={state.down.includes(node.name)}
          sample={latest?.nodes.find(({ name }) => name === node.name)}
          selected={selected === node.name}
          select={select}
        />
      ))}
    </svg>
  );
});

function TierName({ tier, state, y }: { tier: string; state: State; y: number }): JSX.Element {
  const own = state.topology.nodes.filter((node) => node.tier === tier);
  const up = own.filter(({ name }) => !state.down.includes(name)).length;
  return (
    <g class="tier">
      <text x={4} y={y - 2} class="tier-name">{tierName(tier)}</text>
      <text x={4} y={y + 14} class={up < own.length ? "tier-count less" : "tier-count"}>
        {up}/{own.length} Active
      </text>
    </g>
  );
}

interface LinkProps {
  readonly wire: Wire;
  readonly from: Place;
  readonly to: Place;
  readonly dead: boolean;
  readonly messages: number;
  readonly selected: string | undefined;
}

function Link({ wire, from, to, dead, messages, selected }: LinkProps): JSX.Element {
  const { a, b, there, back } = wire;
  const cutThere = !isUp(there), cutBack = !isUp(back);
  const cut = cutThere || cutBack;
  const loss = Math.max(there?.loss ?? 0, back?.loss ?? 0);
  const names = ["link"];
  if (dead || cutThere && cutBack) names.push("severed");
  else if (cut) names.push("one-way");
  if (loss > 0) names.push("lossy");
  const near = selected === a || selected === b;
  if (near) names.push("near");
  else if (selected !== undefined) names.push("dimmed");
  const middle = middleOf(from, to);
  const delay = there?.delayMs ?? back?.delayMs ?? 0;
  // From one hair to a thread: ten times the messages are one step.
  const width = dead || messages <= 0 ? 1 : Math.min(5, 1 + Math.log10(1 + messages) * 1.2);
  const cutNames = cutThere && cutBack ? "cut" : cutThere ? `cut to ${b}` : `cut to ${a}`;
  return (
    <g class={names.join(" ")}>
      <title>
        {`${a} – ${b}: ${amountOf(delay, "ms")} one way, ${amountOf(messages)} messages/s` +
          (loss > 0 ? `, loses ${amountOf(100 * loss)} %` : "") + (cut ? `, ${cutNames}` : "")}
      </title>
      <path class="wire" d={pathBetween(from, to)} stroke-width={width} pathLength={100} />
      {cut && !dead && (
        <Cut at={cutThere === cutBack ? middle : toward(cutThere ? to : from, middle)} />
      )}
      {near && !dead && (
        <text class="link-label" x={middle.x} y={middle.y - 5}>
          {amountOf(delay, "ms")}
          {loss > 0 ? ` · −${Math.round(100 * loss)} %` : ""}
          {messages >= 1 ? ` · ${amountOf(Math.round(messages))}/s` : ""}
        </text>
      )}
    </g>
  );
}

/** Half way from the middle to an end. */
function toward(end: Place, middle: Place): Place {
  return { x: (end.x + 2 * middle.x) / 3, y: (end.y + 2 * middle.y) / 3 };
}

function Cut({ at: { x, y } }: { at: Place }): JSX.Element {
  return (
    <g class="cut">
      <circle cx={x} cy={y} r={7} />
      <path d={`M${x - 3.5} ${y - 3.5}l7 7m0 -7l-7 7`} />
    </g>
  );
}

interface NodeProps {
  readonly node: NodeInfo;
  readonly place: Place;
  readonly down: boolean;
  readonly sample: NodeSample | undefined;
  readonly selected: boolean;
  readonly select: (node: string | undefined) => void;
}

function Node({ node, place: { x, y }, down, sample, selected, select }: NodeProps): JSX.Element {
  const { name, tier } = node;
  const requests = tier === "edge";
  const rate = requests ? sample?.requestsPerS ?? 0 : sample?.transactionsPerS ?? 0;
  const what = requests ? "requests/s" : "transactions/s";
  const toggle = () => select(selected ? undefined : name);
  const classes = ["node", `tier-${tier}`];
  if (down) classes.push("down");
  if (selected) classes.push("selected");
  return (
    <g
      class={classes.join(" ")}
      transform={`translate(${x} ${y})`}
      role="button"
      tabindex={0}
      aria-pressed={selected}
      aria-label={`${name}, ${down ? "DOWN" : `up, ${amountOf(Math.round(rate))} ${what}`}`}
      onClick={toggle}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        toggle();
      }}
    >
      {!down && rate > 0 && <circle class={`pulse ${paceOf(rate)}`} r={26} />}
      <Shape tier={tier} />
      <text class="node-rate" y={4}>{down ? "✕" : shortRate(rate)}</text>
      <text class="node-name" y={42}>{name}</text>
      {down && <text class="node-down" y={59}>DOWN</text>}
    </g>
  );
}

/** How fast an edge pulses: a class, since the pace is a matter of style. */
function paceOf(rate: number): string {
  return rate < 5 ? "slow" : rate < 100 ? "steady" : "fast";
}

function shortRate(rate: number): string {
  return rate >= 1000 ? `${(rate / 1000).toFixed(1)}k` : `${Math.round(rate)}`;
}

/** Edges are circles, cores circles with a second ring, clouds rectangles: not by colour alone. */
function Shape({ tier }: { tier: string }): JSX.Element {
  if (tier === "cloud") return <rect class="shape" x={-30} y={-20} width={60} height={40} rx={5} />;
  return (
    <>
      <circle class="shape" r={24} />
      {tier === "core" && <circle class="ring" r={19.5} />}
    </>
  );
}
