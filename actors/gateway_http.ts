/**
 * The HTTP face of a gateway: `POST /rpc`, `POST /edges/NODE/rpc`, `GET /healthz`,
 * `GET /metrics`; `/` leads to the console of the cluster.
 *
 * @module
 */
import { within } from "../runtime/within.ts";

/** Where to listen. */
export interface HttpAddress {
  /** Name or address of this machine, as its clients know it. */
  readonly hostname: string;
  /** Shared by all gateways of a process. */
  readonly port: number;
  /** Port of the operators' console on the same host, if there is one: `/` leads there. */
  readonly consolePort?: number;
}

/** What the HTTP face needs of its gateway. */
export interface HttpOptions extends HttpAddress {
  readonly node: string;
  /** Names that may stand in `/edges/NODE/rpc`. */
  readonly edges: readonly string[];
  /** Most bytes of a body. */
  readonly bodyLimit: number;
  readonly answer: (
    body: string,
    authorization: string | undefined,
  ) => Promise<string | undefined> | string;
  readonly relay: (
    edge: string,
    body: string,
    authorization: string | undefined,
  ) => Promise<string | undefined>;
  readonly refuse: (reason: "tooLarge" | "unavailable") => string;
  readonly oversee: (what: "health" | "metrics") => Promise<unknown>;
}

/** How long a stop waits for clients that are slow to send or to read. */
const GRACE_MS = 300;
const JSON_HEADERS = { "content-type": "application/json" };
/** Errors are shorter, in characters. */
const SHORT = 1024;
const EDGE_PATH = /^\/edges\/([^/]+)\/rpc$/;

/**
 * Serves on a port that the other gateways of this process listen on too: the kernel hands each
 * connection to one of them.
 */
export function serveHttp(options: HttpOptions): { shutdown(): Promise<void> } {
  const { hostname, port } = options;
  const server = Deno.serve(
    { hostname, port, reusePort: true, onListen: () => {}, onError: failed },
    (request) => handle(request, options),
  );
  return {
    shutdown() {
      // Alone it would wait for ever for a client that never sends the rest of its body. What is
      // still open then ends with the worker; `abort` after `shutdown` is an error of Deno's.
      return within(server.shutdown(), GRACE_MS);
    },
  };
}

function failed(): Response {
  return new Response("The request could not be answered\n", { status: 500 });
}

function handle(request: Request, options: HttpOptions): Response | Promise<Response> {
  const path = pathOf(request.url);
  if (path === "/rpc") return post(request, options, undefined);
  if (path === "/healthz") return overseen("health", options);
  if (path === "/metrics") return overseen("metrics", options);
  if (path === "/" && options.consolePort !== undefined) {
    const console = new URL("/", request.url);
    console.port = `${options.consolePort}`;
    return new Response(null, { status: 307, headers: { location: console.href } });
  }
  const edge = EDGE_PATH.exec(path)?.[1];
  if (edge === undefined) {
    return text(404, "Not found: POST /rpc, POST /edges/NODE/rpc, GET /healthz, GET /metrics\n");
  }
  if (!options.edges.includes(edge)) {
    return text(404, `There is no edge ${edge}: there are ${options.edges.join(", ")}\n`);
  }
  return post(request, options, edge);
}

/** The path without parsing the whole URL: this is the hot path. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const end = url.indexOf("?", start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}

function text(status: number, body: string): Response {
  return new Response(body, { status });
}

async function post(
  request: Request,
  options: HttpOptions,
  edge: string | undefined,
): Promise<Response> {
  if (request.method !== "POST") {
    return new Response("Use POST with a JSON-RPC 2.0 body\n", {
      status: 405,
      headers: { allow: "POST" },
    });
  }
  const body = await read(request, options.bodyLimit);
  if (body === undefined) {
    return new Response(options.refuse("tooLarge"), { status: 413, headers: JSON_HEADERS });
  }
  const authorization = request.headers.get("authorization") ?? undefined;
  const answer = edge === undefined || edge === options.node
    ? options.answer(body, authorization)
    : options.relay(edge, body, authorization);
  const content = typeof answer === "string" ? answer : await answer;
  if (content === undefined) return new Response(null, { status: 204 });
  const wait = retryAfterMs(content);
  if (wait === undefined) return new Response(content, { headers: JSON_HEADERS });
  const seconds = `${Math.max(1, Math.ceil(wait / 1000))}`;
  return new Response(content, {
    status: 503,
    headers: { ...JSON_HEADERS, "retry-after": seconds },
  });
}

/**
 * Of the one answer that says that the server has too much to do: when to come back. The name cannot
 * stand in a text of the answer: the quotes around it would be escaped there. In a batch each answer
 * speaks for itself.
 */
function retryAfterMs(content: string): number | undefined {
  if (content.length > SHORT || !content.startsWith("{")) return undefined;
  const found = /"retryAfterMs":(\d{1,9})[,}]/.exec(content)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** The body as text; undefined if it is larger than `limit` bytes, which are never all read. */
async function read(request: Request, limit: number): Promise<string | undefined> {
  const length = request.headers.get("content-length");
  if (length !== null) return Number(length) > limit ? undefined : await request.text();
  if (request.body === null) return "";
  const decoder = new TextDecoder();
  let size = 0, content = "";
  for await (const chunk of request.body) {
    size += chunk.length;
    if (size > limit) return undefined;
    content += decoder.decode(chunk, { stream: true });
  }
  return content + decoder.decode();
}

async function overseen(what: "health" | "metrics", options: HttpOptions): Promise<Response> {
  try {
    const answer = await options.oversee(what) as { ok: boolean; body: string; type: string };
    return new Response(answer.body, {
      status: answer.ok ? 200 : 503,
      headers: { "content-type": answer.type },
    });
  } catch {
    return text(503, "The cluster does not answer\n");
  }
}
