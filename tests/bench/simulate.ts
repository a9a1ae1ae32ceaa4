/**
 * `simulate`: how much faster than life the simulator plays the whole `carrier` cluster at its
 * default load, with every invariant checked after every step. Beside it the same cluster with
 * nothing to do.
 */
import {
  createTraffic,
  nextArrivalMs,
  type TrafficRequest,
} from "../../examples/telecom/traffic.ts";
import { Coverage } from "../simulation/coverage.ts";
import { allInvariants, type InvariantDefinition } from "../simulation/invariant.ts";
import { Recorder } from "../simulation/recorder.ts";
import { draw } from "../simulation/run.ts";
import type { Scenario } from "../simulation/scenario.ts";
import { Stage, stageKeys } from "../simulation/stage.ts";
import {
  atLeast,
  type Bench,
  type BenchOptions,
  type Outcome,
  round,
  rounded,
  type Row,
  spreadOf,
} from "./figures.ts";

const ROUNDS = 5;
const PER_S = 200;
const SUBSCRIBERS = 10_000;
const WARM_UP_MS = 5000;
const MEASURE_MS = 30_000;
const SEED = 1;
const ANSWER_MS = 6000;
const WANTED_RATIO = 100, WANTED_EVENTS_PER_S = 50_000;

/** The bench. */
export const simulate: Bench = {
  summary: "virtual time over wall time: the carrier cluster at 200 requests/s, invariants checked",
  run,
};

/** The cluster as it ships, and no fault. */
const carrier: Scenario = {
  name: "carrier",
  summary: "the carrier cluster at its default load",
  faults: { maybe: [] },
  cast: () => ({ profile: "carrier", subscribers: SUBSCRIBERS, safetyMs: MEASURE_MS }),
};

interface Measured {
  readonly virtualS: number;
  readonly wallS: number;
  /** Processor time of the process: what others do on the machine counts less in it. */
  readonly cpuS: number;
  readonly events: number;
  readonly requests: number;
  readonly hash: string;
}

interface Round {
  readonly loaded: Measured;
  readonly idle: Measured;
}

type Shared = Awaited<ReturnType<typeof stageKeys>> & {
  readonly coverage: Coverage;
  readonly definitions: readonly InvariantDefinition[];
};

async function run({ rounds = ROUNDS, progress }: BenchOptions): Promise<Outcome> {
  const coverage = new Coverage();
  const shared = { ...await stageKeys(), coverage, definitions: await allInvariants() };
  const measured: Round[] = [];
  for (let i = 1; i <= rounds; i++) {
    const loaded = await play(shared, PER_S);
    const idle = await play(shared, 0);
    measured.push({ loaded, idle });
    if (loaded.hash !== measured[0]!.loaded.hash) throw new Error("one seed went two ways");
    progress(
      `round ${i} of ${rounds}: ${ratioOf(loaded).toFixed(1)}x, idle ${ratioOf(idle).toFixed(0)}x`,
    );
  }
  return outcome(measured);
}

/** Plays one seed and measures it after it has warmed up. */
async function play(shared: Shared, perSecond: number): Promise<Measured> {
  await using stage = Stage.set({
    ...shared,
    ...draw(carrier, SEED),
    scenario: carrier,
    seed: SEED,
    replaced: new Map(),
    recorder: (now) => new Recorder(now, undefined),
  });
  await stage.start();
  const clients = new Subscribers(stage, perSecond);
  const { system } = stage;
  clients.begin(system.now + WARM_UP_MS + MEASURE_MS);
  await system.advance(WARM_UP_MS);
  const events = system.scheduler.taken, made = clients.made, since = performance.now();
  const cpu = process.cpuUsage();
  await system.advance(MEASURE_MS);
  const wallS = (performance.now() - since) / 1000;
  const { user, system: inKernel } = process.cpuUsage(cpu);
  const measured = {
    virtualS: MEASURE_MS / 1000,
    wallS,
    cpuS: (user + inKernel) / 1_000_000,
    events: system.scheduler.taken - events,
    requests: clients.made - made,
    hash: stage.recorder.digest,
  };
  await system.advance(ANSWER_MS);
  stage.hub.invariants.finish();
  const [violation] = stage.hub.violations;
  if (violation !== undefined) throw new Error(`${violation.invariant}: ${violation.message}`);
  if (clients.open + clients.failed > 0) {
    throw new Error(`${clients.failed} requests failed, ${clients.open} have no answer`);
  }
  return measured;
}

/** The shipped traffic model in virtual time; all requests are the operator's. */
class Subscribers {
  made = 0;
  open = 0;
  failed = 0;
  readonly #random: () => number;
  readonly #traffic;
  readonly #gateways: readonly string[];

  constructor(private readonly stage: Stage, private readonly perSecond: number) {
    this.#random = stage.random("traffic");
    this.#traffic = createTraffic({
      random: this.#random,
      subscribers: SUBSCRIBERS,
      keyPrefix: "k",
    });
    this.#gateways = stage.addresses.filter((address) => address.endsWith("/gateway"));
  }

  /** Requests come as a Poisson process, until an instant. */
  begin(until: number): void {
    if (this.perSecond === 0) return;
    const { scheduler } = this.stage.system;
    const next = (): void => {
      const at = scheduler.now() + nextArrivalMs(this.#random, this.perSecond);
      if (at >= until) return;
      scheduler.at(at, () => {
        void this.#request(this.#traffic.nextOperation());
        next();
      });
    };
    next();
  }

  async #request({ method, params, subscriber }: TrafficRequest): Promise<void> {
    const { stage } = this;
    const edge = this.#gateways[subscriber % this.#gateways.length]!;
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.made, method, params });
    const message = { body, authorization: `Bearer ${stage.parts.operator}` };
    this.open++;
    const sentAt = stage.system.now;
    try {
      const text = await stage.system.ask(edge, "request", message, ANSWER_MS);
      const { result } = JSON.parse(text as string) as { result?: Record<string, unknown> };
      if (result !== undefined) {
        stage.hub.invariants.acknowledged(
          { method, params, sentAt, begunAt: sentAt, edge },
          result,
        );
        if (method === "session.open") {
          this.#traffic.setSession(subscriber, String(result["session"]));
        }
      }
      if (method === "number.port") this.#traffic.setSession(subscriber, undefined);
    } catch {
      this.failed++;
    } finally {
      this.open--;
    }
  }
}

function ratioOf({ virtualS, wallS }: Measured): number {
  return virtualS / wallS;
}

function outcome(measured: readonly Round[]): Outcome {
  const ratio = spreadOf(measured, ({ loaded }) => ratioOf(loaded));
  const idle = spreadOf(measured, ({ idle }) => ratioOf(idle));
  const eventsPerS = spreadOf(measured, ({ loaded }) => loaded.events / loaded.wallS);
  const wallS = spreadOf(measured, ({ loaded }) => loaded.wallS);
  const overCpu = spreadOf(measured, ({ loaded }) => loaded.virtualS / loaded.cpuS);
  const goal = atLeast(ratio.median, WANTED_RATIO);
  const { loaded, idle: quiet } = measured[0]!;
  const report = {
    virtual_s: loaded.virtualS,
    wall_s: round(wallS.median),
    ratio: round(ratio.median),
    target: WANTED_RATIO,
    met: goal.met,
    cpu_ratio: round(overCpu.median),
    events: loaded.events,
    requests: loaded.requests,
    events_per_s: Math.round(eventsPerS.median),
    idle_ratio: round(idle.median),
    idle_events: quiet.events,
    trace_hash: loaded.hash,
    rounds: measured.length,
    spread: { ratio: rounded(ratio), wall_s: rounded(wallS), idle_ratio: rounded(idle) },
  };
  const rows: Row[] = [
    { name: `virtual over wall time, ${PER_S} requests/s`, value: ratio, unit: "x", goal },
    { name: "  over processor time", value: overCpu, unit: "x" },
    { name: "  with nothing to do", value: idle, unit: "x" },
    {
      name: "events",
      value: eventsPerS,
      unit: "/s",
      goal: atLeast(eventsPerS.median, WANTED_EVENTS_PER_S),
    },
    { name: "events a virtual second", value: `${Math.round(loaded.events / loaded.virtualS)}` },
    { name: "  with nothing to do", value: `${Math.round(quiet.events / quiet.virtualS)}` },
  ];
  return { report, rows };
}
