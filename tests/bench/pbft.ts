/**
 * `pbft`: what it costs to bear liars. Replicas with their journals forced, beside the same state
 * machine on one actor that keeps nothing and signs nothing: client and server apart, on links with
 * the delay that the carrier profile has within its core, and on links without delay.
 */
import { builtInProfiles } from "../../examples/telecom/mod.ts";
import { Histogram } from "../../runtime/histogram.ts";
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
  spreadOf,
} from "./figures.ts";
import { scratch } from "./mesh.ts";
import type { Measured } from "./pbft_roles.ts";
import { PbftSystem } from "./pbft_system.ts";

const ROUNDS = 3;
const SIZES = [4, 7, 10, 13] as const;
const CALLERS = 64;
/** Clients with a key each, beside one that signs for all callers. */
const KEYS = 8;
const WARM_UP_MS = 700;
const MEASURE_MS = 2000;
/** When the primary falls silent, and how long is looked on. */
const SILENT_AFTER_MS = 500, LOOK_ON_MS = 5000;
const WANTED = { perS: 10_000, ratio: 0.25, latency: 4, read: 2, pause: 2 };

/** The bench. */
export const pbft: Bench = {
  summary: "replicas that bear liars beside one server: latency, throughput, view change, growth",
  run,
};

/** What one round measures of a system. */
interface Figures {
  readonly perS: number;
  readonly p50: number;
  readonly readP50: number;
  readonly messagesPerOp: number;
  readonly singlePerS: number;
  readonly singleP50: number;
}

/** Of the links within the core of the carrier profile. */
function coreDelayMs(): number {
  const carrier = builtInProfiles.find(({ name }) => name === "carrier")!;
  return carrier.links.find(({ from, to }) => from === "core" && to === "core")!.delayMs;
}

async function run({ rounds = ROUNDS, progress }: BenchOptions): Promise<Outcome> {
  await using folder = await scratch();
  const delays = [coreDelayMs(), 0];
  const measured = new Map<string, Figures[]>();
  for (const replicas of SIZES) {
    for (const delayMs of delays) {
      const path = `${folder.path}/${replicas}-${delayMs}`;
      await using system = await PbftSystem.start(path, { replicas, delayMs, clients: 1 });
      const all: Figures[] = [];
      // Growth is looked at once.
      for (let i = 0; i < (replicas === SIZES[0] ? rounds : 1); i++) {
        const figures = await measure(system);
        all.push(figures);
        progress(`n = ${replicas}, ${delayMs} ms: ${told(figures)}`);
      }
      await system.verify();
      measured.set(`${replicas} ${delayMs}`, all);
    }
  }
  const keys = await ownKeys(`${folder.path}/keys`, rounds);
  progress(`${KEYS} keys, 0 ms: ${round(keys.median)} operations/s`);
  const pause = await viewChange(`${folder.path}/silent`, delays[0]!, rounds);
  progress(`a silent primary: ${round(pause.median)} ms until the next request is executed`);
  return outcome(measured, delays[0]!, keys, pause);
}

const LOAD = { readOnly: false, warmUpMs: WARM_UP_MS, forMs: MEASURE_MS } as const;

async function measure(system: PbftSystem): Promise<Figures> {
  const single = await system.load("unreplicated", { ...LOAD, callers: 1 });
  const singles = await system.load("unreplicated", { ...LOAD, callers: CALLERS });
  const one = await system.load("group", { ...LOAD, callers: 1 });
  const read = await system.load("group", { ...LOAD, callers: 1, readOnly: true });
  const before = await system.sent();
  const many = await system.load("group", { ...LOAD, callers: CALLERS });
  const sent = await system.sent() - before;
  return {
    perS: perSecond(many),
    p50: p50(one),
    readP50: p50(read),
    messagesPerOp: sent / many.answeredInAll,
    singlePerS: perSecond(singles),
    singleP50: p50(single),
  };
}

/** Throughput when the callers sign with keys of their own: what is asked together is less. */
async function ownKeys(folder: string, rounds: number): Promise<Spread> {
  await using system = await PbftSystem.start(folder, { replicas: 4, delayMs: 0, clients: KEYS });
  const perS: number[] = [];
  for (let i = 0; i < rounds; i++) {
    perS.push(perSecond(await system.load("group", { ...LOAD, callers: CALLERS })));
  }
  await system.verify();
  return spread(perS);
}

/** The longest time without an answer when the primary says nothing any more. */
async function viewChange(folder: string, delayMs: number, rounds: number): Promise<Spread> {
  const pauses: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const size = { replicas: 4, delayMs, clients: 1 };
    await using system = await PbftSystem.start(`${folder}-${i}`, size);
    const load = { ...LOAD, callers: 1, forMs: LOOK_ON_MS };
    const [{ pauseMs }] = await Promise.all([
      system.load("group", load),
      system.silenceAfter(WARM_UP_MS + SILENT_AFTER_MS),
    ]);
    await system.verify();
    pauses.push(pauseMs);
  }
  return spread(pauses);
}

function perSecond({ answered, ms, failed }: Measured): number {
  if (failed > 0) throw new Error(`${failed} operations were not answered`);
  return answered / ms * 1000;
}

function p50(measured: Measured): number {
  perSecond(measured);
  return new Histogram().merge(measured.latency).percentile(0.5);
}

function told({ perS, p50, readP50, singlePerS, singleP50 }: Figures): string {
  return `${round(perS)} operations/s of ${round(singlePerS)}, p50 ${round(p50)} ms, ` +
    `read ${round(readP50)} ms, of ${round(singleP50)} ms`;
}

/** One size and delay, as it is reported. */
function summary(rounds: readonly Figures[]) {
  const of = (figure: (it: Figures) => number) => spreadOf(rounds, figure);
  const spreads = {
    perS: of(({ perS }) => perS),
    p50: of(({ p50 }) => p50),
    readP50: of(({ readP50 }) => readP50),
    messages: of(({ messagesPerOp }) => messagesPerOp),
    singlePerS: of(({ singlePerS }) => singlePerS),
    singleP50: of(({ singleP50 }) => singleP50),
    ratio: of(({ perS, singlePerS }) => perS / singlePerS),
    latency: of(({ p50, singleP50 }) => p50 / singleP50),
    readLatency: of(({ readP50, singleP50 }) => readP50 / singleP50),
  };
  const report = {
    ops_per_s: round(spreads.perS.median),
    p50_ms: round(spreads.p50.median),
    unreplicated_ops_per_s: round(spreads.singlePerS.median),
    unreplicated_p50_ms: round(spreads.singleP50.median),
    read_p50_ms: round(spreads.readP50.median),
    throughput_ratio: round(spreads.ratio.median),
    latency_ratio: round(spreads.latency.median),
    read_latency_ratio: round(spreads.readLatency.median),
    messages_per_op: round(spreads.messages.median),
  };
  return { ...spreads, report };
}

function outcome(
  measured: ReadonlyMap<string, readonly Figures[]>,
  delayMs: number,
  keys: Spread,
  pause: Spread,
): Outcome {
  const of = (replicas: number, delay: number) => summary(measured.get(`${replicas} ${delay}`)!);
  const [n] = SIZES;
  const linked = of(n, delayMs), direct = of(n, 0);
  const twice = 2 * PbftSystem.viewTimeoutMs;
  const table = SIZES.map((n) => {
    return { n, ...of(n, delayMs).report, zero_delay: of(n, 0).report };
  });
  const rows: Row[] = [
    ...rowsOf(`n = ${n}, links of ${delayMs} ms`, linked, true),
    ...rowsOf(`n = ${n}, links without delay`, direct, false),
    { name: `  operations, ${KEYS} clients' keys`, value: keys, unit: "1/s" },
    {
      name: "a silent primary: until the next is executed",
      value: pause,
      unit: "ms",
      goal: atMost(pause.median, twice, `<= ${twice}, twice the view timeout`),
    },
    ...table.map(({ n, ops_per_s, messages_per_op, p50_ms, zero_delay }): Row => ({
      name: `n = ${n}: operations, messages each, p50`,
      value: `${ops_per_s}, ${messages_per_op}, ${p50_ms} ms; ` +
        `without delay ${zero_delay.ops_per_s}, ${zero_delay.messages_per_op}, ${zero_delay.p50_ms} ms`,
    })),
  ];
  const report = {
    n,
    ...linked.report,
    view_change_pause_ms: round(pause.median),
    view_timeout_ms: PbftSystem.viewTimeoutMs,
    link_delay_ms: delayMs,
    clients: CALLERS,
    zero_delay: { ...direct.report, [`ops_per_s_${KEYS}_keys`]: round(keys.median) },
    spread: {
      ops_per_s: rounded(linked.perS),
      zero_delay_ops_per_s: rounded(direct.perS),
      view_change_pause_ms: rounded(pause),
    },
    table,
  };
  return { report, rows };
}

function rowsOf(title: string, it: ReturnType<typeof summary>, isLinked: boolean): Row[] {
  // One server without delay answers in the time that one signature takes: no goal is made of that.
  const goal = (made: Row["goal"]) => isLinked && made !== undefined ? { goal: made } : {};
  return [
    {
      name: `${title}: operations, ${CALLERS} clients`,
      value: it.perS,
      unit: "1/s",
      ...(isLinked ? {} : { goal: atLeast(it.perS.median, WANTED.perS) }),
    },
    { name: "  one server", value: it.singlePerS, unit: "1/s" },
    { name: "  ratio", value: it.ratio, ...goal(atLeast(it.ratio.median, WANTED.ratio)) },
    { name: "  messages an operation", value: it.messages },
    { name: "  p50, one client", value: it.p50, unit: "ms" },
    { name: "  p50, one client that reads", value: it.readP50, unit: "ms" },
    { name: "  p50, one server", value: it.singleP50, unit: "ms" },
    {
      name: "  ratio of p50",
      value: it.latency,
      ...goal(atMost(it.latency.median, WANTED.latency)),
    },
    {
      name: "  ratio of p50, reading",
      value: it.readLatency,
      ...goal(atMost(it.readLatency.median, WANTED.read)),
    },
  ];
}
