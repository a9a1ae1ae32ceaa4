/**
 * A chart as SVG: by classes alone in a page, whose style sheet colours it, or complete with
 * colours, for a file.
 *
 * @module
 */
import {
  clip,
  FONT,
  type PlacedChart,
  type PlacedEdge,
  type PlacedState,
  type Point,
} from "./layout.ts";

const LINE = 15;

/** Colours of a picture that stands alone, light and dark. */
const STYLE = `
.chart { font-family: ui-monospace, "DejaVu Sans Mono", monospace; background: #fff; }
.box { fill: #f7f9fc; stroke: #5b6b82; } .part .box { fill: #eef2f8; }
.name { fill: #17202e; font-weight: 600; } .line, .label { fill: #44516a; }
.label-box { fill: none; } .way { fill: none; stroke: #5b6b82; } .dot { fill: #5b6b82; }
@media (prefers-color-scheme: dark) {
.chart { background: #10151d; } .box { fill: #1a222e; stroke: #8fa0b8; } .part .box { fill: #151c26; }
.name { fill: #eef3fa; } .line, .label { fill: #b5c2d6; }
.way { stroke: #8fa0b8; } .dot { fill: #8fa0b8; } }
`;

/** Escapes text for XML. */
export function escape(text: string): string {
  return text.replace(/[&<>"]/g, (it) => `&#${it.charCodeAt(0)};`);
}

const round = (value: number) => Math.round(value * 10) / 10;

/**
 * Draws a chart. States have `data-state`, arrows `data-from` and `data-to`, labels `data-event`.
 *
 * @param alone with colours of its own
 */
export function chartSvg(chart: PlacedChart, alone = false): string {
  const { id, width, height } = chart;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" role="img" aria-label="Statechart of ${escape(id)}">`,
    ...(alone ? [`<style>${STYLE}</style>`] : []),
    `<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" ` +
    `markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z" fill="context-stroke"/></marker></defs>`,
    ...chart.states.map(box),
    ...chart.starts.map(({ dot, points }) =>
      `<g class="start"><circle class="dot" cx="${round(dot.x + 6)}" cy="${round(dot.y + 6)}" ` +
      `r="5"/>${way(points)}</g>`
    ),
    ...chart.edges.map((edge) => arrow(edge)),
    ...chart.edges.map((edge) => labels(edge)),
    "</svg>",
  ];
  return parts.join("\n") + "\n";
}

function box(state: PlacedState): string {
  const { box: { x, y, width, height }, name, lines, path, type } = state;
  const kind = type === "compound" || type === "parallel" ? "part" : type;
  const rect = (inset: number) =>
    `<rect class="box" x="${round(x + inset)}" y="${round(y + inset)}" ` +
    `width="${round(width - 2 * inset)}" height="${round(height - 2 * inset)}" ` +
    `rx="${8 - inset}"${type === "parallel" ? ' stroke-dasharray="6 3"' : ""}/>`;
  return `<g class="state ${kind}" data-state="${escape(path)}">` +
    rect(0) + (type === "final" ? rect(3) : "") +
    `<text class="name" x="${round(x + 12)}" y="${round(y + 18)}" font-size="${FONT.state}">` +
    `${escape(clip(name))}</text>` +
    lines.map((line, i) =>
      `<text class="line" x="${round(x + 12)}" y="${round(y + 34 + i * LINE)}" ` +
      `font-size="${FONT.line}">${escape(clip(line))}</text>`
    ).join("") +
    `<text class="count" x="${round(x + width - 8)}" y="${round(y + 18)}" text-anchor="end" ` +
    `font-size="${FONT.state}"></text></g>`;
}

function way(points: readonly Point[]): string {
  const d = points.map(({ x, y }, i) => `${i === 0 ? "M" : "L"}${round(x)} ${round(y)}`).join("");
  return `<path class="way" d="${d}" marker-end="url(#head)"/>`;
}

function arrow({ from, to, points }: PlacedEdge): string {
  const ends = `data-from="${escape(from)}" data-to="${escape(to)}"`;
  return `<g class="edge" ${ends}>${way(points)}</g>`;
}

function labels({ from, to, labels, label }: PlacedEdge): string {
  if (label === undefined) return "";
  const { x, y, width, height } = label;
  const ends = `data-from="${escape(from)}" data-to="${escape(to)}"`;
  return `<g class="edge-label" ${ends}><rect class="label-box" x="${round(x)}" y="${round(y)}" ` +
    `width="${round(width)}" height="${round(height)}" rx="3"/>` +
    labels.map(({ text, event }, i) =>
      `<text class="label" data-event="${escape(event)}" x="${round(x + 4)}" ` +
      `y="${round(y + 11 + i * LINE)}" font-size="${FONT.label}">${escape(clip(text))}</text>`
    ).join("") + "</g>";
}
