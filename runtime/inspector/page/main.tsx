/**
 * The inspector's page.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import { type JSX, render } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import { StateChart } from "./chart.tsx";
import { Connection, type Known, type Looked } from "./connection.ts";
import { Instance } from "./instance.tsx";
import { Instances } from "./instances.tsx";
import { Log } from "./log.tsx";
import { Tree } from "./tree.tsx";

const NO_STATES = {};

function App({ connection }: { readonly connection: Connection }): JSX.Element {
  const [known, setKnown] = useState(connection.known);
  useEffect(() => listen(connection, setKnown), [connection]);
  const show = useCallback((looked: Looked) => connection.show(looked), [connection]);
  const open = useCallback((key: string | null) => connection.open(key), [connection]);
  const { tree, looked, chart, instance, instances, steps, state, ahead } = known;
  const role = tree.find(({ address }) => address === looked?.role);
  const census = role?.machines.find(({ machine }) => machine === looked?.machine);
  const narrow = useCallback((state: string | undefined) => {
    if (looked !== undefined) connection.show(looked, state);
  }, [connection, looked]);
  return (
    <>
      <Head known={known} />
      <Tree roles={tree} looked={looked} show={show} />
      <main>
        {looked === undefined ? <Welcome roles={tree.length} /> : (
          <>
            <h1>
              {looked.machine} <small>{looked.role}</small>
            </h1>
            {role === undefined && <p class="note">This role does not run at the moment.</p>}
            <div class="bench">
              {chart === undefined ? <p class="note">Drawing…</p> : (
                <StateChart
                  chart={chart}
                  census={census?.states ?? NO_STATES}
                  instance={instance}
                  steps={steps}
                />
              )}
              <div class="side">
                <Instances
                  census={census}
                  instances={instances}
                  state={state}
                  opened={instance?.key}
                  open={open}
                  narrow={narrow}
                />
                {instance !== undefined && (
                  <Instance
                    instance={instance}
                    steps={steps}
                    ahead={ahead}
                    close={() => open(null)}
                  />
                )}
              </div>
            </div>
          </>
        )}
      </main>
      <Log
        log={known.log}
        skipped={known.skipped}
        level={known.level}
        here={known.here}
        ahead={ahead}
        follow={(level, here) => connection.follow(level, here)}
      />
    </>
  );
}

function Head({ known }: { readonly known: Known }): JSX.Element {
  const { connected, reason, tree, figures } = known;
  const nodes = new Set(tree.map(({ address }) => address.split("/")[0])).size;
  return (
    <header class="head">
      <strong>Trunkline inspector</strong>
      <span>{nodes} nodes · {tree.length} roles</span>
      {figures.dropped > 0 && (
        <span class="warn">{figures.dropped.toLocaleString("en")} records dropped</span>
      )}
      <span role="status" class={connected ? "well" : "unwell"}>
        {connected ? "connected" : `disconnected${reason === "" ? "" : `: ${reason}`}`}
      </span>
    </header>
  );
}

function Welcome({ roles }: { readonly roles: number }): JSX.Element {
  return (
    <div class="welcome">
      <h1>Every live machine</h1>
      <p>
        {roles === 0 ? "Waiting for roles…" : "Choose a machine on the left: "}
        {roles > 0 && "its chart is drawn with how many of its instances are in each state. Open " +
            "one and watch it step. Whatever is not looked at costs nothing."}
      </p>
    </div>
  );
}

/** At most one rendering a frame, however much is told. */
function listen(connection: Connection, set: (known: Known) => void): () => void {
  let due = 0;
  changed = () => {
    due ||= requestAnimationFrame(() => {
      due = 0;
      set(connection.known);
    });
  };
  changed();
  return () => cancelAnimationFrame(due);
}

let changed = () => {};
const connection = new Connection(() => changed());
const app = document.querySelector("#app")!;
app.replaceChildren();
render(<App connection={connection} />, app);
