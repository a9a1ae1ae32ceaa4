/** The roles of the `pbft` bench: a counter, replicated or on one actor, and who asks for it. */
import { isRecord } from "../../actors/guards.ts";
import { replicaRole, type StateMachine } from "../../actors/mod.ts";
import { Histogram, type HistogramData } from "../../runtime/histogram.ts";
import { AskFailed, defineRole, type Services } from "../../runtime/role.ts";

/** The null operation: neither argument nor result. It counts, so that a run can be verified. */
export const NULL_OPERATION = "";
/** Reads the count. */
export const LOOK = "look";

const counter: StateMachine<number, string, number | null> = {
  initial: 0,
  apply: (count, operation) => operation === LOOK ? [count, count] : [count + 1, null],
  isReadOnly: (operation) => operation === LOOK,
};

/** A replica of it. */
export const replica = replicaRole(counter);

/** The denominator: the same state machine on one actor, without a store, signatures or copies. */
export const unreplicated = defineRole<null>({
  name: "unreplicated",
  create: (services) => {
    let count = counter.initial;
    return {
      messages: {
        invoke: {
          accepts: (body) => isRecord(body) && typeof body["operation"] === "string",
          handle: ({ operation }: { readonly operation: string }, envelope) => {
            const [next, reply] = counter.apply(count, operation, "user");
            count = next;
            services.reply(envelope, reply);
          },
        },
      },
    };
  },
});

/** What callers do. */
export interface Load {
  /** Asked in turn. */
  readonly to: readonly string[];
  /** How many call, each one operation at a time. */
  readonly callers: number;
  readonly readOnly: boolean;
  readonly warmUpMs: number;
  readonly forMs: number;
}

/** What they saw. Times in ms. */
export interface Measured {
  readonly ms: number;
  readonly answered: number;
  /** In the whole run, before and after the measurement too. */
  readonly answeredInAll: number;
  readonly failed: number;
  readonly latency: HistogramData;
  /** The longest time between two answers. */
  readonly pauseMs: number;
}

const PATIENCE_MS = 30_000;

/** Calls a server, or a client of a group, in a closed loop. */
export const callers = defineRole<null>({
  name: "callers",
  create: (services) => ({
    messages: {
      load: {
        accepts: isRecord,
        handle: async (load: Load, envelope) => {
          services.reply(envelope, await new Loop(services, load).run());
          services.wake();
        },
      },
    },
  }),
});

class Loop {
  readonly #latency = new Histogram();
  #answered = 0;
  #answeredInAll = 0;
  #failed = 0;
  #last = 0;
  #pauseMs = 0;
  #measuring = false;
  #stopped = false;

  constructor(private readonly services: Services, private readonly load: Load) {}

  async run(): Promise<Measured> {
    const { callers, warmUpMs, forMs } = this.load;
    const chains = Array.from({ length: callers }, (_, index) => this.#chain(index));
    await pause(warmUpMs);
    const since = this.#last = performance.now();
    this.#measuring = true;
    await pause(forMs);
    this.#measuring = false;
    const ms = performance.now() - since;
    this.#stopped = true;
    await Promise.all(chains);
    return {
      ms,
      answered: this.#answered,
      answeredInAll: this.#answeredInAll,
      failed: this.#failed,
      latency: this.#latency.toJSON(),
      pauseMs: this.#pauseMs,
    };
  }

  async #chain(index: number): Promise<void> {
    const { to, readOnly } = this.load;
    const server = to[index % to.length]!;
    const body = { operation: readOnly ? LOOK : NULL_OPERATION, readOnly };
    while (!this.#stopped) {
      const since = performance.now();
      try {
        await this.services.ask(server, "invoke", body, PATIENCE_MS);
        this.#answeredInAll++;
        if (this.#measuring) this.#note(since);
      } catch (error) {
        if (!(error instanceof AskFailed)) throw error;
        this.#failed++;
      }
    }
  }

  #note(since: number): void {
    const now = performance.now();
    this.#answered++;
    this.#latency.record(now - since);
    this.#pauseMs = Math.max(this.#pauseMs, now - this.#last);
    this.#last = now;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
