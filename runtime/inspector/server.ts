/**
 * The inspector's server: its page at `/`, the page's socket at `/live`, the Stately inspection
 * protocol at `/ws`, and at `/stately` a page that hands that on to the hosted inspector.
 *
 * It is for this machine alone unless it is given a token, which is needed then for each socket.
 * Nobody is attached to anything while nobody is connected.
 *
 * @module
 */
import { refused } from "../http_server.ts";
import type { InspectionHub } from "../inspection/hub.ts";
import { isLoopback } from "../loopback.ts";
import { within } from "../within.ts";
import { assets, headersFor } from "./assets.ts";
import { Overview } from "./overview.ts";
import { StatelyFeed } from "./stately.ts";
import { readWish, Visitor } from "./visitor.ts";

/** Where an inspector is served, and to whom. */
export interface InspectorOptions {
  /** Default 127.0.0.1. Anything else needs a token. */
  readonly hostname?: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Sockets must bring it as `?token=`. Default: none is needed. */
  readonly token?: string;
  /** A client that has not read for this long, in ms, is cut off. Default 10 s. */
  readonly patienceMs?: number;
}

const TICK_MS = 100;
const CLIENTS_LIMIT = 64;
/** Bytes that may wait in a socket. */
const MOST_BUFFERED = 1024 * 1024;
const PATIENCE_MS = 10_000;
const MOST_FRAME = 4096;

/** Whoever is connected. */
interface Client extends Disposable {
  /** Sends what there is, while there is room. */
  flush(): void;
}

/** A running inspector. */
export class InspectorServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #overview: Overview;
  readonly #sockets = new Set<WebSocket>();
  readonly #clients = new Map<WebSocket, Client>();
  readonly #stuck = new Map<WebSocket, number>();
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Clients that were cut off because they did not read. */
  cut = 0;

  /**
   * Begins to serve.
   *
   * @throws {RangeError} for an address off loopback without a token
   * @throws {Deno.errors.AddrInUse} if the port is taken
   */
  constructor(private readonly hub: InspectionHub, private readonly options: InspectorOptions) {
    const { hostname = "127.0.0.1", port, token } = options;
    if (!isLoopback(hostname) && token === undefined) {
      throw new RangeError(`Cannot inspect on ${hostname}: off loopback a token is needed`);
    }
    this.#overview = new Overview(hub);
    this.#server = Deno.serve(
      { hostname, port, onListen: () => {}, onError: () => refused(500, "That went wrong") },
      (request) => this.#handle(request),
    );
  }

  /** Where it is, with the token if one is needed. */
  get url(): string {
    const { hostname = "127.0.0.1", token } = this.options;
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "[::]" ? "[::1]" : host;
    const query = token === undefined ? "" : `?token=${encodeURIComponent(token)}`;
    return `http://${reachable}:${this.#server.addr.port}/${query}`;
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname, host, hostname, searchParams } = new URL(request.url);
    const { hostname: own = "127.0.0.1", token } = this.options;
    // A page of another name that resolves to this machine must not read what is here.
    if (isLoopback(own) && !isLoopback(hostname)) {
      return refused(403, `The inspector is served to this machine only, not as ${hostname}`);
    }
    const asset = await assets.at(pathname);
    if (asset !== undefined) {
      if (request.method !== "GET" && request.method !== "HEAD") return refused(405, "Use GET");
      const headers = { ...headersFor(pathname, host), "content-type": asset.type };
      return new Response(request.method === "HEAD" ? null : asset.body, { headers });
    }
    if (pathname !== "/live" && pathname !== "/ws") {
      return refused(404, "There is nothing here: the inspector is at /, its protocol at /ws");
    }
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return refused(426, "Connect a WebSocket to this");
    }
    const origin = request.headers.get("origin");
    if (origin !== null && URL.parse(origin)?.host !== host) {
      return refused(403, `Pages of ${origin} may not connect to this inspector`);
    }
    if (token !== undefined && !same(searchParams.get("token") ?? "", token)) {
      return refused(401, "The token is missing or wrong: it is in the link printed at the start");
    }
    const { socket, response } = Deno.upgradeWebSocket(request);
    if (this.#sockets.size >= CLIENTS_LIMIT) {
      // A page is told the reason of a close, but not what an upgrade was answered with.
      socket.onopen = () => socket.close(1013, `${CLIENTS_LIMIT} clients are connected: close one`);
    } else this.#welcome(socket, pathname === "/ws");
    return response;
  }

  #welcome(socket: WebSocket, stately: boolean): void {
    const hasRoom = () =>
      socket.readyState === WebSocket.OPEN && socket.bufferedAmount < MOST_BUFFERED;
    this.#sockets.add(socket);
    socket.onopen = () => {
      this.#clients.set(
        socket,
        stately ? this.#stately(socket, hasRoom) : this.#page(socket, hasRoom),
      );
      this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    };
    socket.onclose = socket.onerror = () => this.#leave(socket);
  }

  #stately(socket: WebSocket, hasRoom: () => boolean): Client {
    const feed = new StatelyFeed(this.hub);
    void feed.begin();
    return {
      flush: () => feed.flush((json) => socket.send(json), hasRoom),
      [Symbol.dispose]: () => feed[Symbol.dispose](),
    };
  }

  #page(socket: WebSocket, hasRoom: () => boolean): Client {
    const visitor = new Visitor(this.hub, this.#overview, () => this.hub.time());
    socket.onmessage = ({ data }) => {
      try {
        if (typeof data === "string" && data.length > MOST_FRAME) {
          throw new RangeError(`A wish may have ${MOST_FRAME} characters, not ${data.length}`);
        }
        visitor.wish(readWish(data));
      } catch (error) {
        // The reason of a close has 123 bytes at most.
        socket.close(1008, (error as Error).message.slice(0, 100));
      }
    };
    return {
      flush: () => {
        const news = hasRoom() ? visitor.news() : undefined;
        if (news !== undefined) socket.send(JSON.stringify(news));
      },
      [Symbol.dispose]: () => visitor[Symbol.dispose](),
    };
  }

  #tick(): void {
    const now = performance.now();
    for (const [socket, client] of [...this.#clients]) {
      client.flush();
      if (socket.bufferedAmount < MOST_BUFFERED) this.#stuck.delete(socket);
      else if (!this.#stuck.has(socket)) this.#stuck.set(socket, now);
      else if (now - this.#stuck.get(socket)! > (this.options.patienceMs ?? PATIENCE_MS)) {
        this.cut++;
        this.#leave(socket);
        socket.close(1013, "You read too slowly");
      }
    }
  }

  #leave(socket: WebSocket): void {
    this.#clients.get(socket)?.[Symbol.dispose]();
    this.#clients.delete(socket);
    this.#sockets.delete(socket);
    this.#stuck.delete(socket);
    if (this.#clients.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Stops serving; nobody is attached any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of [...this.#clients.keys()]) {
      this.#leave(socket);
      socket.close(1001, "The inspector stops");
    }
    this.#overview[Symbol.dispose]();
    // A client that never answers a close must not hold up what is inspected.
    await within(this.#server.shutdown(), 300);
  }
}

/** Compares in a time that does not tell how much was right. */
function same(given: string, wanted: string): boolean {
  let off = given.length ^ wanted.length;
  for (let i = 0; i < wanted.length; i++) off |= given.charCodeAt(i) ^ wanted.charCodeAt(i);
  return off === 0;
}
