/**
 * A page of ours: bundled ahead, so that serving it needs no bundler. The last line of the bundle has
 * a hash of its sources and one of all that stands before it, so that a test can tell without a
 * bundler whether the bundle is of these sources and whether somebody has touched it.
 */
import { createHash } from "node:crypto";

/** What a page is made of; paths are relative to `folder`. */
export interface PageParts {
  /** Its sources are in `page/` there. */
  readonly folder: URL;
  /** Where the bundle goes. */
  readonly bundle: string;
  /** Sources besides `page/`. */
  readonly shared: readonly string[];
}

/** A page and its bundle. */
export class PageBundle {
  constructor(private readonly parts: PageParts) {}

  /** What the last line has to be. */
  async #seal(code: string): Promise<string> {
    const { folder, shared } = this.parts;
    const names = [...Deno.readDirSync(new URL("page/", folder))].map(({ name }) => `page/${name}`);
    const sources = createHash("sha256");
    for (const name of [...shared, ...names].sort()) {
      sources.update(`${name}\n${await Deno.readTextFile(new URL(name, folder))}\n`);
    }
    const config = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
    sources.update(config.imports.preact);
    const code64 = createHash("sha256").update(code).digest("base64url");
    return `// sources ${sources.digest("base64url")} code ${code64}\n`;
  }

  /** Whether the bundle is of its sources, and untouched. */
  async isFresh(): Promise<boolean> {
    const text = await Deno.readTextFile(new URL(this.parts.bundle, this.parts.folder));
    const at = text.lastIndexOf("// sources ");
    return at >= 0 && text.slice(at) === await this.#seal(text.slice(0, at));
  }

  /** Bundles. @throws {Error} if the bundler fails */
  async write(): Promise<void> {
    const { folder, bundle } = this.parts;
    const entry = new URL("page/main.tsx", folder).pathname;
    const { success, stdout, stderr } = await new Deno.Command("deno", {
      args: ["bundle", "--quiet", "--platform", "browser", "--minify", entry],
    }).output();
    if (!success) throw new Error(`Cannot bundle the page: ${new TextDecoder().decode(stderr)}`);
    const code = new TextDecoder().decode(stdout).trimEnd() + "\n";
    await Deno.writeTextFile(new URL(bundle, folder), code + await this.#seal(code));
  }
}
