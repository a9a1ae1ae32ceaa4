/**
 * A line chart in SVG: its colours are the page's, it needs no canvas and no library, and three
 * hundred points once a second cost nothing.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { amountOf } from "./words.ts";

/** One line of a chart. */
export interface Series {
  readonly name: string;
  /** Names the colour: one of the classes `s-...` of the style sheet. */
  readonly tone: "a" | "b" | "c";
  /** One for each instant; undefined where there is none. */
  readonly values: readonly (number | undefined)[];
}

/** What a chart shows. */
export interface ChartProps {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
  /** What an instant is called, such as the time of day. */
  readonly instants: readonly string[];
  /** The scale reaches at least this far. */
  readonly least?: number;
}

const WIDTH = 300, HEIGHT = 84;

/** Draws it; the value under the pointer, or else the latest, is written above. */
export function Chart({ title, unit, series, instants, least = 1 }: ChartProps): JSX.Element {
  const [at, setAt] = useState<number | undefined>(undefined);
  const count = instants.length;
  const shown = at === undefined || at >= count ? count - 1 : at;
  const top = niceTop(Math.max(least, ...series.flatMap(({ values }) => values.map(zero))));
  const x = (index: number) => count < 2 ? WIDTH : index / (count - 1) * WIDTH;
  const y = (value: number) => HEIGHT - value / top * (HEIGHT - 2) - 1;
  const point = (event: JSX.TargetedPointerEvent<SVGSVGElement>) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    setAt(Math.round(Math.min(1, Math.max(0, (event.clientX - left) / width)) * (count - 1)));
  };
  const reading = series.map(({ name, values }) => `${name} ${amountOf(values[shown], unit)}`);
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="chart-at">{at === undefined ? "" : instants[shown]}</span>
      </figcaption>
      <div class="chart-values">
        {series.map(({ name, tone, values }) => (
          <span key={name} class={`chart-value s-${tone}`}>
            <i aria-hidden="true" /> {name} <b>{amountOf(values[shown], unit)}</b>
          </span>
        ))}
      </div>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}: ${reading.join(", ")}`}
        onPointerMove={point}
        onPointerLeave={() => setAt(undefined)}
      >
        <line class="grid" x1={0} x2={WIDTH} y1={y(top)} y2={y(top)} />
        <line class="grid" x1={0} x2={WIDTH} y1={y(top / 2)} y2={y(top / 2)} />
        <line class="axis" x1={0} x2={WIDTH} y1={HEIGHT - 1} y2={HEIGHT - 1} />
        {series.map(({ name, tone, values }) => (
          <path key={name} class={`line s-${tone}`} d={pathOf(values, x, y)} />
        ))}
        {at !== undefined && <line class="cursor" x1={x(shown)} x2={x(shown)} y1={0} y2={HEIGHT} />}
      </svg>
      <span class="chart-top" aria-hidden="true">{amountOf(top, unit)}</span>
    </figure>
  );
}

function zero(value: number | undefined): number {
  return value ?? 0;
}

/** Gaps stay gaps: what was not measured is not drawn. */
function pathOf(
  values: readonly (number | undefined)[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  let path = "", pen = "M";
  values.forEach((value, index) => {
    if (value === undefined) {
      pen = "M";
      return;
    }
    path += `${pen}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    // A point of its own is still seen.
    if (pen === "M") path += "h0.1";
    pen = "L";
  });
  return path;
}

/** The next of 1, 2, 5 times a power of ten. */
function niceTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((each) => each * power >= value) ?? 10;
  return step * power;
}
