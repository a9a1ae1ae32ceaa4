/**
 * Everything below the head, of the cluster or of a trace.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { ComponentChildren, JSX } from "preact";
import { useCallback, useMemo, useState } from "preact/hooks";
import type { Sample, State, Story } from "../protocol.ts";
import { type Act, Acts, TokenForm } from "./acts.tsx";
import type { Connection, Known } from "./connection.ts";
import { Details } from "./details.tsx";
import { Log } from "./log.tsx";
import type { Replay } from "./replay.ts";
import { Sequence, StoryDialog } from "./sequence.tsx";
import { Charts, NodeTable } from "./telemetry.tsx";
import { Topology } from "./topology.tsx";
import { amountOf, timeOf } from "./words.ts";

/** A transaction that was opened, and what is known of it. */
interface Told {
  readonly story?: Story | undefined;
  readonly problem?: string | undefined;
}

/** What it shows. */
export interface BoardProps {
  readonly known: Known;
  readonly state: State;
  readonly latest: Sample | undefined;
  readonly connection: Connection;
  /** The trace that is shown in place of the cluster. */
  readonly replay: Replay | undefined;
  readonly children: ComponentChildren;
}

/** Draws it. */
export function Board(props: BoardProps): JSX.Element {
  const { known: { operator, problem }, state, latest, connection, replay, children } = props;
  const [selected, setSelected] = useState<string | undefined>(undefined);
  const [told, setTold] = useState<Told | undefined>(undefined);
  const open = useCallback((transaction: string) => {
    if (replay !== undefined) return setTold({ story: replay.story(transaction) });
    setTold({});
    connection.story(transaction).then(
      (story) => setTold({ story: story as Story }),
      (error: Error) => setTold({ problem: error.message }),
    );
  }, [connection, replay]);
  const act = useCallback<Act>((method, params) => connection.act(method, params), [connection]);
  const live = replay === undefined;
  const { topology, down, links, samples } = state;
  // A line of the log changes nothing but the log.
  const view = useMemo(() => ({ ...state, log: [] }), [topology, down, links, samples]);
  const seen = { state: view, latest, selected, select: setSelected };
  return (
    <main>
      {children}
      <div class="left">
        <section class="panel" aria-label="Topology">
          <Topology {...seen} />
        </section>
        {selected !== undefined && (
          <Details
            name={selected}
            state={state}
            latest={latest}
            close={() => setSelected(undefined)}
          />
        )}
        {live && (operator === undefined
          ? <TokenForm problem={problem} authorize={(token) => connection.authorize(token)} />
          : <Acts {...{ topology, down, links, act, open }} />)}
      </div>
      <div class="right">
        {replay === undefined
          ? (
            <section class="panel" aria-label="Telemetry">
              <Charts {...seen} instantOf={timeOf} live />
            </section>
          )
          : <Past {...seen} replay={replay} />}
        <Log
          state={state}
          readable={operator !== undefined || !live}
          open={open}
          instantOf={live ? timeOf : amountOf}
          {...(live && operator !== undefined ? { capture: () => connection.capture() } : {})}
        />
      </div>
      {live && (
        <section class="panel" aria-label="Nodes">
          <NodeTable {...seen} />
        </section>
      )}
      {told !== undefined && (
        <StoryDialog
          story={told.story}
          problem={told.problem}
          close={() => setTold(undefined)}
        />
      )}
    </main>
  );
}

interface Seen {
  readonly state: State;
  readonly latest: Sample | undefined;
  readonly selected: string | undefined;
  readonly select: (node: string | undefined) => void;
}

/** A path of the checker has no time that could be charted: it is one diagram. */
function Past({ replay, ...seen }: Seen & { readonly replay: Replay }): JSX.Element {
  if (replay.unit !== "steps") {
    return (
      <section class="panel" aria-label="Telemetry">
        <Charts {...seen} instantOf={amountOf} live={false} />
      </section>
    );
  }
  return (
    <section class="panel" aria-label="The whole path">
      <Sequence story={replay.story("")} />
    </section>
  );
}
