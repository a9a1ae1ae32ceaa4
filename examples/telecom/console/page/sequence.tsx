/**
 * A transaction as a sequence diagram: its messages, the states they led to, and what each role had
 * on disk when.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Story, StoryStep } from "../protocol.ts";
import { type Drawn, rowsOf } from "./rows.ts";

const ROW = 24, HEAD = 44, GUTTER = 74;
/** Width of a lane: what the window gives it, within reason. */
const WIDEST_LANE = 150, NARROWEST_LANE = 96;

/** Shows a story over the page, until it is closed. */
export function StoryDialog({ story, problem, close }: {
  readonly story: Story | undefined;
  readonly problem: string | undefined;
  readonly close: () => void;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={close} aria-label="Sequence diagram">
      <header>
        <h2>Transaction</h2>
        <button type="button" class="quiet" onClick={close}>Close</button>
      </header>
      {story === undefined && problem === undefined && <p class="empty">Asking for it…</p>}
      {problem !== undefined && <p class="outcome failure" role="alert">{problem}</p>}
      {story !== undefined && (
        <p class="muted">
          <code>{story.transaction}</code>
        </p>
      )}
      {story !== undefined && <Sequence story={story} />}
      {story !== undefined && (
        <ul class="legend">
          <li>
            <i class="disk pending" aria-hidden="true" /> written, not on disk yet
          </li>
          <li>
            <i class="disk" aria-hidden="true" /> on disk from here on
          </li>
          <li>times in ms since the first</li>
        </ul>
      )}
    </dialog>
  );
}

/** The diagram. */
export function Sequence({ story }: { readonly story: Story }): JSX.Element {
  const { lanes, steps } = story;
  const { rows, count } = rowsOf(steps);
  const room = Math.floor((innerWidth - GUTTER - 60) / lanes.length);
  const lane = Math.max(NARROWEST_LANE, Math.min(WIDEST_LANE, room));
  const x = (name: string) => GUTTER + lane * (lanes.indexOf(name) + 0.5);
  const y = (row: number) => HEAD + ROW * (row + 0.75);
  const width = GUTTER + lane * lanes.length, height = HEAD + ROW * (count + 1);
  const times = new Map<number, number>();
  for (const { step, row, endRow } of rows) {
    times.set(row, Math.min(times.get(row) ?? step.at, step.at));
    const end = step.what === "message" ? step.arrived : step.what === "record" && step.durable;
    if (endRow !== undefined && typeof end === "number") times.set(endRow, end);
  }
  // Where there is no room for all lanes, one begins with who speaks first.
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const [first] = steps;
    if (first === undefined || frame.current === null) return;
    const who = first.what === "message" ? first.from : first.who;
    frame.current.scrollLeft = x(who) - GUTTER - lane / 2;
  }, [story]);
  return (
    <div class="scroll" tabindex={0} role="region" aria-label="Diagram" ref={frame}>
      <svg
        class="sequence"
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={describe(steps)}
      >
        {lanes.map((name) => {
          const [node = "", role = ""] = name.split("/");
          return (
            <g key={name}>
              <text class="lane-name" x={x(name)} y={16}>{node}</text>
              <text class="lane-role" x={x(name)} y={31}>{role}</text>
              <line class="lifeline" x1={x(name)} x2={x(name)} y1={HEAD - 6} y2={height} />
            </g>
          );
        })}
        {[...times].map(([row, at]) => (
          <text key={row} class="at" x={GUTTER - 12} y={y(row) + 4}>{at.toFixed(1)}</text>
        ))}
        {rows.map((drawn, index) => <Step key={index} drawn={drawn} x={x} y={y} end={height} />)}
      </svg>
    </div>
  );
}

interface StepProps {
  readonly drawn: Drawn;
  readonly x: (lane: string) => number;
  readonly y: (row: number) => number;
  readonly end: number;
}

function Step({ drawn: { step, row, endRow }, x, y, end }: StepProps): JSX.Element {
  switch (step.what) {
    case "message":
      return (
        <Arrow
          x1={x(step.from)}
          y1={y(row)}
          x2={x(step.to)}
          y2={y(endRow ?? row)}
          name={step.type}
          lost={step.lost === true || endRow === undefined}
        />
      );
    case "state":
      return (
        <text class="state" x={x(step.who) + 8} y={y(row) + 4}>
          <title>{`${step.event}: ${step.before} to ${step.after}`}</title>
          {step.after}
        </text>
      );
    case "record":
      return <Disk x={x(step.who)} y={y(row)} to={endRow} step={step} at={y} end={end} />;
  }
}

function Arrow({ x1, y1, x2, y2, name, lost }: {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  readonly name: string;
  readonly lost: boolean;
}): JSX.Element {
  const way = x2 >= x1 ? 1 : -1;
  // A message that nobody got ends on its way.
  const tip = lost ? x1 + (x2 - x1) * 0.6 : x2 - 2 * way;
  const tipY = lost ? y1 + (y2 - y1) * 0.6 : y2;
  const near = x1 + way * 14;
  return (
    <g class={lost ? "arrow lost" : "arrow"}>
      <line x1={x1} y1={y1} x2={tip} y2={tipY} />
      {lost
        ? <path d={`M${tip - 5} ${tipY - 5}l10 10m0 -10l-10 10`} />
        : <path d={`M${tip - 7 * way} ${tipY - 4}L${tip} ${tipY}L${tip - 7 * way} ${tipY + 4}`} />}
      <text x={near} y={y1 - 4} text-anchor={way > 0 ? "start" : "end"}>{name}</text>
    </g>
  );
}

/** A record: hollow while it is only written, full from when it is on disk. */
function Disk({ x, y, to, step, at, end }: {
  readonly x: number;
  readonly y: number;
  readonly to: number | undefined;
  readonly step: Extract<StoryStep, { what: "record" }>;
  readonly at: (row: number) => number;
  readonly end: number;
}): JSX.Element {
  const stop = to === undefined ? end : at(to);
  return (
    <g class="record">
      <line class="pending" x1={x} x2={x} y1={y} y2={stop} />
      <Cylinder x={x} y={y} full={false} />
      <text x={x - 12} y={y + 4} class="record-name">{step.type}</text>
      {to !== undefined && <line class="durable" x1={x} x2={x} y1={stop} y2={end} />}
      {to !== undefined && <Cylinder x={x} y={stop} full />}
      {to !== undefined && (
        <text x={x - 12} y={stop + 4} class="record-name kept">{step.type} on disk</text>
      )}
    </g>
  );
}

function Cylinder({ x, y, full }: { x: number; y: number; full: boolean }): JSX.Element {
  return (
    <g class={full ? "cylinder full" : "cylinder"} transform={`translate(${x} ${y})`}>
      <path d="M-6 -4v8a6 2.6 0 0 0 12 0v-8" />
      <ellipse cy={-4} rx={6} ry={2.6} />
    </g>
  );
}

/** The same in words, for those who do not see it. */
function describe(steps: readonly StoryStep[]): string {
  return steps.map((step) => {
    if (step.what === "message") {
      return `${step.from} sends ${step.type} to ${step.to}${step.lost ? ", which is lost" : ""}`;
    }
    if (step.what === "state") return `${step.who} is ${step.after}`;
    const when = step.durable === undefined
      ? "not on disk"
      : `on disk at ${step.durable.toFixed(1)} ms`;
    return `${step.who} writes ${step.type}, ${when}`;
  }).join(". ");
}
