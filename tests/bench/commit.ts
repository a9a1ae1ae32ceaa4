/**
 * `commit`: durable two-phase commits a second through the shipped coordinator and participants,
 * four workers with a store each, everything forced. The baseline is what SQLite alone does when
 * it commits one row at a time to the same disk; with `--vs postgres` also what PostgreSQL makes of
 * the same transaction, in turns with ours.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Histogram } from "../../runtime/histogram.ts";
import { measureContended } from "./commit_contended.ts";
import { growth } from "./commit_growth.ts";
import { CONNECTIONS, findPostgres, PostgresPeer } from "./commit_postgres.ts";
import { type Measured, SHARDS } from "./commit_roles.ts";
import { CommitSystem } from "./commit_system.ts";
import {
  atLeast,
  atMost,
  type Bench,
  type BenchOptions,
  type Outcome,
  round,
  rounded,
  type Row,
  type Spread,
  spread,
  Unavailable,
} from "./figures.ts";
import { scratch } from "./mesh.ts";

const ROUNDS = 5;
const WARM_UP_MS = 2000;
const MEASURE_MS = 3000;
const RAW_MS = 1000;
const WANTED_PER_S = 15_000;
/** For each of {@link IN_FLIGHT}. */
const WANTED_P99_MS = [50, 150] as const;
const WANTED_RATIO = 10;
const IN_FLIGHT = [256, 1000] as const;

/** The bench. */
export const commit: Bench = {
  summary: "durable two-phase commits, 3 participants, journals forced, 256 and 1000 in flight",
  peers: ["postgres"],
  grows: true,
  run,
};

async function run(options: BenchOptions): Promise<Outcome> {
  const { rounds = ROUNDS, progress } = options;
  await using folder = await scratch();
  if (options.growth) return await growth(folder.path, progress);
  await using stack = new AsyncDisposableStack();
  const peer = options.vs === undefined ? undefined : await Peer.start(folder.path);
  if (peer !== undefined) stack.use(peer);
  const system = stack.use(
    await CommitSystem.start(folder.path, { coordinators: 1, participants: SHARDS }),
  );
  using raw = new RawCommits(`${folder.path}/raw.sqlite`);
  const measured = IN_FLIGHT.map((): Measured[] => []);
  const rawPerS: number[] = [];
  for (let i = 1; i <= rounds; i++) {
    for (const [at, inFlight] of IN_FLIGHT.entries()) {
      const load = { inFlight, warmUpMs: WARM_UP_MS, forMs: MEASURE_MS };
      const result = await system.load({ pattern: "debits", ...load });
      measured[at]!.push(result);
      const perS = Math.round(perSecond(result));
      progress(`round ${i} of ${rounds}: ${perS} transactions/s with ${inFlight} in flight`);
    }
    rawPerS.push(raw.perSecond(RAW_MS));
    await peer?.measure((text) => progress(`round ${i} of ${rounds}: ${text}`));
  }
  const debited = await system.counted("committed") * SHARDS;
  const contended = await measureContended(system, progress);
  await system.settle(debited); // Transfers move money and take none away.
  const ours = outcome(measured, rawPerS);
  const theirs = await peer?.outcome(ours.report["txn_per_s"] as number);
  return {
    report: { ...ours.report, contended: contended.report, ...theirs?.report },
    rows: [...ours.rows, ...contended.rows, ...theirs?.rows ?? []],
  };
}

/** PostgreSQL beside ours. */
class Peer implements AsyncDisposable {
  readonly #perS = CONNECTIONS.map((): number[] => []);

  private constructor(private readonly server: PostgresPeer, private readonly version: string) {}

  static async start(folder: string): Promise<Peer> {
    const found = await findPostgres();
    if ("missing" in found) throw new Unavailable(found.missing);
    await Deno.chmod(folder, 0o755); // It may run as another user.
    return new Peer(await PostgresPeer.start(`${folder}/postgres`), found.version);
  }

  async measure(progress: (text: string) => void): Promise<void> {
    for (const [at, connections] of CONNECTIONS.entries()) {
      const perS = await this.server.perSecond(connections, WARM_UP_MS / 2, MEASURE_MS);
      this.#perS[at]!.push(perS);
      progress(`PostgreSQL: ${Math.round(perS)} transactions/s over ${connections} connections`);
    }
  }

  async outcome(ours: number): Promise<Outcome> {
    await this.server.verify();
    const all = this.#perS.map(spread);
    const best = all.reduce((a, b) => b.median > a.median ? b : a);
    const connections = CONNECTIONS[all.indexOf(best)];
    const ratio = ours / best.median;
    const exact = (value: number): Spread => ({ median: value, min: value, max: value });
    return {
      report: {
        peer: `PostgreSQL ${this.version}`,
        peer_txn_per_s: round(best.median),
        peer_connections: connections,
        peer_aborted: this.server.aborted,
        ratio: round(ratio),
        peer_by_connections: Object.fromEntries(all.map((it, i) => [CONNECTIONS[i], rounded(it)])),
      },
      rows: [
        ...all.map((value, i): Row => ({
          name: `PostgreSQL ${this.version}, ${CONNECTIONS[i]} connections to each`,
          value,
          unit: "1/s",
        })),
        {
          name: "ratio, 256 in flight to its best",
          value: exact(ratio),
          goal: atLeast(ratio, WANTED_RATIO),
        },
      ],
    };
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.server[Symbol.asyncDispose]();
  }
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
      { name: "  p99", value: p99, unit: "ms", goal: atMost(p99.median, WANTED_P99_MS[at]!) },
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
