/** A cluster in a process of its own, as a user starts it, for tests that talk HTTP to it. */
import { assert } from "@std/assert";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterReport } from "../../examples/telecom/cluster_report.ts";
import { type ExportedKeys, importKeys, type Keys } from "../../examples/telecom/tokens.ts";

/** Root of the repository. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** How it ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  /** Lines, without the one that `deno task` prints first. */
  readonly stderr: readonly string[];
}

/** A JSON-RPC answer. */
export interface Answer {
  // deno-lint-ignore no-explicit-any -- what a test asserts on
  readonly result?: any;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data: {
      readonly outcome: string;
      readonly retryable: boolean;
      readonly reason: string;
    };
  };
}

/** What the task `cluster` runs, so that a signal reaches the process itself. */
async function clusterArguments(root = ROOT): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  const [deno, ...args] = (tasks.cluster.command as string).split(" ");
  assert(deno === "deno", "the task runs deno");
  return args;
}

/** Runs the command to its end. */
export async function runCluster(...args: string[]): Promise<Ended> {
  const output = await new Deno.Command("deno", {
    args: [...await clusterArguments(), ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  return ended(output.code, decode(output.stdout), decode(output.stderr).split("\n"));
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function ended(code: number, stdout: string, stderr: readonly string[]): Ended {
  const told = stderr.filter((line) => line !== "" && !line.startsWith("Task "));
  return { code, stdout, stderr: told };
}

/** A running cluster. */
export class RealCluster {
  readonly stderr: string[] = [];
  #stdout = "";
  readonly #streams: Promise<unknown>;
  /** Resolves when it serves; rejects if it ends before it does. */
  readonly ready: Promise<void>;
  /** Resolves when it has ended, however it did. */
  readonly ended: Promise<Ended>;

  private constructor(
    private readonly process: Deno.ChildProcess,
    readonly data: string,
    private readonly tokenFile: string,
    /** The process that had the data before. */
    private readonly predecessor: number,
    private readonly line: (line: string) => void,
  ) {
    const serves = Promise.withResolvers<string>();
    this.#streams = this.#read(serves);
    this.ready = serves.promise.then((url) => this.#serves(url));
    this.ready.catch(() => {});
    this.ended = this.#end();
  }

  url = "";
  /** Tokens. */
  operator = "";
  subscriber = "";

  /**
   * Starts one and waits until it serves.
   *
   * @param how `task`: through `deno task`, as users do; `run`: what the task runs, which a SIGKILL
   * reaches
   */
  static async start(
    data: string,
    args: readonly string[],
    how: "task" | "run" = "run",
  ): Promise<RealCluster> {
    const cluster = await RealCluster.spawn(data, args, { how });
    await cluster.ready;
    return cluster;
  }

  /** Starts one. */
  static async spawn(
    data: string,
    args: readonly string[],
    { how = "run", root = ROOT, line = () => {} }: SpawnOptions = {},
  ): Promise<RealCluster> {
    const tokenFile = join(dirname(data), `tokens-${crypto.randomUUID()}.json`);
    const command = how === "task" ? ["task", "cluster"] : await clusterArguments(root);
    const own = ["--http", "127.0.0.1:0", "--data", data, "--token-file", tokenFile];
    const predecessor = await holder(data);
    const process = new Deno.Command("deno", {
      args: [...command, ...own, ...args],
      cwd: root,
      env: { NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return new RealCluster(process, data, tokenFile, predecessor, line);
  }

  async #read(serves: PromiseWithResolvers<string>): Promise<void> {
    const out = this.process.stdout.pipeThrough(
      new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>,
    );
    const err = this.process.stderr.pipeThrough(
      new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>,
    );
    await Promise.all([
      (async () => {
        for await (const text of out) this.#stdout += text;
      })(),
      (async () => {
        let rest = "";
        for await (const text of err) {
          const lines = (rest + text).split("\n");
          rest = lines.pop()!;
          for (const line of lines) {
            this.stderr.push(line);
            if (line.startsWith("ready ")) serves.resolve(line.slice("ready ".length));
            this.line(line);
          }
        }
        serves.reject(new Error(`It did not serve: ${this.stderr.join("\n")}`));
      })(),
    ]);
  }

  async #serves(url: string): Promise<void> {
    this.url = url;
    const tokens = JSON.parse(await Deno.readTextFile(this.tokenFile));
    this.operator = tokens.operator;
    this.subscriber = tokens.subscriber;
  }

  /** The keys it signs with. */
  async keys(): Promise<Keys> {
    const text = await Deno.readTextFile(join(this.data, "keys.json"));
    return await importKeys(JSON.parse(text) as ExportedKeys);
  }

  /** Posts a body as it is. */
  async post(body: BodyInit, options: PostOptions = {}): Promise<Response> {
    const { token = this.operator, path = "/rpc", signal } = options;
    return await fetch(this.url + path, {
      method: "POST",
      headers: token === "" ? {} : { authorization: `Bearer ${token}` },
      body,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /**
   * Calls a method, once. Deno's fetch sends a text again, unasked, when its connection dies under
   * it, and tells of the second answer only, which may refuse what the first attempt is about to
   * do. A stream it cannot send again.
   */
  async rpc(method: string, params: unknown, options: PostOptions = {}): Promise<Answer> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const response = await this.post(new Blob([body]).stream(), options);
    return await response.json() as Answer;
  }

  /** The values of a metric, by its labels. */
  async metric(name: string): Promise<ReadonlyMap<string, number>> {
    const page = await (await fetch(`${this.url}/metrics`)).text();
    const values = new Map<string, number>();
    for (const line of page.split("\n")) {
      const [, labels, value] = /^(\w+\{[^}]*\}) (\S+)$/.exec(line) ?? [];
      if (labels?.startsWith(`${name}{`)) values.set(labels, Number(value));
    }
    return values;
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: Deno.Signal = "SIGINT"): Promise<Ended & { readonly report: ClusterReport }> {
    this.process.kill(signal);
    const result = await this.ended;
    const last = result.stdout.trimEnd().split("\n").at(-1)!;
    const report = JSON.parse(last.startsWith("{") ? last : "null");
    return { ...result, report };
  }

  /** Ends it without a word; one that does not have its data yet when it has. */
  async kill(): Promise<void> {
    let over = false;
    void this.ended.then(() => over = true);
    let pid = this.predecessor;
    while (!over && (pid === this.predecessor || pid === 0)) {
      pid = await holder(this.data);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (over) return;
    if (pid === this.process.pid) this.process.kill("SIGKILL");
    else {
      // `deno` is a wrapper here: what must not get away is its child.
      const code = `Deno.kill(${pid}, "SIGKILL")`;
      await new Deno.Command("deno", { args: ["eval", code] }).output();
    }
    await this.ended;
  }

  async #end(): Promise<Ended> {
    const { code } = await this.process.status;
    await this.#streams;
    await Deno.remove(this.tokenFile).catch(() => {});
    return ended(code, this.#stdout, this.stderr);
  }
}

/** The process that has or had the data; 0: none. */
async function holder(data: string): Promise<number> {
  return Number(await Deno.readTextFile(join(data, "lock")).catch(() => "")) || 0;
}

/** How to start a cluster. */
export interface SpawnOptions {
  /** See {@link RealCluster.start}. */
  readonly how?: "task" | "run";
  /** Root of the sources to run. Default: those of this repository. */
  readonly root?: string;
  /** Hears every line on standard error. */
  readonly line?: (line: string) => void;
}

/** Options of a request; an empty token: none. */
export interface PostOptions {
  readonly token?: string;
  readonly path?: string;
  readonly signal?: AbortSignal;
}
