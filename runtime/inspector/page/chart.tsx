/**
 * The statechart of a machine: drawn by the server, lit here. Classes are set on the drawing itself;
 * nothing of it is drawn anew when a state changes.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { InspectionRecord } from "../../inspection/records.ts";
import type { ShownChart, ShownInstance } from "../page_protocol.ts";

/** Of its own size. */
const LEAST_SCALE = 0.75;

interface Props {
  readonly chart: ShownChart;
  /** How many instances are in each state. */
  readonly census: Readonly<Record<string, number>>;
  readonly instance: ShownInstance | undefined;
  readonly steps: readonly InspectionRecord[];
}

/** `{ a: { b: "c" } }` as the paths `a`, `a.b` and `a.b.c`. */
function pathsOf(value: unknown, above = ""): string[] {
  if (typeof value === "string") return value === "" ? [] : [above + value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    above + name,
    ...pathsOf(inner, `${above}${name}.`),
  ]);
}

function activeOf(instance: ShownInstance | undefined): ReadonlySet<string> {
  if (instance?.snapshot === undefined || instance.state === undefined) return new Set();
  try {
    return new Set(pathsOf(JSON.parse(instance.snapshot).value));
  } catch {
    return new Set();
  }
}

/** States as text: `preparing.waiting`, or several with a bar between them. */
function counted(census: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [state, count] of Object.entries(census)) {
    for (const path of state.split("|")) counts.set(path, (counts.get(path) ?? 0) + count);
  }
  return counts;
}

/** The step that last took the instance somewhere. */
function lastMove(steps: readonly InspectionRecord[], machine: string) {
  const last = steps.findLast((it) => it.kind === "step" && it.machine === machine);
  return last?.kind === "step" ? last : undefined;
}

/** Scrolls the drawing, and nothing else, so that a state is seen. */
function reveal(frame: HTMLElement | null, state: SVGElement | undefined): void {
  if (frame === null || state === undefined) return;
  const outer = frame.getBoundingClientRect(), inner = state.getBoundingClientRect();
  const seen = inner.top >= outer.top && inner.bottom <= outer.bottom &&
    inner.left >= outer.left && inner.right <= outer.right;
  if (seen) return;
  frame.scrollTop += inner.top + inner.height / 2 - outer.top - outer.height / 2;
  frame.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
}

/** Whether one path is the other or part of it. */
function within(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}.`);
}

/** Puts the drawing into its frame: as a whole, or as large as it can be read. */
function useDrawing(
  frame: { readonly current: HTMLDivElement | null },
  drawing: string | undefined,
  whole: boolean,
): void {
  useLayoutEffect(() => {
    // The server has drawn it and escaped every text in it.
    if (frame.current !== null) frame.current.innerHTML = drawing ?? "";
  }, [drawing]);
  useLayoutEffect(() => {
    const svg = frame.current?.querySelector("svg");
    if (svg === null || svg === undefined) return;
    // Smaller than this it cannot be read: then it scrolls.
    svg.style.minWidth = whole ? "" : `${LEAST_SCALE * svg.viewBox.baseVal.width}px`;
    svg.style.maxHeight = whole ? "62vh" : "";
    const begin = svg.querySelector<SVGElement>(".state.active > .box, .start .dot");
    reveal(frame.current, begin ?? undefined);
  }, [drawing, whole]);
}

/** The chart. */
export function StateChart({ chart, census, instance, steps }: Props): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const [whole, setWhole] = useState(false);
  useDrawing(frame, chart.svg, whole);
  useEffect(() => {
    const active = activeOf(instance);
    let deepest: SVGElement | undefined;
    for (const state of frame.current?.querySelectorAll<SVGElement>("[data-state]") ?? []) {
      const lit = active.has(state.dataset["state"]!);
      if (state.classList.contains("active") !== lit) state.classList.toggle("active", lit);
      if (lit) deepest = state;
    }
    reveal(frame.current, deepest);
  }, [chart.svg, instance?.snapshot, instance?.state]);
  useEffect(() => {
    const counts = counted(census);
    for (const state of frame.current?.querySelectorAll<SVGElement>("[data-state]") ?? []) {
      const text = state.querySelector(":scope > .count")!;
      const count = counts.get(state.dataset["state"]!) ?? 0;
      const shown = count === 0 ? "" : String(count);
      if (text.textContent !== shown) text.textContent = shown;
    }
  }, [chart.svg, census]);
  const last = lastMove(steps, chart.machine);
  useEffect(() => {
    const { current } = frame;
    if (current === null) return;
    for (const lit of current.querySelectorAll(".last")) lit.classList.remove("last");
    if (last === undefined) return;
    for (const edge of current.querySelectorAll<SVGElement>("[data-from]")) {
      const { from = "", to = "" } = edge.dataset;
      if (!within(last.before, from) || !within(last.after, to)) continue;
      const labels = [...edge.querySelectorAll<SVGElement>("[data-event]")];
      const label = labels.find((it) => it.dataset["event"] === last.event);
      if (edge.classList.contains("edge-label") && label === undefined) continue;
      if (edge.classList.contains("edge-label")) label!.classList.add("last");
      edge.classList.add("last");
    }
  }, [chart.svg, last]);
  return (
    <figure class="statechart">
      {chart.problem !== undefined && <p class="note">No chart: {chart.problem}</p>}
      {chart.problem === undefined && (
        <button
          type="button"
          class="whole"
          aria-pressed={whole}
          title="The whole chart at once"
          onClick={() => setWhole(!whole)}
        >
          Whole chart
        </button>
      )}
      <div class="drawing" ref={frame} tabIndex={0} role="group" aria-label="Statechart" />
      {chart.anywhere.length > 0 && (
        <figcaption>In every state: {chart.anywhere.join(" · ")}</figcaption>
      )}
    </figure>
  );
}
