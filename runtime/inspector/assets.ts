/**
 * The files of the inspector's page, and what is said with every answer.
 * `tools/inspector_page.ts` bundles the script from `page/`.
 *
 * @module
 */

import { PageFiles } from "../page_files.ts";

/** By path. */
export const assets: PageFiles = new PageFiles(import.meta.url, {
  "/": "index.html",
  "/inspector.js": "inspector.js",
  "/inspector.css": "inspector.css",
  "/stately": "stately.html",
  "/stately.js": "stately.js",
});

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
