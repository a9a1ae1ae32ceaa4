/**
 * The files of a page that a program serves: each is read once, when first asked for, so that a
 * program that serves none needs no permission to read them.
 *
 * @module
 */

/** A file that is served. */
export interface PageFile {
  readonly type: string;
  readonly body: string;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  css: "text/css",
};

/** The files that stand beside a module. */
export class PageFiles {
  readonly #read = new Map<string, Promise<PageFile>>();

  /**
   * @param base the module's URL
   * @param names file by the path it is served at
   */
  constructor(
    private readonly base: string,
    private readonly names: Readonly<Record<string, string>>,
  ) {}

  /** What is served at a path, if anything is. */
  at(path: string): Promise<PageFile> | undefined {
    const name = Object.hasOwn(this.names, path) ? this.names[path] : undefined;
    if (name === undefined) return undefined;
    return this.#read.getOrInsertComputed(path, () => this.#file(name));
  }

  /** It may have been fetched from a package. */
  async #file(name: string): Promise<PageFile> {
    const response = await fetch(new URL(name, this.base));
    const type = TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream";
    return { type: `${type}; charset=utf-8`, body: await response.text() };
  }
}
