/**
 * The console's page.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import { type JSX, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Acts, TokenForm } from "./acts.tsx";
import { Connection, type Known } from "./connection.ts";
import { Details } from "./details.tsx";
import { Log } from "./log.tsx";
import type { Story } from "../protocol.ts";
import { StoryDialog } from "./sequence.tsx";
import { Charts, NodeTable } from "./telemetry.tsx";
import { Topology } from "./topology.tsx";
import { amountOf, tierName } from "./words.ts";

/** A transaction that was opened, and what is known of it. */
interface Told {
  readonly transaction: string;
  readonly story?: Story;
  readonly problem?: string;
}

function App({ connection }: { readonly connection: Connection }): JSX.Element {
  const [known, setKnown] = useState(connection.known);
  const [selected, setSelected] = useState<string | undefined>(undefined);
  const [told, setTold] = useState<Told | undefined>(undefined);
  useEffect(() => connection.subscribe(() => setKnown(connection.known)), [connection]);
  const { state, latest, operator, problem } = known;
  if (state === undefined) {
    return (
      <p class="boot" role="status">
        {known.link === "lost" ? "The cluster does not answer; trying again…" : "Connecting…"}
      </p>
    );
  }
  const act = connection.act.bind(connection);
  const open = (transaction: string) => {
    setTold({ transaction });
    connection.story(transaction).then(
      (story) => setTold({ transaction, story: story as Story }),
      (error: Error) => setTold({ transaction, problem: error.message }),
    );
  };
  return (
    <>
      <Head known={known} leave={() => connection.authorize(undefined)} />
      <main>
        <div class="left">
          <section class="panel" aria-label="Topology">
            <Topology state={state} latest={latest} selected={selected} select={setSelected} />
          </section>
          {operator === undefined
            ? <TokenForm problem={problem} authorize={(token) => connection.authorize(token)} />
            : (
              <Acts
                topology={state.topology}
                down={state.down}
                links={state.links}
                act={act}
                open={open}
              />
            )}
        </div>
        <div class="right">
          {selected !== undefined && (
            <Details
              name={selected}
              state={state}
              latest={latest}
              close={() => setSelected(undefined)}
            />
          )}
          <section class="panel" aria-label="Telemetry">
            <Charts state={state} latest={latest} />
          </section>
          <section class="panel" aria-label="Nodes">
            <NodeTable state={state} latest={latest} selected={selected} select={setSelected} />
          </section>
        </div>
        <Log
          state={state}
          operator={operator !== undefined}
          open={open}
          capture={() => connection.capture()}
        />
      </main>
      {told !== undefined && (
        <StoryDialog
          story={told.story}
          problem={told.problem}
          close={() => setTold(undefined)}
        />
      )}
    </>
  );
}

const LINK_WORDS = {
  connecting: "connecting",
  live: "live",
  lost: "connection lost, trying again",
};

function Head({ known, leave }: { readonly known: Known; readonly leave: () => void }) {
  const { state, latest, operator, link } = known;
  const { topology, down } = state!;
  const tiers = [...new Set(topology.nodes.map(({ tier }) => tier))];
  const cluster = latest?.cluster;
  return (
    <header class="top">
      <h1>
        Trunkline <span class="muted">{topology.profile}</span>
      </h1>
      <span class={`live ${link}`} role="status">
        <i aria-hidden="true" /> {LINK_WORDS[link]}
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
        <li>
          <b>{amountOf(cluster?.requestsPerS)}</b> req/s
        </li>
        <li>
          p50 <b>{amountOf(cluster?.p50Ms, "ms")}</b>
        </li>
        <li>
          p99 <b>{amountOf(cluster?.p99Ms, "ms")}</b>
        </li>
        <li>
          Voting <b>{amountOf(cluster?.voting)}</b>
        </li>
        <li>
          Commit <b>{amountOf(cluster?.committing)}</b>
        </li>
        <li>
          CPU <b>{amountOf(cluster?.cpuPercent, "%")}</b>
        </li>
        <li>
          Memory <b>{amountOf(cluster?.memoryMb, "MB")}</b>
        </li>
      </ul>
      {operator !== undefined && (
        <span class="operator">
          {operator} <button type="button" class="quiet" onClick={leave}>Leave</button>
        </span>
      )}
    </header>
  );
}

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const root = document.getElementById("app")!;
root.replaceChildren();
render(<App connection={new Connection(`${scheme}//${location.host}/live`)} />, root);
