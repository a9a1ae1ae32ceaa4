/**
 * The history of a run, for checkers outside: what each client asked and what it was told, in the
 * order in which it happened.
 *
 * Two JSON lines an operation, sharing an `id`: the invocation is written before the request is
 * sent, so that no effect is without one; the return may be missing, its outcome is unknown then.
 *
 * @module
 */

/** What is written when an operation begins. */
export interface Invocation {
  readonly id: string;
  /** One client does one thing at a time; after an unknown outcome it does nothing more. */
  readonly client: number;
  readonly op: string;
  readonly args: unknown;
}

/** What is written when it returns: a result or an error. */
export type Return = { readonly result: unknown } | { readonly error: unknown };

/** Writes a history. Lines reach the system before the calls return; a SIGKILL loses none. */
export class History {
  readonly #file: Deno.FsFile;
  readonly #encoder = new TextEncoder();

  /** Creates or replaces the file. */
  constructor(path: string, private readonly nowMs: () => number) {
    this.#file = Deno.openSync(path, { write: true, create: true, truncate: true });
  }

  invoke({ id, client, op, args }: Invocation): void {
    this.#write({ id, client, op, args, at_us: this.#at() });
  }

  return(id: string, returned: Return): void {
    this.#write({ id, at_us: this.#at(), ...returned });
  }

  close(): void {
    this.#file.close();
  }

  #at(): number {
    return Math.round(this.nowMs() * 1000);
  }

  #write(line: unknown): void {
    let rest = this.#encoder.encode(JSON.stringify(line) + "\n");
    while (rest.length > 0) rest = rest.subarray(this.#file.writeSync(rest));
  }
}

/** Numbers for clients, each used by one operation at a time. */
export class ClientNumbers {
  readonly #free: number[] = [];
  #next = 0;

  take(): number {
    return this.#free.pop() ?? this.#next++;
  }

  /** After a known outcome: the client goes on. One whose outcome is unknown is never heard of again. */
  giveBack(client: number): void {
    this.#free.push(client);
  }
}
