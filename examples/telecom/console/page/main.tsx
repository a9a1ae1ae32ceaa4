/**
 * The console's page.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import { type JSX, render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Board } from "./board.tsx";
import { Connection } from "./connection.ts";
import { Head } from "./head.tsx";
import { Player } from "./player.tsx";
import type { Replay } from "./replay.ts";

function App({ connection }: { readonly connection: Connection }): JSX.Element {
  const [known, setKnown] = useState(connection.known);
  const [replay, setReplay] = useState<Replay | undefined>(undefined);
  const [instant, setInstant] = useState(0);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  useEffect(() => connection.subscribe(() => setKnown(connection.known)), [connection]);
  const opened = (trace: Replay | undefined, why: string | undefined) => {
    setProblem(why);
    if (trace === undefined) return;
    setInstant(0);
    setReplay(trace);
  };
  const past = useMemo(() => replay?.at(instant), [replay, instant]);
  const state = past?.state ?? known.state;
  const latest = past === undefined ? known.latest : past.latest;
  if (state === undefined) {
    return (
      <p class="boot" role="status">
        {known.link === "connecting"
          ? "Connecting…"
          : known.reason === ""
          ? "The cluster does not answer; trying again…"
          : `Refused: ${known.reason}. Trying again…`}
      </p>
    );
  }
  return (
    <>
      <Head
        state={state}
        latest={latest}
        link={replay === undefined ? known.link : "replay"}
        operator={replay === undefined ? known.operator : undefined}
        leave={() => connection.authorize(undefined)}
        opened={opened}
      />
      <Board
        key={replay?.title}
        known={known}
        state={state}
        latest={latest}
        connection={connection}
        replay={replay}
      >
        {problem !== undefined && (
          <p class="outcome failure wide" role="alert">
            {problem}
            <button type="button" class="quiet" onClick={() => setProblem(undefined)}>Close</button>
          </p>
        )}
        {replay !== undefined && (
          <Player
            replay={replay}
            instant={instant}
            setInstant={setInstant}
            close={() => setReplay(undefined)}
          />
        )}
      </Board>
    </>
  );
}

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const root = document.getElementById("app")!;
root.replaceChildren();
render(<App connection={new Connection(`${scheme}//${location.host}/live`)} />, root);
