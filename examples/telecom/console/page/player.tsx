/**
 * Scrubbing through a trace.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { openTrace, type Replay, TRACE_LIMIT } from "./replay.ts";
import { amountOf } from "./words.ts";

const FRAME_MS = 50;
const SPEEDS = [0.01, 0.1, 1, 10];

/** The bar with which one moves through a trace. */
export function Player({ replay, instant, setInstant, close }: {
  readonly replay: Replay;
  readonly instant: number;
  readonly setInstant: (instant: number) => void;
  readonly close: () => void;
}): JSX.Element {
  const { events, end, unit, title, violation } = replay;
  const steps = unit === "steps";
  const { plays, setPlays, speed, setSpeed } = usePlaying(replay, instant, setInstant);
  const next = events.find(({ t }) => t > instant)?.t ?? end;
  const before = events.findLast(({ t }) => t < instant)?.t ?? 0;
  const now = events.findLast(({ t }) => t <= instant);
  return (
    <section class="panel player" aria-label="Replay">
      <header>
        <h2>Replay: {title}</h2>
        <button type="button" class="quiet" onClick={close}>Back to the cluster</button>
      </header>
      <div class="row">
        <button type="button" class="primary" onClick={() => setPlays(!plays)}>
          {plays ? "Pause" : "Play"}
        </button>
        <button type="button" aria-label="One event back" onClick={() => setInstant(before)}>
          ◂
        </button>
        <button type="button" aria-label="One event on" onClick={() => setInstant(next)}>▸</button>
        {!steps && (
          <select
            aria-label="Speed"
            value={speed}
            onChange={(event) => setSpeed(Number(event.currentTarget.value))}
          >
            {SPEEDS.map((each) => <option key={each} value={each}>{each}×</option>)}
          </select>
        )}
        <input
          type="range"
          aria-label="Instant"
          aria-valuetext={`${amountOf(instant)} of ${amountOf(end)} ${unit}`}
          min={0}
          max={end}
          step="any"
          value={instant}
          onInput={(event) => setInstant(Number(event.currentTarget.value))}
        />
        <output>{amountOf(instant)} of {amountOf(end)} {unit}</output>
      </div>
      <p class="muted now">
        {now === undefined
          ? "Nothing has happened yet."
          : `${now.n}: ${now.type} from ${now.from} to ${now.to}, ` +
            `${now.state_before || "–"} → ${now.state_after || "–"}`}
      </p>
      {violation !== undefined && (
        <p class={instant >= end ? "outcome failure" : "outcome warning"}>
          {instant >= end ? "Broken: " : "Leads to: "}
          {violation}
        </p>
      )}
    </section>
  );
}

/** Moves on by itself while it plays. */
function usePlaying(
  { end, unit }: Replay,
  instant: number,
  setInstant: (instant: number) => void,
) {
  const steps = unit === "steps";
  const [plays, setPlays] = useState(false);
  const [speed, setSpeed] = useState(1);
  useEffect(() => {
    if (!plays) return;
    // A path of a checker has no time: two steps a second.
    const stride = steps ? FRAME_MS / 500 : FRAME_MS * speed;
    const timer = setTimeout(() => {
      setInstant(Math.min(end, instant + stride));
      if (instant + stride >= end) setPlays(false);
    }, FRAME_MS);
    return () => clearTimeout(timer);
  }, [plays, instant, speed]);
  return { plays, setPlays, speed, setSpeed };
}

/** Opens a file. */
export function TraceButton({ opened }: {
  readonly opened: (replay: Replay | undefined, problem: string | undefined) => void;
}): JSX.Element {
  const read = async (input: HTMLInputElement) => {
    const file = input.files?.[0];
    input.value = "";
    if (file === undefined) return;
    try {
      if (file.size > TRACE_LIMIT) throw new Error(`Cannot read ${file.name}: it is over 200 MB`);
      opened(openTrace(await file.text()), undefined);
    } catch (error) {
      opened(undefined, `${file.name}: ${(error as Error).message}`);
    }
  };
  return (
    <label class="file">
      Open a trace…
      <input
        type="file"
        accept=".ndjson,.jsonl,.json,.txt"
        onChange={(event) => void read(event.currentTarget)}
      />
    </label>
  );
}
