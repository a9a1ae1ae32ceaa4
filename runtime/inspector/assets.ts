/**
 * The files of the inspector's page, read once, and what is said with every answer.
 * `tools/inspector_page.ts` bundles the script from `page/`.
 *
 * @module
 */

/** A file that is served. */
export interface Asset {
  readonly type: string;
  readonly body: string;
}

/** Reads a file beside this one; it may have been fetched from a package. */
async function read(name: string, type: string): Promise<Asset> {
  const body = await (await fetch(new URL(`./${name}`, import.meta.url))).text();
  return { type: `${type}; charset=utf-8`, body };
}

/** By path. */
export const assets: Readonly<Record<string, Asset | undefined>> = {
  "/": await read("index.html", "text/html"),
  "/inspector.js": await read("inspector.js", "text/javascript"),
  "/inspector.css": await read("inspector.css", "text/css"),
  "/stately": await read("stately.html", "text/html"),
  "/stately.js": await read("stately.js", "text/javascript"),
};

/** Nothing but its own files and its own sockets. */
export function headersFor(path: string, host: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self' ws://${host} wss://${host}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    "content-security-policy": policy.join("; "),
    // The bridge has to hear from the window it opens.
    "cross-origin-opener-policy": path.startsWith("/stately") ? "unsafe-none" : "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
  };
}

/** A refusal that a person understands. */
export function refused(status: number, text: string): Response {
  return new Response(`${text}\n`, { status });
}
