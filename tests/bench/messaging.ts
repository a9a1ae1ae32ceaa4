/**
 * `messaging`: a protocol message between two workers through the shipped host and transport,
 * coded, checked and handled; beside `postMessage` of the same object between two bare workers.
 */
import { encode } from "../../runtime/codec.ts";
import { Histogram, type HistogramData } from "../../runtime/histogram.ts";
import type { WorkerSystem } from "../../runtime/worker/system.ts";
import {
  atLeast,
  atMost,
  type Bench,
  type BenchOptions,
  type Outcome,
  round,
  rounded,
  spread,
  spreadOf,
} from "./figures.ts";
import { mesh } from "./mesh.ts";
import { vote } from "./messaging_message.ts";
import type { Flood } from "./messaging_roles.ts";
import type { ToEnd } from "./messaging_worker.ts";

const ROUNDS = 7;
const TELLS = 300_000;
const PLAIN_TELLS = 60_000;
const ASKS = 5000;
const SENDER = "a/sender", RECEIVER = "b/receiver";
const PATIENCE_MS = 60_000;
const WANTED_PER_S = 400_000;
const WANTED_RATIO = 5;

/** The bench. */
export const messaging: Bench = {
  summary: "tell and ask between two workers, beside postMessage",
  run,
};

interface Round {
  readonly tell: number;
  readonly plainTell: number;
  readonly ask: HistogramData;
  readonly plainAsk: HistogramData;
}

async function run({ rounds = ROUNDS, progress }: BenchOptions): Promise<Outcome> {
  await using system = mesh(["a", "b"]);
  const module = new URL("./messaging_roles.ts", import.meta.url).href;
  await system.spawn({ address: RECEIVER, module, name: "receiver", config: null });
  await system.spawn({ address: SENDER, module, name: "sender", config: { to: RECEIVER } });
  using plain = await Plain.start();
  await measure(system, plain, 0.2); // Lets the compiler have its way first.
  const measured: Round[] = [];
  for (let i = 1; i <= rounds; i++) {
    const result = await measure(system, plain, 1);
    measured.push(result);
    const [tell, plainTell] = [result.tell, result.plainTell].map(Math.round);
    progress(`round ${i} of ${rounds}: ${tell} tells/s, postMessage ${plainTell}/s`);
  }
  return outcome(measured);
}

async function measure(system: WorkerSystem, plain: Plain, share: number): Promise<Round> {
  const work = (type: string, count: number) =>
    system.ask(SENDER, type, { count: count * share }, PATIENCE_MS);
  const { perSecond } = await work("flood", TELLS) as Flood;
  const plainTell = await plain.work("flood", PLAIN_TELLS * share) as number;
  const ask = await work("askInTurn", ASKS) as HistogramData;
  const plainAsk = await plain.work("askInTurn", ASKS * share) as HistogramData;
  return { tell: perSecond, plainTell, ask, plainAsk };
}

/** Two bare workers with a channel between them. */
class Plain implements Disposable {
  private constructor(private readonly ends: readonly [Worker, Worker]) {}

  static async start(): Promise<Plain> {
    const url = new URL("./messaging_worker.ts", import.meta.url);
    const make = () => new Worker(url, { type: "module" });
    const plain = new Plain([make(), make()]);
    const { port1, port2 } = new MessageChannel();
    await plain.#say(0, { kind: "port", port: port1 }, [port1]);
    await plain.#say(1, { kind: "port", port: port2 }, [port2]);
    return plain;
  }

  #say(end: 0 | 1, message: ToEnd, transfer: Transferable[] = []): Promise<unknown> {
    const worker = this.ends[end];
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(message, transfer);
    });
  }

  work(kind: "flood" | "askInTurn", count: number): Promise<unknown> {
    return this.#say(0, { kind, count });
  }

  [Symbol.dispose](): void {
    for (const worker of this.ends) worker.terminate();
  }
}

/** Microseconds; from the merged histogram of all rounds, with the spread of each round's own. */
function micros(rounds: readonly HistogramData[], p: number) {
  const merged = new Histogram();
  for (const data of rounds) merged.merge(data);
  const each = rounds.map((data) => new Histogram().merge(data).percentile(p) * 1000);
  return { ...spread(each), median: merged.percentile(p) * 1000 };
}

function outcome(measured: readonly Round[]): Outcome {
  const tell = spreadOf(measured, (r) => r.tell);
  const plainTell = spreadOf(measured, (r) => r.plainTell);
  // Round by round: what disturbed one side most likely disturbed the other.
  const ratio = spreadOf(measured, (r) => r.tell / r.plainTell);
  const asks = measured.map((r) => r.ask), plainAsks = measured.map((r) => r.plainAsk);
  const [p50, p99] = [micros(asks, 0.5), micros(asks, 0.99)];
  const [plain50, plain99] = [micros(plainAsks, 0.5), micros(plainAsks, 0.99)];
  const bytes = encode(vote(123_456)).length;
  const report = {
    tell_per_s: round(tell.median),
    ask_p50_us: round(p50.median),
    ask_p99_us: round(p99.median),
    postmessage_tell_per_s: round(plainTell.median),
    ratio: round(ratio.median),
    postmessage_round_trip_p50_us: round(plain50.median),
    postmessage_round_trip_p99_us: round(plain99.median),
    message_bytes: bytes,
    rounds: measured.length,
    spread: {
      tell_per_s: rounded(tell),
      postmessage_tell_per_s: rounded(plainTell),
      ratio: rounded(ratio),
      ask_p50_us: rounded(p50),
      postmessage_round_trip_p50_us: rounded(plain50),
    },
  };
  return {
    report,
    rows: [
      {
        name: `tell, ${bytes} bytes`,
        value: tell,
        unit: "1/s",
        goal: atLeast(tell.median, WANTED_PER_S),
      },
      { name: "postMessage", value: plainTell, unit: "1/s" },
      { name: "ratio", value: ratio, goal: atLeast(ratio.median, WANTED_RATIO) },
      {
        name: "ask p50",
        value: p50,
        unit: "us",
        goal: atMost(p50.median, plain50.median, "<= postMessage"),
      },
      { name: "postMessage round trip p50", value: plain50, unit: "us" },
      { name: "ask p99", value: p99, unit: "us" },
      { name: "postMessage round trip p99", value: plain99, unit: "us" },
    ],
  };
}
