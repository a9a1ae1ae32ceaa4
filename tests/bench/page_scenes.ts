/**
 * What the `page` bench looks at, as a program: `page_scenes.ts SCENE` prints one {@link PageRound} as
 * JSON. Ends with {@link NO_BROWSER} where no browser is installed.
 */
import type { LogEntry, Sample } from "../../examples/telecom/console/protocol.ts";
import { ConsoleServer } from "../../examples/telecom/console/server.ts";
import { InspectorServer } from "../../runtime/inspector/server.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";
import { Browser, type Page } from "../browser/chromium.ts";
import { quantile } from "./figures.ts";
import { NO_BROWSER } from "./page.ts";

/** Times in ms. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** One round of one scene; times in ms. */
export interface PageRound {
  readonly scene: string;
  readonly frames: number;
  /** Handlers and timers of the page since the frame before, and the frame's own script, style, layout and paint. */
  readonly work: Percentiles;
  /** From one frame to the next. */
  readonly gap: Percentiles;
  /** From the beginning of the load to the first content. */
  readonly firstPaint: number;
  /** The work of a frame of a page that is empty, in the same browser, right after. */
  readonly idle: Percentiles;
}

/** Puts a page where it has the most to do; disposing ends what it looks at. */
type Scene = (browser: Browser) => Promise<{ readonly page: Page } & AsyncDisposable>;

const NODES = 10, INSTANCES = 1000, FRAMES = 600;
const MACHINES = new URL("../browser/inspector_roles.ts", import.meta.url).href;

/**
 * Times what the page does: its socket's and timers' handlers, then each frame from its first
 * callback until it has been painted, when a message to itself arrives.
 */
const METER = `(() => {
  let handlers = 0;
  const timed = (call) => function (...args) {
    const at = performance.now();
    try { return call.apply(this, args); } finally { handlers += performance.now() - at; }
  };
  for (const name of ["setTimeout", "setInterval"]) {
    const real = globalThis[name].bind(globalThis);
    globalThis[name] = (call, ...rest) => real(timed(call), ...rest);
  }
  const own = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
  Object.defineProperty(WebSocket.prototype, "onmessage", {
    ...own,
    set(call) { own.set.call(this, timed(call)); },
  });
  globalThis.measureFrames = (count) => new Promise((resolve) => {
    const work = [], gaps = [], channel = new MessageChannel();
    let last, at, before;
    channel.port1.onmessage = () => work.push(before + performance.now() - at);
    const frame = (now) => {
      if (gaps.length === count) return resolve({ work, gaps });
      requestAnimationFrame(frame);
      if (last !== undefined) gaps.push(now - last);
      last = now;
      before = handlers;
      handlers = 0;
      at = performance.now();
      channel.port2.postMessage(0);
    };
    requestAnimationFrame(frame);
  });
})()`;

/** Ten nodes with a thousand tickets, one of them open, and a log of everything. */
const inspector: Scene = async (browser) => {
  const names = Array.from({ length: NODES }, (_, i) => `node-${i + 1}`);
  const system = WorkerSystem.create({ nodes: names });
  const few = 10;
  const most = INSTANCES - few * (NODES - 1);
  await Promise.all(names.map((name, i) =>
    system.spawn({
      address: `${name}/tickets`,
      module: MACHINES,
      name: "tickets",
      config: { count: i === 0 ? most : few },
    })
  ));
  const server = new InspectorServer(system.inspection, { port: 0 });
  const page = await browser.open(server.url, {}, METER);
  await page.until(`document.querySelectorAll(".tree section").length === ${NODES + 1}`);
  for (const name of names) system.tell(`${name}/tickets`, "churn", { some: 5, everyMs: 20 });
  await page.evaluate(`[...document.querySelectorAll('[data-node="node-1"] button')]
    .find((each) => each.innerText.startsWith("ticket\\n")).click()`);
  await page.until(`document.querySelectorAll(".list button").length > 5`);
  await page.evaluate(`document.querySelector(".list button").click()`);
  await page.evaluate(`(() => {
    const level = document.querySelector(".log select");
    level.value = "all";
    level.dispatchEvent(new Event("change", { bubbles: true }));
  })()`);
  await page.until(`document.querySelectorAll(".instance .step").length > 1 &&
    document.querySelectorAll(".log .step").length > 100`);
  return {
    page,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await system[Symbol.asyncDispose]();
    },
  };
};

const TIERS = ["edge", "edge", "edge", "core", "core", "core", "core", "cloud", "cloud", "cloud"];
const LOG_EVERY_MS = 50;

/** A console that is full: five minutes of figures, all lines of the log, and new ones all the time. */
const operator: Scene = async (browser) => {
  const nodes = TIERS.map((tier, i) => ({ name: `${tier}-${i}`, tier, roles: [tier, "storage"] }));
  const names = nodes.map(({ name }) => name);
  const links = names.flatMap((from) =>
    names.filter((to) => to !== from).map((to) => ({ from, to, up: true, delayMs: 5, loss: 0 }))
  );
  let seconds = 0;
  const server = new ConsoleServer({
    topology: { profile: "bench", api: "", faults: true, behaviours: [], nodes },
    down: () => [],
    links: () => links,
    sample: () => Promise.resolve(sampleOf(names, seconds++)),
    check: () => Promise.resolve({ ok: true, operator: "bench" }),
    act: () => Promise.reject(new Error("nothing acts")),
    story: () => Promise.reject(new Error("nothing happens")),
    capture: () => Promise.resolve(0),
  }, { hostname: "127.0.0.1", port: 0 });
  for (let i = 0; i < 1000; i++) server.log(lineOf(names, i));
  let lines = 1000;
  const talk = setInterval(() => server.log(lineOf(names, lines++)), LOG_EVERY_MS);
  const page = await browser.open(`http://127.0.0.1:${server.port}/#token=any`, {}, METER);
  await page.until(`document.querySelectorAll(".map .node").length === ${NODES}`);
  await page.evaluate(`document.querySelector(".map .node").dispatchEvent(
    new MouseEvent("click", { bubbles: true }))`);
  await page.until("document.querySelectorAll('.details .role').length > 0");
  await page.until("document.querySelectorAll('.log li').length >= 200");
  return {
    page,
    async [Symbol.asyncDispose]() {
      clearInterval(talk);
      await server[Symbol.asyncDispose]();
    },
  };
};

/** A second of a busy cluster with a thousand transactions open. */
function sampleOf(names: readonly string[], second: number): Sample {
  const wave = (least: number, most: number, phase = 0) =>
    Math.round(least + (most - least) * (0.5 + 0.5 * Math.sin(second / 7 + phase)));
  const machines = { "preparing.asking": 40, holding: 20, "committing.telling": 40 };
  return {
    at: Date.now(),
    cluster: {
      requestsPerS: wave(3000, 4000),
      errorsPerS: 0,
      commitsPerS: wave(1000, 1400),
      abortsPerS: wave(1, 40),
      voting: wave(300, 600),
      committing: wave(200, 400),
      inDoubt: wave(100, 200),
      p50Ms: wave(20, 40),
      p99Ms: wave(80, 400),
      cpuPercent: wave(30, 90),
      memoryMb: wave(600, 700),
      memoryPercent: wave(8, 9),
      messagesPerS: wave(30_000, 40_000),
      waiting: wave(0, 200),
      deadLetters: 0,
      nodesUp: names.length,
    },
    nodes: names.map((name, i) => ({
      name,
      cpuPercent: wave(10, 60, i),
      heapMb: wave(30, 60, i),
      requestsPerS: wave(900, 1400, i),
      transactionsPerS: wave(200, 500, i),
      p50Ms: wave(20, 40, i),
      p99Ms: wave(80, 400, i),
      messagesPerS: wave(3000, 4000, i),
      lockWaiters: wave(0, 30, i),
      roles: ["monitor", "node", "coordinator", "participant"].map((role) => ({
        address: `${name}/${role}`,
        state: "serving",
        waiting: wave(0, 50, i),
        deadLetters: 0,
        cpuPercent: wave(2, 15, i),
        heapMb: wave(8, 15, i),
        machines,
        figures: { committed: second * 100, aborted: second, epoch: 5 },
      })),
    })),
    traffic: Object.fromEntries(
      names.flatMap((from, i) => names.map((to) => [`${from}>${to}`, wave(100, 900, i)])),
    ),
  };
}

function lineOf(names: readonly string[], n: number): LogEntry {
  const kind = (["info", "success", "warning", "failure"] as const)[n % 4]!;
  const who = `${names[n % names.length]}/coordinator`;
  const text = `Phase ${1 + n % 2}: PREPARE sent to ${names.join(", ")}`;
  return { at: Date.now(), kind, who, text, transaction: `${crypto.randomUUID()}:${n}` };
}

/** By name. */
export const SCENES: Readonly<Record<string, Scene>> = { console: operator, inspector };

function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99) };
}

async function measure(scene: string): Promise<PageRound> {
  await using browser = await Browser.launch();
  const staged = await SCENES[scene]!(browser);
  const { page } = staged;
  const { work, gaps } = await frames(page);
  const firstPaint = await page.evaluate<number>(
    "performance.getEntriesByName('first-contentful-paint')[0].startTime",
  );
  if (page.problems.length > 0) throw new Error(page.problems.join("; "));
  await staged[Symbol.asyncDispose]();
  const empty = await frames(await browser.open("data:text/html,<title>empty</title>", {}, METER));
  return {
    scene,
    frames: FRAMES,
    work: percentiles(work),
    gap: percentiles(gaps),
    firstPaint,
    idle: percentiles(empty.work),
  };
}

function frames(page: Page): Promise<{ readonly work: number[]; readonly gaps: number[] }> {
  return page.evaluate(`measureFrames(${FRAMES})`);
}

if (import.meta.main) {
  if (!Browser.installed) Deno.exit(NO_BROWSER);
  console.log(JSON.stringify(await measure(Deno.args[0]!)));
}
