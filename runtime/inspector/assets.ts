/**
 * The files of the inspector's page, and what is said with every answer.
 * `tools/inspector_page.ts` bundles the script from `page/`.
 *
 * @module
 */
import { pageHeaders } from "../http_server.ts";
import { PageFiles } from "../page_files.ts";

/** By path. */
export const assets: PageFiles = new PageFiles(import.meta.url, {
  "/": "index.html",
  "/inspector.js": "inspector.js",
  "/inspector.css": "inspector.css",
  "/stately": "stately.html",
  "/stately.js": "stately.js",
});

/** Headers of a file of the page. */
export function headersFor(path: string, host: string): Record<string, string> {
  return {
    ...pageHeaders(`ws://${host}`, `wss://${host}`),
    // The bridge has to hear from the window it opens.
    "cross-origin-opener-policy": path.startsWith("/stately") ? "unsafe-none" : "same-origin",
  };
}
