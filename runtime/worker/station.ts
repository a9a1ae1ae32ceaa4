/**
 * How the inspection hub reaches a role in a worker.
 *
 * @module
 */
import type { Filter } from "../inspection/filter.ts";
import type { Station } from "../inspection/hub.ts";
import type { Question } from "../inspection/questions.ts";
import type { Address } from "../ports.ts";
import type { ToWorker } from "./messages.ts";

/** A role that hangs answers nothing: who asks waits at most this long. */
const PATIENCE_MS = 2000;

interface Asked {
  readonly answer: PromiseWithResolvers<unknown>;
  readonly patience: ReturnType<typeof setTimeout>;
}

/** One worker. */
export class WorkerStation implements Station {
  readonly #asked = new Map<number, Asked>();
  #calls = 0;
  #ended = false;

  /** The role of a worker that was told its `init`. */
  constructor(
    readonly address: Address,
    readonly incarnation: number,
    private readonly worker: Worker,
  ) {}

  #post(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  watch(filter: Filter | undefined): void {
    this.#post({ kind: "watch", filter });
  }

  taken(number: number): void {
    this.#post({ kind: "taken", number });
  }

  ask(question: Question): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#gone());
    const call = ++this.#calls;
    const answer = Promise.withResolvers<unknown>();
    const patience = setTimeout(() => {
      this.#asked.delete(call);
      answer.reject(new Error(`${this.address} does not answer`));
    }, PATIENCE_MS);
    this.#asked.set(call, { answer, patience });
    this.#post({ kind: "question", call, question });
    return answer.promise;
  }

  /** An answer came. */
  answered(call: number, value: unknown): void {
    const asked = this.#asked.get(call);
    this.#asked.delete(call);
    clearTimeout(asked?.patience);
    asked?.answer.resolve(value);
  }

  #gone(): Error {
    return new Error(`${this.address} is gone`);
  }

  /** The worker is gone: nobody who asked gets an answer. */
  close(): void {
    this.#ended = true;
    for (const { answer, patience } of this.#asked.values()) {
      clearTimeout(patience);
      answer.reject(this.#gone());
    }
    this.#asked.clear();
  }
}
