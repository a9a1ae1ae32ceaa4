/**
 * The head of the page: what is looked at, whether it is live, and the figures that matter most.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import type { Sample, State } from "../protocol.ts";
import type { Link } from "./connection.ts";
import { TraceButton } from "./player.tsx";
import type { Replay } from "./replay.ts";
import { amountOf, tierName } from "./words.ts";

const WORDS: Readonly<Record<Link | "replay", string>> = {
  connecting: "connecting",
  live: "live",
  lost: "connection lost, trying again",
  replay: "a trace, not the cluster",
};

/** Draws it. */
export function Head({ state: { topology, down }, latest, link, operator, leave, opened }: {
  readonly state: State;
  readonly latest: Sample | undefined;
  readonly link: Link | "replay";
  readonly operator: string | undefined;
  readonly leave: () => void;
  readonly opened: (replay: Replay | undefined, problem: string | undefined) => void;
}): JSX.Element {
  const tiers = [...new Set(topology.nodes.map(({ tier }) => tier))];
  const cluster = latest?.cluster;
  return (
    <header class="top">
      <h1>
        Trunkline <span class="muted">{topology.profile}</span>
      </h1>
      <span class={`live ${link}`} role="status">
        <i aria-hidden="true" /> {WORDS[link]}
      </span>
      <ul class="tiles">
        {tiers.map((tier) => {
          const own = topology.nodes.filter((node) => node.tier === tier);
          const up = own.filter(({ name }) => !down.includes(name)).length;
          return (
            <li key={tier} class={up < own.length ? "less" : ""}>
              {tierName(tier)}: <b>{up}/{own.length}</b> Active
            </li>
          );
        })}
        {link !== "replay" && <Tile name="req/s" value={amountOf(cluster?.requestsPerS)} />}
        {link !== "replay" && <Tile name="p50" value={amountOf(cluster?.p50Ms, "ms")} />}
        {link !== "replay" && <Tile name="p99" value={amountOf(cluster?.p99Ms, "ms")} />}
        <Tile name="Voting" value={amountOf(cluster?.voting)} />
        <Tile name="Commit" value={amountOf(cluster?.committing)} />
      </ul>
      <TraceButton opened={opened} />
      {operator !== undefined && (
        <span class="operator">
          {operator} <button type="button" class="quiet" onClick={leave}>Leave</button>
        </span>
      )}
    </header>
  );
}

function Tile({ name, value }: { readonly name: string; readonly value: string }): JSX.Element {
  return (
    <li>
      {name} <b>{value}</b>
    </li>
  );
}
