/**
 * The console's server: its page, and a socket that tells what happens in the cluster. It looks at
 * the cluster while somebody is there, and for a while after the last has left.
 *
 * @module
 */
import { isLoopback } from "../../../runtime/loopback.ts";
import { pageHeaders, refused } from "../../../runtime/http_server.ts";
import { PageFiles } from "../../../runtime/page_files.ts";
import { within } from "../../../runtime/within.ts";
import { Feed } from "./feed.ts";
import {
  type LinkState,
  LOG_KEPT,
  type LogEntry,
  type Sample,
  SAMPLES_KEPT,
  type State,
  type Topology,
} from "./protocol.ts";
import { type Checked, type Desk, Visitor } from "./visitor.ts";

/** What the console shows, and who carries out its acts. */
export interface Watched {
  readonly topology: Topology;
  /** Names of the nodes that are down. */
  down(): readonly string[];
  links(): readonly LinkState[];
  /** One second of figures. */
  sample(): Promise<Sample>;
  check(token: string): Promise<Checked>;
  act(token: string, method: string, params: Readonly<Record<string, unknown>>): Promise<unknown>;
  story(transaction: string): Promise<unknown>;
  /** Follows all transactions for a moment; answers how many the log tells of. */
  capture(): Promise<number>;
  /** Someone looks on, or nobody does any more. */
  attend?(present: boolean): void;
}

/** Where the console is served. */
export interface ConsoleOptions {
  readonly hostname: string;
  readonly port: number;
}

const SAMPLE_MS = 1000;
const LOOK_MS = 100;
/** How long figures are still taken when the last page has left, in case it comes back. */
const LINGER_MS = 60_000;
const VISITORS_LIMIT = 64;

const files = new PageFiles(import.meta.url, {
  "/": "index.html",
  "/console.js": "console.js",
  "/console.css": "console.css",
});

/** Serves the console of one cluster. */
export class ConsoleServer implements AsyncDisposable {
  readonly #feed = new Feed();
  readonly #log: LogEntry[] = [];
  readonly #samples: Sample[] = [];
  readonly #visitors = new Set<Visitor>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #desk: Desk;
  #down = "";
  #links = "";
  #timers: ReturnType<typeof setInterval>[] = [];
  #lingering: ReturnType<typeof setTimeout> | undefined;
  #sampling = false;

  /** Begins to serve. @throws {Deno.errors.AddrInUse} if the port is taken */
  constructor(private readonly watched: Watched, private readonly options: ConsoleOptions) {
    this.#desk = {
      feed: this.#feed,
      state: (operator) => this.#state(operator),
      check: (token) => watched.check(token),
      act: (token, method, params) => watched.act(token, method, params),
      story: (transaction) => watched.story(transaction),
      capture: () => watched.capture(),
    };
    const { hostname, port } = options;
    this.#server = Deno.serve(
      { hostname, port, onListen: () => {}, onError: failed },
      (request) => this.#handle(request),
    );
  }

  /** The port it listens on. */
  get port(): number {
    return this.#server.addr.port;
  }

  /** How many pages are told of changes. */
  get followers(): number {
    return this.#feed.followers;
  }

  /** A line for the log, whoever reads it. */
  log(entry: LogEntry): void {
    this.#log.push(entry);
    if (this.#log.length > LOG_KEPT) this.#log.shift();
    this.#feed.publish({ what: "log", entries: [entry] });
  }

  #state(operator: boolean): State {
    return {
      topology: this.watched.topology,
      down: this.watched.down(),
      links: this.watched.links(),
      samples: this.#samples,
      log: operator ? this.#log : [],
    };
  }

  // Looking ----------------------------------------------------------------------------------

  #attend(): void {
    clearTimeout(this.#lingering);
    if (this.#timers.length > 0) return;
    this.watched.attend?.(true);
    this.#timers = [
      setInterval(() => this.#look(), LOOK_MS),
      setInterval(() => void this.#sample(), SAMPLE_MS),
    ];
    void this.#sample();
  }

  #linger(): void {
    if (this.#visitors.size > 0) return;
    clearTimeout(this.#lingering);
    this.#lingering = setTimeout(() => this.#rest(), LINGER_MS);
  }

  #rest(): void {
    clearTimeout(this.#lingering);
    if (this.#timers.length > 0) this.watched.attend?.(false);
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** Nodes and links: told as soon as they differ. */
  #look(): void {
    const down = this.watched.down(), links = this.watched.links();
    const [downNow, linksNow] = [JSON.stringify(down), JSON.stringify(links)];
    if (downNow !== this.#down) this.#feed.publish({ what: "nodes", down });
    if (linksNow !== this.#links) this.#feed.publish({ what: "links", links });
    this.#down = downNow;
    this.#links = linksNow;
  }

  async #sample(): Promise<void> {
    if (this.#sampling) return; // A role that is down is waited for.
    this.#sampling = true;
    try {
      const sample = await this.watched.sample();
      const { traffic: _, nodes, ...rest } = sample;
      // Of what is past, the details are let go.
      this.#samples.push({ ...rest, nodes: nodes.map(({ roles: _, ...node }) => node) });
      if (this.#samples.length > SAMPLES_KEPT) this.#samples.shift();
      this.#feed.publish({ what: "sample", sample });
    } catch (error) {
      // Whatever is wrong with the figures, the cluster goes on.
      const text = `The console has no figures: ${(error as Error).message}`;
      this.log({ at: Date.now(), kind: "warning", who: "", text });
    } finally {
      this.#sampling = false;
    }
  }

  // Serving ----------------------------------------------------------------------------------

  async #handle(request: Request): Promise<Response> {
    const { pathname, host, hostname } = new URL(request.url);
    // A page of another name that resolves to this machine must not read what is here.
    if (isLoopback(this.options.hostname) && !isLoopback(hostname)) {
      return refused(403, `This console is served to this machine only, not as ${hostname}`);
    }
    if (pathname === "/live") return this.#connect(request, host);
    const asset = await files.at(pathname);
    if (asset === undefined) return refused(404, "There is nothing here: the console is at /");
    if (request.method !== "GET" && request.method !== "HEAD") return refused(405, "Use GET");
    const { type, body } = asset;
    return new Response(body, {
      headers: { ...pageHeaders(`ws://${host}`), "content-type": type },
    });
  }

  #connect(request: Request, host: string): Response {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return refused(426, "This is the console's socket: connect a WebSocket to it");
    }
    const origin = request.headers.get("origin");
    if (origin !== null && URL.parse(origin)?.host !== host) {
      return refused(403, `Pages of ${origin} may not connect to this console`);
    }
    const { socket, response } = Deno.upgradeWebSocket(request);
    if (this.#visitors.size >= VISITORS_LIMIT) {
      // A page is told the reason of a close, but not what an upgrade was answered with.
      socket.onopen = () => socket.close(1013, `${VISITORS_LIMIT} pages are connected: close one`);
      return response;
    }
    const visitor = new Visitor(socket, this.#desk);
    this.#visitors.add(visitor);
    socket.onopen = () => this.#attend();
    socket.onmessage = ({ data }) => void visitor.receive(data);
    socket.onclose = socket.onerror = () => {
      visitor.leave();
      this.#visitors.delete(visitor);
      this.#linger();
    };
    return response;
  }

  /** Stops serving; pages are told, and come back when there is a server again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#rest();
    for (const visitor of this.#visitors) visitor.dismiss();
    // A page that never answers a close must not hold up the stop of a cluster.
    await within(this.#server.shutdown(), 300);
  }
}

function failed(): Response {
  return refused(500, "The request could not be answered");
}
