/**
 * `mailbox`: the ways to make a mailbox, side by side, and the ways to wake who reads it. Bytes
 * only: no coding, no dispatch. The decision that rests on it is `docs/decisions/0001-mailbox.md`.
 */
import { Histogram, type HistogramData } from "../../runtime/histogram.ts";
import {
  type Bench,
  type BenchOptions,
  type Outcome,
  round,
  rounded,
  type Row,
  type Spread,
  spread,
} from "./figures.ts";
import { SENDERS } from "./mailbox_candidates/candidate.ts";
import { allocateBell, type Doorbell, DOORBELLS } from "./mailbox_candidates/doorbells.ts";
import { type CandidateName, CANDIDATES } from "./mailbox_candidates/candidates.ts";
import type { Box, Order } from "./mailbox_worker.ts";

const ROUNDS = 7;
const TELLS = 120_000;
const ASKS = 3000;
const SHIPPED_BELL: Doorbell = "spin, then waitAsync";
const NAMES = Object.keys(CANDIDATES) as CandidateName[];

/** The bench. */
export const mailbox: Bench = {
  summary: "mailbox candidates and doorbells, side by side",
  run,
};

interface Figures {
  readonly tellOne: number[];
  readonly tellThree: number[];
  readonly ask: HistogramData[];
}

async function run({ rounds = ROUNDS, progress }: BenchOptions): Promise<Outcome> {
  using teams = new Teams(await Promise.all(NAMES.map((name) => Team.start(name))));
  const found = new Map<string, Figures>();
  const bells = new Map<Doorbell, HistogramData[]>(DOORBELLS.map((bell) => [bell, []]));
  for (const name of NAMES) found.set(name, { tellOne: [], tellThree: [], ask: [] });
  for (let i = 0; i <= rounds; i++) {
    for (const team of teams.all) {
      const one = await team.tell(1), three = await team.tell(SENDERS);
      const ask = await team.ask(SHIPPED_BELL);
      if (i === 0) continue; // The compiler has its way first.
      const figures = found.get(team.name)!;
      figures.tellOne.push(one);
      figures.tellThree.push(three);
      figures.ask.push(ask);
    }
    for (const bell of DOORBELLS) {
      const ask = await teams.all[0]!.ask(bell);
      if (i > 0) bells.get(bell)!.push(ask);
    }
    if (i > 0) progress(`round ${i} of ${rounds}`);
  }
  return outcome(found, bells, rounds);
}

class Teams implements Disposable {
  constructor(readonly all: readonly Team[]) {}

  [Symbol.dispose](): void {
    for (const team of this.all) team.end();
  }
}

/** The workers of one candidate: a receiver and its senders. */
class Team {
  readonly #receiver = new End();
  readonly #senders = Array.from({ length: SENDERS }, () => new End());

  private constructor(readonly name: CandidateName) {}

  static async start(name: CandidateName): Promise<Team> {
    const team = new Team(name);
    const channels = Array.from({ length: SENDERS }, () => new MessageChannel());
    // What the receiver says goes back to the first sender only.
    const [there, back] = [box(name), box(name)];
    const receiving = channels.map(({ port1 }) => port1);
    await team.#receiver.order({
      kind: "init",
      candidate: name,
      inbox: { ...there, ports: receiving },
      outbox: { ...back, ports: receiving },
      index: 0,
    }, receiving);
    for (const [index, end] of team.#senders.entries()) {
      const { port2 } = channels[index]!;
      const inbox = { ...back, ports: [port2] }, outbox = { ...there, ports: [port2] };
      await end.order({ kind: "init", candidate: name, inbox, outbox, index }, [port2]);
    }
    return team;
  }

  /** Messages a second from some senders to the receiver. */
  async tell(senders: number): Promise<number> {
    const each = TELLS / senders, bell = SHIPPED_BELL;
    const since = performance.now();
    const received = this.#receiver.order({ kind: "receive", count: TELLS, bell });
    const sent = this.#senders.slice(0, senders).map((end) =>
      end.order({ kind: "send", count: each, bell })
    );
    await received;
    const perSecond = TELLS / (performance.now() - since) * 1000;
    await Promise.all(sent);
    return perSecond;
  }

  /** Round trips, one at a time. */
  async ask(bell: Doorbell): Promise<HistogramData> {
    const echoed = this.#receiver.order({ kind: "echo", count: ASKS, bell });
    const latency = await this.#senders[0]!.order({ kind: "ask", count: ASKS, bell });
    await echoed;
    return latency as HistogramData;
  }

  end(): void {
    for (const end of [this.#receiver, ...this.#senders]) end.worker.terminate();
  }
}

/** One worker. */
class End {
  readonly worker = new Worker(new URL("./mailbox_worker.ts", import.meta.url), { type: "module" });

  order(order: Order, transfer: Transferable[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => resolve(data);
      this.worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      this.worker.postMessage(order, transfer);
    });
  }
}

function box(name: CandidateName): Omit<Box, "ports"> {
  const memory = CANDIDATES[name]?.allocate() ?? new SharedArrayBuffer(8);
  return { memory, bell: allocateBell() };
}

/** Microseconds of the median round trip, from the merged histogram. */
function p50(rounds: readonly HistogramData[]): Spread {
  const merged = new Histogram();
  for (const data of rounds) merged.merge(data);
  const each = rounds.map((data) => new Histogram().merge(data).percentile(0.5) * 1000);
  return { ...spread(each), median: merged.percentile(0.5) * 1000 };
}

function outcome(
  found: ReadonlyMap<string, Figures>,
  bells: ReadonlyMap<Doorbell, readonly HistogramData[]>,
  rounds: number,
): Outcome {
  const rows: Row[] = [];
  const candidates: Record<string, unknown> = {}, doorbells: Record<string, unknown> = {};
  for (const [name, figures] of found) {
    const one = spread(figures.tellOne), three = spread(figures.tellThree);
    const trip = p50(figures.ask);
    rows.push({ name: `${name}: tell, 1 sender`, value: one, unit: "1/s" });
    rows.push({ name: `  tell, ${SENDERS} senders`, value: three, unit: "1/s" });
    rows.push({ name: "  round trip p50", value: trip, unit: "us" });
    candidates[name] = {
      tell_1_sender_per_s: rounded(one),
      tell_3_senders_per_s: rounded(three),
      round_trip_p50_us: rounded(trip),
    };
  }
  for (const [bell, data] of bells) {
    const trip = p50(data);
    rows.push({ name: `locked ring, ${bell}: round trip p50`, value: trip, unit: "us" });
    doorbells[bell] = { round_trip_p50_us: round(trip.median), spread: rounded(trip) };
  }
  return { report: { rounds, candidates, doorbells }, rows };
}
