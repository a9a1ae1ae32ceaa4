/**
 * `start`: the `carrier` cluster from its command to the line `ready`, then what it takes when it
 * has nothing to do; beside a bare process with as many empty workers. Needs permission to run
 * `deno` and, because Deno itself may not look there, `cat` for the figures in `/proc`.
 */
import {
  atMost,
  type Bench,
  type BenchOptions,
  type Outcome,
  round,
  rounded,
  type Row,
  spreadOf,
} from "./figures.ts";

const ROUNDS = 3;
const SETTLE_MS = 2000;
const IDLE_MS = 10_000;
const TICKS_PER_S = 100;
const WANTED_READY_S = 5, WANTED_MB = 15, WANTED_CPU_PERCENT = 5;
const ROOT = new URL("../../", import.meta.url);

/** The bench. */
export const start: Bench = {
  summary: "the carrier cluster from command to ready, its memory and its idle processor time",
  run,
};

interface Measured {
  readonly readyS: number;
  readonly rssMb: number;
  readonly cpuPercent: number;
  /** The last line it printed. */
  readonly last: string;
}

interface Round {
  readonly cluster: Measured;
  readonly empty: Measured;
  /** A process without any workers. */
  readonly bare: Measured;
  readonly workers: number;
}

async function run({ rounds = ROUNDS, progress }: BenchOptions): Promise<Outcome> {
  for (const command of ["deno", "cat"]) {
    const { state } = await Deno.permissions.query({ name: "run", command });
    if (state !== "granted") throw new Error("it needs --allow-run=deno,cat");
  }
  const baseline = new URL("./start_baseline.ts", import.meta.url).href;
  const measured: Round[] = [];
  for (let i = 1; i <= rounds; i++) {
    const cluster = await measure(await clusterCommand(), IDLE_MS);
    const workers = workersOf(cluster.last);
    const empty = await measure(["run", "--allow-read", baseline, String(workers)], IDLE_MS);
    const bare = await measure(["run", "--allow-read", baseline, "0"], 1000);
    measured.push({ cluster, empty, bare, workers });
    const mb = Math.round(cluster.rssMb);
    progress(`round ${i} of ${rounds}: ready in ${cluster.readyS.toFixed(2)} s, ${mb} MB`);
  }
  return outcome(measured);
}

/** The command of the task `cluster`, with the permissions it has there. */
async function clusterCommand(): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const [deno, ...words] = (tasks.cluster.command as string).split(" ");
  if (deno !== "deno") throw new Error(`the task cluster runs ${deno}, not deno`);
  return [...words, "--load", "0", "--http", "127.0.0.1:0", "--report", "json"];
}

function workersOf(report: string): number {
  const { workers } = JSON.parse(report) as { workers?: number };
  if (typeof workers !== "number") throw new Error(`the cluster's report is odd: ${report}`);
  return workers;
}

/** Runs a command until it says `ready`, looks at it while it idles, and interrupts it. */
async function measure(args: readonly string[], idleMs: number): Promise<Measured> {
  const since = performance.now();
  const child = new Deno.Command("deno", {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = new Response(child.stdout).text();
  try {
    await ready(child.stderr);
    const readyS = (performance.now() - since) / 1000;
    await pause(SETTLE_MS);
    const before = await cpuMs(child.pid), from = performance.now();
    await pause(idleMs);
    const used = await cpuMs(child.pid) - before;
    const cpuPercent = used / (performance.now() - from) * 100;
    const rssMb = await residentMb(child.pid);
    child.kill("SIGINT");
    const last = (await stdout).trimEnd().split("\n").at(-1) ?? "";
    await child.status;
    return { readyS, rssMb, cpuPercent, last };
  } catch (error) {
    try {
      child.kill("SIGKILL");
    } catch {
      // It is gone already.
    }
    await child.status;
    throw error;
  }
}

/** Resolves at the line `ready`; goes on reading, so that the child is never held up. */
function ready(stderr: ReadableStream<Uint8Array>): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    stderr.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).pipeTo(
      new WritableStream({
        write(chunk) {
          text = (text + chunk).slice(-4096);
          if (/^ready\b/m.test(text)) resolve();
        },
        close: () => reject(new Error(`a process ended before it was ready: ${text}`)),
      }),
    ).catch(reject);
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function proc(pid: number, file: "stat" | "status"): Promise<string> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/${file}`] }).output();
  return new TextDecoder().decode(stdout);
}

/** User and system time so far. */
async function cpuMs(pid: number): Promise<number> {
  const text = await proc(pid, "stat");
  // The name in parentheses may hold anything; fields 14 and 15 are the 12th and 13th behind it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S * 1000;
}

async function residentMb(pid: number): Promise<number> {
  const kib = /^VmRSS:\s*(\d+) kB/m.exec(await proc(pid, "status"))?.[1];
  return Number(kib) * 1024 / 1e6;
}

function outcome(measured: readonly Round[]): Outcome {
  const readyS = spreadOf(measured, ({ cluster }) => cluster.readyS);
  const emptyReadyS = spreadOf(measured, ({ empty }) => empty.readyS);
  // All of the process is charged to its workers.
  const mb = spreadOf(measured, ({ cluster, workers }) => cluster.rssMb / workers);
  const emptyMb = spreadOf(measured, ({ empty, workers }) => empty.rssMb / workers);
  const ownMb = spreadOf(measured, (r) => (r.cluster.rssMb - r.bare.rssMb) / r.workers);
  const cpu = spreadOf(measured, ({ cluster }) => cluster.cpuPercent);
  const emptyCpu = spreadOf(measured, ({ empty }) => empty.cpuPercent);
  const { workers } = measured[0]!;
  const report = {
    ready_s: round(readyS.median),
    rss_mb_per_worker: round(mb.median),
    idle_cpu_percent: round(cpu.median),
    workers,
    rss_mb_per_worker_without_process: round(ownMb.median),
    empty_workers_ready_s: round(emptyReadyS.median),
    empty_workers_rss_mb_per_worker: round(emptyMb.median),
    empty_workers_idle_cpu_percent: round(emptyCpu.median),
    rounds: measured.length,
    spread: {
      ready_s: rounded(readyS),
      rss_mb_per_worker: rounded(mb),
      idle_cpu_percent: rounded(cpu),
    },
  };
  const rows: Row[] = [
    { name: "ready", value: readyS, unit: "s", goal: atMost(readyS.median, WANTED_READY_S) },
    { name: `${workers} empty workers ready`, value: emptyReadyS, unit: "s" },
    {
      name: "resident memory a worker, process included",
      value: mb,
      unit: "MB",
      goal: atMost(mb.median, WANTED_MB),
    },
    { name: "  process not included", value: ownMb, unit: "MB" },
    { name: "  an empty worker, process included", value: emptyMb, unit: "MB" },
    {
      name: "idle processor time",
      value: cpu,
      unit: "% of a core",
      goal: atMost(cpu.median, WANTED_CPU_PERCENT),
    },
    { name: "  empty workers", value: emptyCpu, unit: "% of a core" },
  ];
  return { report, rows };
}
