/**
 * `edge`: `session.validate` answered from the edge's cache, over real HTTP with keep-alive, by
 * the gateways of a whole cluster; beside bare servers that send the same bytes, with as many
 * listening workers. The load shares the processor with all of them and may be what limits the
 * rate, so the CPU time that the servers spend on a request is compared as well.
 */
import { startCluster, type StartedCluster } from "../../examples/telecom/started_cluster.ts";
import { Histogram } from "../../runtime/histogram.ts";
import type { Bare } from "./edge_bare_worker.ts";
import type { HttpLoad, HttpMeasured } from "./edge_load_worker.ts";
import {
  atLeast,
  type Bench,
  type BenchOptions,
  type Outcome,
  round,
  rounded,
  type Row,
  spread,
  spreadOf,
} from "./figures.ts";
import { scratch } from "./mesh.ts";

const ROUNDS = 5;
const CONNECTIONS = 64;
const WARM_UP_MS = 1500; // Leases run out while the other side is measured: the caches fill again first.
const MEASURE_MS = 2000;
const SESSIONS = 64;
const WANTED_RATIO = 0.5;
const FIRST_MSISDN = 254_700_000_000;

/** The bench. */
export const edge: Bench = {
  summary: "session.validate from the edge's cache over HTTP, beside a bare server",
  run,
};

type Side = "edge" | "bare" | "unread";

async function run({ rounds = ROUNDS, progress }: BenchOptions): Promise<Outcome> {
  await using folder = await scratch();
  await using cluster = await startCluster({
    profile: "carrier",
    data: `${folder.path}/cluster`,
    http: { port: 0 },
    fast: true,
    log: (address, kind, text) => {
      if (kind === "failure") progress(`${address}: ${text}`);
    },
  });
  const listeners = cluster.profile.nodes.filter(({ roles }) => roles.includes("gateway")).length;
  progress(`the cluster serves, ${listeners} workers listen`);
  using workers = new Workers();
  const load = workers.start("./edge_load_worker.ts");
  const requests = await buildRequests(cluster);
  const ports: Record<Side, number> = {
    edge: Number(new URL(cluster.url!).port),
    bare: 0,
    unread: 0,
  };
  const measure = (side: Side, forMs = MEASURE_MS) =>
    ask<HttpMeasured>(
      load,
      {
        hostname: "127.0.0.1",
        port: ports[side],
        requests,
        connections: CONNECTIONS,
        warmUpMs: WARM_UP_MS,
        forMs,
      } satisfies HttpLoad,
    );
  const { sample } = await measure("edge", 1000); // Fills the caches.
  for (const side of ["bare", "unread"] as const) {
    const port = freePort();
    ports[side] = port;
    const bare: Bare = { hostname: "127.0.0.1", port, answer: sample, reads: side === "bare" };
    for (let i = 0; i < listeners; i++) await ask(workers.start("./edge_bare_worker.ts"), bare);
  }
  const before = await lookups(cluster);
  const found: Record<Side, HttpMeasured[]> = { edge: [], bare: [], unread: [] };
  for (let i = 1; i <= rounds; i++) {
    for (const side of ["edge", "bare", "unread"] as const) found[side].push(await measure(side));
    const [ours, theirs] = [found.edge, found.bare].map((all) => Math.round(all.at(-1)!.perSecond));
    progress(`round ${i} of ${rounds}: ${ours} requests/s, bare server ${theirs}/s`);
  }
  const after = await lookups(cluster);
  const misses = after.misses - before.misses;
  return outcome(found, misses / (after.hits - before.hits + misses), listeners);
}

/** Requests that name sessions which exist, with a token that is good. */
async function buildRequests(cluster: StartedCluster): Promise<Uint8Array[]> {
  const token = await cluster.token("operator");
  const encoder = new TextEncoder();
  return await Promise.all(Array.from({ length: SESSIONS }, async (_, i) => {
    const subscriber = String(FIRST_MSISDN + i);
    const { session } = await cluster.rpc("session.open", { subscriber });
    const params = { session };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "session.validate", params });
    return encoder.encode(
      `POST /rpc HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
        `authorization: Bearer ${token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  }));
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Hits and misses of all gateways. */
async function lookups(cluster: StartedCluster): Promise<{ hits: number; misses: number }> {
  const sum = { hits: 0, misses: 0 };
  for (const [address, stats] of Object.entries(await cluster.stats())) {
    if (!address.endsWith("/gateway")) continue;
    const { hits, misses } = stats as { hits: number; misses: number };
    sum.hits += hits;
    sum.misses += misses;
  }
  return sum;
}

class Workers implements Disposable {
  readonly #all: Worker[] = [];

  start(path: "./edge_load_worker.ts" | "./edge_bare_worker.ts"): Worker {
    const url = path === "./edge_load_worker.ts"
      ? new URL("./edge_load_worker.ts", import.meta.url)
      : new URL("./edge_bare_worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    this.#all.push(worker);
    return worker;
  }

  [Symbol.dispose](): void {
    for (const worker of this.#all) worker.terminate();
  }
}

function ask<T>(worker: Worker, message: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data as T);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    worker.postMessage(message);
  });
}

function percentile(rounds: readonly HttpMeasured[], p: number) {
  const merged = new Histogram();
  for (const { latency } of rounds) merged.merge(latency);
  const each = rounds.map(({ latency }) => new Histogram().merge(latency).percentile(p));
  return { ...spread(each), median: merged.percentile(p) };
}

function outcome(
  found: Readonly<Record<Side, readonly HttpMeasured[]>>,
  missed: number,
  listeners: number,
): Outcome {
  const perSecond = (side: Side) => spreadOf(found[side], (measured) => measured.perSecond);
  const [ours, bare, unread] = [perSecond("edge"), perSecond("bare"), perSecond("unread")];
  const ratio = spread(found.edge.map((r, i) => r.perSecond / found.bare[i]!.perSecond));
  const hungUp = (side: Side) => found[side].reduce((sum, measured) => sum + measured.hungUp, 0);
  const cost = (side: Side) => spreadOf(found[side], (measured) => measured.othersCpuUs);
  const [cpu, bareCpu] = [cost("edge"), cost("bare")];
  const cpuRatio = spread(found.edge.map((r, i) => found.bare[i]!.othersCpuUs / r.othersCpuUs));
  const loadCpu = spreadOf(found.bare, (measured) => measured.ownCpu);
  const [p50, p99] = [percentile(found.edge, 0.5), percentile(found.edge, 0.99)];
  const bare99 = percentile(found.bare, 0.99);
  const report = {
    req_per_s: round(ours.median),
    bare_server_req_per_s: round(bare.median),
    ratio: round(ratio.median),
    p99_ms: round(p99.median),
    p50_ms: round(p50.median),
    bare_server_p99_ms: round(bare99.median),
    cpu_us_per_req: round(cpu.median),
    bare_server_cpu_us_per_req: round(bareCpu.median),
    cpu_ratio: round(cpuRatio.median),
    load_cpu_cores_on_bare_server: round(loadCpu.median),
    bare_server_unread_req_per_s: round(unread.median),
    ratio_to_unread: round(ours.median / unread.median),
    cache_miss_share: missed,
    hung_up: { edge: hungUp("edge"), bare: hungUp("bare"), unread: hungUp("unread") },
    connections: CONNECTIONS,
    listening_workers: listeners,
    rounds: found.edge.length,
    spread: {
      req_per_s: rounded(ours),
      bare_server_req_per_s: rounded(bare),
      bare_server_unread_req_per_s: rounded(unread),
      ratio: rounded(ratio),
      cpu_ratio: rounded(cpuRatio),
      p99_ms: rounded(p99),
    },
  };
  const rows: Row[] = [
    { name: "session.validate, cache hit", value: ours, unit: "1/s" },
    { name: "bare server, reads the body", value: bare, unit: "1/s" },
    { name: "ratio", value: ratio, goal: atLeast(ratio.median, WANTED_RATIO) },
    { name: "server CPU a request", value: cpu, unit: "us" },
    { name: "bare server CPU a request", value: bareCpu, unit: "us" },
    { name: "ratio by CPU", value: cpuRatio, goal: atLeast(cpuRatio.median, WANTED_RATIO) },
    { name: "cores the load took, bare server", value: loadCpu },
    { name: "p50", value: p50, unit: "ms" },
    { name: "p99", value: p99, unit: "ms" },
    { name: "bare server p99", value: bare99, unit: "ms" },
    { name: "bare server, body left unread", value: unread, unit: "1/s" },
    { name: "  connections it hung up", value: `${hungUp("unread")}` },
    { name: "cache misses", value: `${(missed * 100).toFixed(3)} %` },
  ];
  return { report, rows };
}
