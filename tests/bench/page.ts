/**
 * `page`: what a browser has to do to show the console and the inspector, with ten nodes and a
 * thousand live instances that step: the work of a frame, the time between two, and the first
 * paint. Chromium draws in software and without a window, beside everything else on the machine.
 *
 * A browser asks for every permission there is, so it is driven by a process of its own.
 */
import {
  atMost,
  type Bench,
  type BenchOptions,
  type Outcome,
  round,
  rounded,
  type Row,
  spread,
  Unavailable,
} from "./figures.ts";
import type { PageRound } from "./page_scenes.ts";

/** Exit code of the other process: there is no browser. */
export const NO_BROWSER = 3;
const SCENES = ["console", "inspector"];
const ROUNDS = 3;
const WANTED_FRAME_MS = 16, WANTED_PAINT_MS = 1000;

/** The bench. */
export const page: Bench = {
  summary: "frames of the console and the inspector in a real browser, and their first paint",
  run,
};

async function run({ rounds = ROUNDS, progress }: BenchOptions): Promise<Outcome> {
  const measured: PageRound[] = [];
  for (let i = 1; i <= rounds; i++) {
    for (const scene of SCENES) {
      const figures = await measure(scene);
      measured.push(figures);
      const ms = [figures.work.p95, figures.gap.p95, figures.firstPaint].map(round);
      progress(
        `round ${i} of ${rounds}, ${scene}: p95 ${ms[0]} ms of work a frame, ${ms[1]} ms between ` +
          `two, first paint after ${ms[2]} ms`,
      );
    }
  }
  const report: Record<string, unknown> = {};
  const rows = SCENES.flatMap((scene): Row[] => {
    const own = measured.filter((each) => each.scene === scene);
    const of = (figure: (each: PageRound) => number) => spread(own.map(figure));
    const p50 = of(({ work }) => work.p50), p95 = of(({ work }) => work.p95);
    const p99 = of(({ work }) => work.p99), gap = of(({ gap }) => gap.p95);
    const paint = of(({ firstPaint }) => firstPaint), idle = of(({ idle }) => idle.p95);
    report[scene] = {
      frame_work_ms: { p50: rounded(p50), p95: rounded(p95), p99: rounded(p99) },
      empty_page_work_p95_ms: rounded(idle),
      frame_gap_p95_ms: rounded(gap),
      first_paint_ms: rounded(paint),
      frames: own.reduce((sum, { frames }) => sum + frames, 0),
    };
    return [
      { name: `${scene}: work of a frame, p50`, value: p50, unit: "ms" },
      { name: "  p95", value: p95, unit: "ms", goal: atMost(p95.median, WANTED_FRAME_MS) },
      { name: "  p99", value: p99, unit: "ms" },
      { name: "  p95 of an empty page", value: idle, unit: "ms" },
      { name: "  between two frames, p95", value: gap, unit: "ms" },
      {
        name: "  first paint",
        value: paint,
        unit: "ms",
        goal: atMost(paint.median, WANTED_PAINT_MS),
      },
    ];
  });
  return { report, rows };
}

/** One scene in a browser of its own. */
async function measure(scene: string): Promise<PageRound> {
  const program = new URL("./page_scenes.ts", import.meta.url).href;
  const { code, stdout, stderr } = await new Deno.Command("deno", {
    args: ["run", "--no-check", "--conditions=development", "--allow-all", program, scene],
  }).output();
  if (code === NO_BROWSER) {
    throw new Unavailable("page needs a browser, and there is none: apt-get install chromium");
  }
  const text = new TextDecoder().decode(code === 0 ? stdout : stderr);
  if (code !== 0) throw new Error(`the ${scene} was not measured: ${text.trim()}`);
  return JSON.parse(text.trimEnd().split("\n").at(-1)!) as PageRound;
}
