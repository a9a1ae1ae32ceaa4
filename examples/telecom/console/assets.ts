/**
 * The files of the page, read once. `deno task console-page` bundles the script from `page/`.
 *
 * @module
 */

/** A file that is served. */
export interface Asset {
  readonly type: string;
  readonly body: string;
}

/** Reads a file beside this one; it may have been fetched from a package. */
async function read(name: string): Promise<string> {
  return await (await fetch(new URL(`./${name}`, import.meta.url))).text();
}

/** By path. */
export const assets: Readonly<Record<string, Asset | undefined>> = {
  "/": { type: "text/html; charset=utf-8", body: await read("index.html") },
  "/console.js": { type: "text/javascript; charset=utf-8", body: await read("console.js") },
  "/console.css": { type: "text/css; charset=utf-8", body: await read("console.css") },
};
