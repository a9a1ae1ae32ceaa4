/**
 * The instance that is open: its state, for how long, its context, and what it did.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { InspectionRecord } from "../../inspection/records.ts";
import type { ShownInstance } from "../page_protocol.ts";
import { Records } from "./log.tsx";

interface Props {
  readonly instance: ShownInstance;
  readonly steps: readonly InspectionRecord[];
  readonly ahead: number;
  readonly close: () => void;
}

/** `1.2 s`, `3 min 4 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor(ms / 1000) % 60} s`;
}

function TimeInState({ since, ahead }: { since: number | undefined; ahead: number }): JSX.Element {
  const [now, setNow] = useState(Date.now());
  const [opened] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  if (since === undefined) return <>at least {duration(now - opened)}</>;
  return <>{duration(now + ahead - since)}</>;
}

function contextOf(snapshot: string | undefined): string {
  if (snapshot === undefined) return "";
  try {
    const { context, output } = JSON.parse(snapshot);
    return JSON.stringify(output === undefined ? context : { context, output }, null, 2);
  } catch {
    return snapshot;
  }
}

/** What is known of the instance. */
export function Instance({ instance, steps, ahead, close }: Props): JSX.Element {
  const { key, state, since, snapshot } = instance;
  return (
    <section class="instance" aria-label="Open instance">
      <h2>
        <span class="key">{key}</span>
        <button type="button" class="plain" onClick={close} aria-label="Close the instance">
          ×
        </button>
      </h2>
      <dl>
        <dt>State</dt>
        <dd class="state">{state ?? "ended"}</dd>
        <dt>{state === undefined ? "Ended" : "For"}</dt>
        <dd>
          <TimeInState key={`${key} ${state} ${since}`} since={since} ahead={ahead} />
          {state === undefined ? " ago" : ""}
        </dd>
      </dl>
      <h3>Context</h3>
      {snapshot === undefined
        ? <p class="note">{state === undefined ? "It ended before it could be read." : "…"}</p>
        : <pre class="context" tabIndex={0}>{contextOf(snapshot)}</pre>}
      <h3>What it did</h3>
      {steps.length === 0
        ? <p class="note">Nothing since it was opened.</p>
        : <Records records={steps} ahead={ahead} />}
    </section>
  );
}
