/**
 * Shares jobs among threads. Answers come in the order of the jobs, whichever thread was quicker, so
 * that whatever is made of them is the same for any number of threads.
 *
 * The threads are those of `node:worker_threads`: the end of one is always told, and where one runs
 * out of memory the job ends, where a Web worker would take the whole process with it.
 *
 * @module
 */
import { parentPort, Worker, workerData } from "node:worker_threads";

/** How jobs are done. */
export interface ThreadsOptions {
  /** Calls {@link serve}. */
  readonly module: URL;
  /** How many threads. */
  readonly count: number;
  /** What each thread is told before its first job. */
  readonly data?: unknown;
  /** Heap of each in MB; without it, what the process allows. */
  readonly megabytes?: number;
  /** A job that takes more ms of wall time is lost, and its thread ended. Default: none is. */
  readonly limitMs?: number;
}

/** What became of a job: an answer, or why there is none. */
export type Done<Job, Answer> =
  | { readonly job: Job; readonly answer: Answer; readonly lost?: never }
  | { readonly job: Job; readonly answer?: never; readonly lost: string; readonly late: boolean };

/**
 * Does jobs in threads, and yields what became of each in their order. Jobs are drawn when a thread
 * is free; whoever stops listening ends the threads.
 */
export async function* inThreads<Job, Answer>(
  jobs: Iterable<Job>,
  options: ThreadsOptions,
): AsyncGenerator<Done<Job, Answer>> {
  const drawn = jobs[Symbol.iterator]();
  const begun: Promise<Done<Job, Answer>>[] = [];
  const threads = new Set<Thread<Job, Answer>>();
  let news = Promise.withResolvers<void>();
  let stopped = false;
  const work = async (): Promise<void> => {
    let thread: Thread<Job, Answer> | undefined;
    while (!stopped) {
      const { value: job, done } = drawn.next();
      if (done === true) break;
      if (thread === undefined) threads.add(thread = new Thread(options));
      const asked = thread.ask(job);
      begun.push(asked);
      news.resolve();
      if ((await asked).lost === undefined) continue;
      threads.delete(thread);
      thread = undefined;
    }
  };
  const working = Promise.all(Array.from({ length: options.count }, work));
  let over = false;
  working.then(() => over = true).then(() => news.resolve());
  try {
    for (;;) {
      const next = begun.shift();
      if (next !== undefined) yield await next;
      else if (over) return;
      else {
        await news.promise;
        news = Promise.withResolvers();
        if (over) news.resolve();
      }
    }
  } finally {
    stopped = true;
    for (const thread of threads) thread.end();
  }
}

/** What a thread says of a job. */
type Message<Answer> =
  | { readonly answer: Answer; readonly lost?: never }
  | { readonly answer?: never; readonly lost: string };

/** The share of a heap that only a job that is out of control takes. */
const FULL = 0.9;
const MEMORY_LOOK_MS = 500;

class Thread<Job, Answer> {
  readonly #worker: Worker;
  #job: Job | undefined;
  #settle: ((done: Done<Job, Answer>) => void) | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #failed: string | undefined;
  /** Why it is gone. */
  #gone: string | undefined;

  constructor(private readonly options: ThreadsOptions) {
    const { module, data, megabytes } = options;
    const resourceLimits = megabytes === undefined ? {} : { maxOldGenerationSizeMb: megabytes };
    this.#worker = new Worker(module, { workerData: { data, megabytes }, resourceLimits });
    this.#worker.on("message", ({ answer, lost }: Message<Answer>) => {
      if (lost === undefined) this.#tell({ job: this.#job!, answer });
      else this.#lose(lost);
    });
    this.#worker.on("error", (error: Error) => this.#failed = error.message);
    this.#worker.on("exit", (code: number) => {
      this.#lose(this.#failed ?? `its thread ended without a word, exit code ${code}`);
    });
  }

  ask(job: Job): Promise<Done<Job, Answer>> {
    const { promise, resolve } = Promise.withResolvers<Done<Job, Answer>>();
    this.#job = job;
    this.#settle = resolve;
    if (this.#gone !== undefined) this.#lose(this.#gone);
    const { limitMs } = this.options;
    if (limitMs !== undefined) {
      this.#watch = setTimeout(() => this.#lose(`no answer within ${limitMs} ms`, true), limitMs);
    }
    this.#worker.postMessage(job);
    return promise;
  }

  end(): void {
    this.#worker.removeAllListeners();
    this.#worker.on("error", () => {}); // It is told of its own end.
    this.#worker.terminate();
    clearTimeout(this.#watch);
  }

  #lose(lost: string, late = false): void {
    this.#gone = lost;
    this.end();
    this.#tell({ job: this.#job!, lost, late });
  }

  #tell(done: Done<Job, Answer>): void {
    clearTimeout(this.#watch);
    this.#settle?.(done);
    this.#settle = undefined;
  }
}

/** In a thread: does jobs one after the other. @param prepare is given the data of the options */
export function serve<Data, Job>(prepare: (data: Data) => (job: Job) => unknown): void {
  const { data, megabytes } = workerData as { data: Data; megabytes: number | undefined };
  const perform = prepare(data);
  const tell = (message: Message<unknown>) => parentPort!.postMessage(message);
  parentPort!.on("message", async (job: Job) => {
    try {
      tell({ answer: await perform(job) });
    } catch (error) {
      tell({ lost: (error as Error).message });
    }
  });
  if (megabytes === undefined) return;
  // A job that fills the heap is stopped where it is, and nobody is told.
  setInterval(() => {
    const used = Deno.memoryUsage().heapUsed / 2 ** 20;
    if (used > FULL * megabytes) tell({ lost: `its thread has no memory left of ${megabytes} MB` });
  }, MEMORY_LOOK_MS);
}
