/**
 * `commit`: durable two-phase commits a second through the shipped coordinator and participants,
 * four workers with a store each, everything forced. The baseline is what SQLite alone does when
 * it commits one row at a time to the same disk.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Histogram } from "../../runtime/histogram.ts";
import { storedRows } from "../../runtime/worker/sqlite_rows.ts";
import type { WorkerSystem } from "../../runtime/worker/system.ts";
import { ACCOUNTS, BALANCE, type Load, type Measured, SHARDS } from "./commit_roles.ts";
import {
  atLeast,
  type Bench,
  type BenchOptions,
  type Outcome,
  round,
  rounded,
  type Row,
  spread,
} from "./figures.ts";
import { mesh, scratch } from "./mesh.ts";

const ROUNDS = 5;
const WARM_UP_MS = 2000;
const MEASURE_MS = 3000;
const RAW_MS = 1000;
const WANTED_PER_S = 5000;
const IN_FLIGHT = [256, 1000] as const;
const COORDINATOR = "core-1/coordinator";
const CLIENT = "edge-1/client";
const PARTICIPANTS = Array.from({ length: SHARDS }, (_, i) => `cloud-${i + 1}/participant`);
const PATIENCE_MS = 60_000;

/** The bench. */
export const commit: Bench = {
  summary: "durable two-phase commits, 3 participants, journals forced, 256 and 1000 in flight",
  run,
};

async function run({ rounds = ROUNDS, progress }: BenchOptions): Promise<Outcome> {
  await using folder = await scratch();
  await using system = mesh(["core-1", "cloud-1", "cloud-2", "cloud-3", "edge-1"]);
  await start(system, folder.path);
  using raw = new RawCommits(`${folder.path}/raw.sqlite`);
  const measured = IN_FLIGHT.map((): Measured[] => []);
  const rawPerS: number[] = [];
  for (let i = 1; i <= rounds; i++) {
    for (const [at, inFlight] of IN_FLIGHT.entries()) {
      const load: Load = { inFlight, warmUpMs: WARM_UP_MS, forMs: MEASURE_MS };
      const result = await system.ask(CLIENT, "load", load, PATIENCE_MS) as Measured;
      measured[at]!.push(result);
      const perS = Math.round(perSecond(result));
      progress(`round ${i} of ${rounds}: ${perS} transactions/s with ${inFlight} in flight`);
    }
    rawPerS.push(raw.perSecond(RAW_MS));
  }
  const total = await committed(system);
  const moneyMissing = balances(folder.path) + total * SHARDS - SHARDS * ACCOUNTS * BALANCE;
  if (moneyMissing !== 0) throw new Error(`The stores are off by ${moneyMissing}`);
  return outcome(measured, rawPerS);
}

/** Starts the four durable roles and the client. */
async function start(system: WorkerSystem, folder: string): Promise<void> {
  const actors = new URL("../../actors/", import.meta.url);
  const own = new URL("./commit_roles.ts", import.meta.url).href;
  const times = { leaseMs: 5000, driftPpm: 200 };
  await Promise.all(PARTICIPANTS.map((address, shard) =>
    system.spawn({
      address,
      module: own,
      name: "participant",
      store: `${folder}/participant-${shard}.sqlite`,
      config: {
        shards: [shard],
        coordinators: [COORDINATOR],
        edges: [],
        lockTimeoutMs: 1000,
        inquireMs: 1000,
        storeSince: 1,
        ...times,
      },
    })
  ));
  await system.spawn({
    address: COORDINATOR,
    module: new URL("coordinator.ts", actors).href,
    name: "coordinatorRole",
    store: `${folder}/coordinator.sqlite`,
    config: {
      participantOf: PARTICIPANTS,
      voteTimeoutMs: 5000,
      resendMs: 500,
      maxConcurrentTransactions: 4096,
      maxRetries: 5,
      ...times,
    },
  });
  const config = { coordinator: COORDINATOR, stores: [COORDINATOR, ...PARTICIPANTS] };
  await system.spawn({ address: CLIENT, module: own, name: "client", config });
}

/** Lets everything finish and says how many transactions committed in all. */
async function committed(system: WorkerSystem): Promise<number> {
  for (const role of [COORDINATOR, ...PARTICIPANTS]) {
    await system.ask(role, "$drain", null, PATIENCE_MS);
  }
  const stats = await system.ask(COORDINATOR, "$stats") as { committed: number };
  return stats.committed;
}

/** What is left on all accounts, as it stands on the disk. */
function balances(folder: string): number {
  let sum = 0;
  for (let shard = 0; shard < SHARDS; shard++) {
    for (const [key, value] of storedRows(`${folder}/participant-${shard}.sqlite`)) {
      if (key.includes("/account/")) sum += value as number;
    }
  }
  return sum;
}

/** The baseline: one row, one forced commit, and again. */
class RawCommits implements Disposable {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #body = new Uint8Array(100);

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(body BLOB)");
    this.#insert = this.#db.prepare("INSERT INTO t VALUES (?)");
  }

  perSecond(ms: number): number {
    const since = performance.now();
    let commits = 0;
    for (; performance.now() - since < ms; commits++) this.#insert.run(this.#body);
    return commits / (performance.now() - since) * 1000;
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

function perSecond({ committed, ms }: Measured): number {
  return committed / ms * 1000;
}

/** Percentiles come from the merged histogram of all rounds; their spread from each round's own. */
function figures(rounds: readonly Measured[]) {
  const each = rounds.map(({ latency }) => new Histogram().merge(latency));
  const all = new Histogram();
  for (const { latency } of rounds) all.merge(latency);
  const percentile = (p: number) => ({
    ...spread(each.map((histogram) => histogram.percentile(p))),
    median: all.percentile(p),
  });
  const sum = (name: "committed" | "aborted" | "failed") =>
    rounds.reduce((total, measured) => total + measured[name], 0);
  return {
    txn: spread(rounds.map(perSecond)),
    p50: percentile(0.5),
    p99: percentile(0.99),
    fsync: spread(rounds.map(({ storeCommits, ms }) => storeCommits / ms * 1000)),
    counts: { committed: sum("committed"), aborted: sum("aborted"), failed: sum("failed") },
  };
}

function reported({ txn, p50, p99, fsync, counts }: ReturnType<typeof figures>) {
  return {
    txn_per_s: round(txn.median),
    p50_ms: round(p50.median),
    p99_ms: round(p99.median),
    fsync_per_s: round(fsync.median),
    ...counts,
    spread: {
      txn_per_s: rounded(txn),
      p50_ms: rounded(p50),
      p99_ms: rounded(p99),
      fsync_per_s: rounded(fsync),
    },
  };
}

function outcome(measured: readonly (readonly Measured[])[], rawPerS: readonly number[]): Outcome {
  const raw = spread(rawPerS);
  const [few, many] = measured.map(figures) as [
    ReturnType<typeof figures>,
    ReturnType<typeof figures>,
  ];
  const rows = IN_FLIGHT.flatMap((inFlight, at): Row[] => {
    const { txn, p50, p99, fsync, counts } = at === 0 ? few : many;
    const goal = at === 0 ? { goal: atLeast(txn.median, WANTED_PER_S) } : {};
    return [
      { name: `${inFlight} in flight: transactions`, value: txn, unit: "1/s", ...goal },
      { name: "  p50", value: p50, unit: "ms" },
      { name: "  p99", value: p99, unit: "ms" },
      { name: "  forced commits, 4 stores", value: fsync, unit: "1/s" },
      { name: "  aborted, failed", value: `${counts.aborted}, ${counts.failed}` },
    ];
  });
  rows.push({ name: "raw SQLite, a row a commit", value: raw, unit: "1/s" });
  const report = {
    ...reported(few),
    in_flight: IN_FLIGHT[0],
    raw_sqlite_commits_per_s: round(raw.median),
    raw_sqlite_spread: rounded(raw),
    rounds: rawPerS.length,
    [`in_flight_${IN_FLIGHT[1]}`]: reported(many),
  };
  return { report, rows };
}
