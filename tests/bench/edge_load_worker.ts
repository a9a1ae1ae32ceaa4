/**
 * The load of the `edge` bench: raw keep-alive connections, each with one request under way, and
 * as little work a request as can be, since it shares the processor with the servers.
 */
/// <reference lib="deno.worker" />
import process from "node:process";
import { Histogram, type HistogramData } from "../../runtime/histogram.ts";

/** What to send, where, for how long. */
export interface HttpLoad {
  readonly hostname: string;
  readonly port: number;
  /** Complete requests; a connection sends them in turn. */
  readonly requests: readonly Uint8Array[];
  readonly connections: number;
  readonly warmUpMs: number;
  readonly forMs: number;
}

/** What came back. */
export interface HttpMeasured {
  readonly perSecond: number;
  readonly latency: HistogramData;
  /** The body of one answer. */
  readonly sample: string;
  /** How often a connection had to be made anew. */
  readonly hungUp: number;
  /** What all other threads of the process used meanwhile, in microseconds of CPU a request. */
  readonly othersCpuUs: number;
  /** How much of a core this thread used: near 1, it was the load that was too slow. */
  readonly ownCpu: number;
}

const BUFFER = 16 * 1024;
const OK = "HTTP/1.1 200";

class Connection {
  readonly #buffer = new Uint8Array(BUFFER);
  #connection: Deno.TcpConn | undefined;
  #held = 0;
  /** Bytes of an answer: all are alike but for their contents. */
  #length = 0;
  /** How often the server hung up instead of answering. */
  hungUp = 0;

  constructor(private readonly address: { readonly hostname: string; readonly port: number }) {}

  async open(): Promise<this> {
    this.#connection = await Deno.connect(this.address);
    this.#connection.setNoDelay(true);
    return this;
  }

  async request(bytes: Uint8Array): Promise<void> {
    while (!await this.#attempt(bytes)) {
      // A server may do that to a connection whose request it has not read to its end.
      this.hungUp++;
      this.close();
      await this.open();
    }
    // "2" of "HTTP/1.1 200".
    if (this.#buffer[9] !== 0x32 || this.#held !== this.#length) {
      throw new Error(`An odd answer: ${this.#text().slice(0, 200)}`);
    }
  }

  /** False if the server hung up. */
  async #attempt(bytes: Uint8Array): Promise<boolean> {
    const connection = this.#connection!;
    this.#held = 0;
    try {
      for (let sent = 0; sent < bytes.length;) {
        sent += await connection.write(sent === 0 ? bytes : bytes.subarray(sent));
      }
      do {
        const read = await connection.read(this.#buffer.subarray(this.#held));
        if (read === null) return false;
        this.#held += read;
        if (this.#length === 0) this.#length = this.#expected();
      } while (this.#length === 0 || this.#held < this.#length);
      return true;
    } catch (error) {
      const lost = error instanceof Deno.errors.ConnectionReset ||
        error instanceof Deno.errors.BrokenPipe;
      if (lost) return false;
      throw error;
    }
  }

  #text(): string {
    return new TextDecoder().decode(this.#buffer.subarray(0, this.#held));
  }

  /** Length of the answer that has begun to arrive; 0 while its head is not complete. */
  #expected(): number {
    const text = this.#text();
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return 0;
    const length = /^content-length: *(\d+)/im.exec(text)?.[1];
    if (!text.startsWith(OK) || length === undefined) {
      throw new Error(`An odd answer: ${text.slice(0, 200)}`);
    }
    return end + 4 + Number(length);
  }

  get body(): string {
    const text = this.#text();
    return text.slice(text.indexOf("\r\n\r\n") + 4);
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }
}

async function run(load: HttpLoad): Promise<HttpMeasured> {
  const { hostname, port, requests, warmUpMs, forMs } = load;
  const connections = await Promise.all(
    Array.from({ length: load.connections }, () => new Connection({ hostname, port }).open()),
  );
  const latency = new Histogram();
  const cpu = new Promise<ReturnType<typeof cpuUsed>>((resolve) =>
    setTimeout(() => resolve(cpuUsed()), warmUpMs)
  );
  const from = performance.now() + warmUpMs, until = from + forMs;
  await Promise.all(connections.map(async (connection, index) => {
    for (let i = index;; i++) {
      const since = performance.now();
      if (since >= until) return;
      await connection.request(requests[i % requests.length]!);
      const now = performance.now();
      if (now >= from && now < until) latency.record(now - since);
    }
  }));
  const before = await cpu, after = cpuUsed();
  const own = after.own - before.own, all = after.all - before.all;
  const sample = connections[0]!.body;
  for (const connection of connections) connection.close();
  const hungUp = connections.reduce((sum, connection) => sum + connection.hungUp, 0);
  return {
    perSecond: latency.count / forMs * 1000,
    latency: latency.toJSON(),
    sample,
    hungUp,
    othersCpuUs: (all - own) / latency.count,
    ownCpu: own / (forMs * 1000),
  };
}

/** CPU time so far of the process and of this thread, in microseconds. */
function cpuUsed(): { readonly all: number; readonly own: number } {
  const sum = ({ user, system }: { user: number; system: number }) => user + system;
  // The types lack the second.
  const { threadCpuUsage } = process as unknown as { threadCpuUsage: typeof process.cpuUsage };
  return { all: sum(process.cpuUsage()), own: sum(threadCpuUsage()) };
}

self.onmessage = async ({ data }: MessageEvent<HttpLoad>) => self.postMessage(await run(data));
