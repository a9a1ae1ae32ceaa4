/**
 * Clients of a cluster that is being broken: each asks for one thing after the other and writes
 * into the book what it was told. What it is left in the dark about it asks again, under its key.
 *
 * @module
 */
import {
  createTraffic,
  type Mix,
  type Traffic,
  type TrafficRequest,
} from "../../examples/telecom/traffic.ts";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import type { Answer } from "../telecom/real_cluster.ts";
import { type Before, type Book, keyOf, NO_SESSION, type Request, type Told } from "./book.ts";
import type { World } from "./world.ts";

/** What clients are given. */
export interface ClientsOptions {
  readonly world: World;
  readonly book: Book;
  readonly count: number;
  /** Built-in subscribers they are about. */
  readonly subscribers: number;
  readonly random: () => number;
  /** What keys start with, and from where on numbers and SIMs are given out: new on any data. */
  readonly prefix: string;
  readonly firstSerial: number;
}

const MIX: Mix = {
  "account.transfer": 40,
  "account.debit": 10,
  "account.credit": 10,
  "account.balance": 12,
  "sim.provision": 4,
  "number.port": 6,
  "session.validate": 18,
};
/** Of what nothing was heard, how much is asked again at once; the rest is asked at the end. */
const AGAIN_SHARE = 0.5;
/** How often something that was acknowledged is asked again. */
const REPEAT_SHARE = 0.03;
const RECENT = 200;
const INSIST_MS = 20_000;
const PAUSE_MS = 50;

/** All clients. */
export class Clients {
  readonly #traffic: Traffic;
  readonly #recent: TrafficRequest[] = [];
  #stopped = false;
  #turn = 0;

  constructor(private readonly options: ClientsOptions) {
    const { random, subscribers, prefix: keyPrefix, firstSerial } = options;
    const exponent = 0.8; // Hot rows, but not one that all others wait for.
    this.#traffic = createTraffic({
      random,
      subscribers,
      exponent,
      mix: MIX,
      keyPrefix,
      firstSerial,
    });
  }

  /** Writes down what is there, so that data of earlier runs will do. */
  async survey(): Promise<void> {
    const { subscribers, book } = this.options;
    const numbers = Array.from({ length: subscribers }, (_, i) => seedMsisdn(i));
    await inParallel(numbers, 24, async (msisdn) => {
      const answer = await this.insist({ method: "subscriber.get", params: { msisdn } });
      const { balance, version, imsi } = answer?.result ?? {};
      if (imsi === undefined) throw new Error(`Cannot read ${msisdn}: ${JSON.stringify(answer)}`);
      const account = { balance, version, imsi, seen: version, ports: 0, porting: false };
      book.accounts.set(msisdn, account);
    });
  }

  /** Asks until told to stop; resolves when the last answer is there, or given up. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.options.count }, () => this.#client()));
  }

  stop(): void {
    this.#stopped = true;
  }

  async #client(): Promise<void> {
    const { world, random } = this.options;
    while (!this.#stopped) {
      await world.serving();
      const repeated = random() < REPEAT_SHARE ? this.#recent[this.#pick()] : undefined;
      await this.#perform(repeated ?? this.#traffic.nextOperation());
    }
  }

  #pick(): number {
    return Math.floor(this.options.random() * this.#recent.length);
  }

  async #perform(request: TrafficRequest): Promise<void> {
    const { book, random } = this.options;
    const again = book.acknowledged.has(keyOf(request) ?? "");
    const before = again ? { account: undefined } : book.sent(request);
    if (before === undefined) return;
    let told = await this.#ask(request, before);
    for (let tries = 0; told === "unknown" && tries < 3; tries++) {
      if (keyOf(request) === undefined || this.#stopped || random() >= AGAIN_SHARE) return;
      told = await this.#ask(request, before);
    }
    if (told === "acknowledged" && keyOf(request) !== undefined && !again) this.#remember(request);
  }

  async #ask(request: TrafficRequest, before: Before): Promise<Told> {
    const { book, world } = this.options;
    const { method, subscriber } = request;
    const answer = await world.ask(request, this.#turn++);
    if (method === "session.open" && answer?.result !== undefined) {
      this.#traffic.setSession(subscriber, answer.result.session);
    }
    const over = answer?.error !== undefined && NO_SESSION.has(answer.error.code);
    if (method === "session.validate" && over) this.#traffic.setSession(subscriber, undefined);
    return book.told(request, before, answer, false);
  }

  #remember(request: TrafficRequest): void {
    if (this.#recent.length < RECENT) this.#recent.push(request);
    else this.#recent[this.#pick()] = request;
  }

  /** Asks until the answer is not one to try again, for a while. */
  async insist(request: Request): Promise<Answer | undefined> {
    const until = performance.now() + INSIST_MS;
    for (;;) {
      const answer = await this.options.world.ask(request, this.#turn++);
      const again = answer === undefined || answer.error?.data.retryable === true;
      if (!again || performance.now() > until) return answer;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** Asks once more for all that nothing was heard of, when nothing can be under way any more. */
  async settle(): Promise<number> {
    const { book } = this.options;
    const left = [...book.unknown.values()];
    await inParallel(left, 2 * this.options.count, async (request) => {
      const answer = await this.insist(request);
      const told = book.told(request, { account: undefined }, answer, true);
      if (told !== "unknown") return;
      const why = JSON.stringify(answer ?? "no answer");
      book.violate("acknowledged_durable", `${keyOf(request)} cannot be settled: ${why}`);
    });
    return left.length;
  }
}

/** Does something for every item, so many at a time. */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  each: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      await each(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
