/**
 * Bundles the console's page: `deno task page`. The last line of the bundle has a hash of its
 * sources and one of all that stands before it, so that a test can tell without a bundler whether
 * the bundle is of these sources and whether somebody has touched it.
 */
import { createHash } from "node:crypto";

const FOLDER = new URL("../examples/telecom/console/", import.meta.url);
const BUNDLE = new URL("console.js", FOLDER);
/** What the page is bundled from besides `page/`. */
const SHARED = ["protocol.ts"];

/** What the last line has to be. */
async function seal(code: string): Promise<string> {
  const names = [...Deno.readDirSync(new URL("page/", FOLDER))].map(({ name }) => `page/${name}`);
  const sources = createHash("sha256");
  for (const name of [...SHARED, ...names].sort()) {
    sources.update(`${name}\n${await Deno.readTextFile(new URL(name, FOLDER))}\n`);
  }
  const config = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  sources.update(config.imports.preact);
  const code64 = createHash("sha256").update(code).digest("base64url");
  return `// sources ${sources.digest("base64url")} code ${code64}\n`;
}

/** Whether the bundle is of its sources, and untouched. */
export async function isFresh(): Promise<boolean> {
  const text = await Deno.readTextFile(BUNDLE);
  const at = text.lastIndexOf("// sources ");
  return at >= 0 && text.slice(at) === await seal(text.slice(0, at));
}

/** Bundles. @throws {Error} if the bundler fails */
export async function bundle(): Promise<void> {
  const entry = new URL("page/main.tsx", FOLDER).pathname;
  const { success, stdout, stderr } = await new Deno.Command("deno", {
    args: ["bundle", "--quiet", "--platform", "browser", "--minify", entry],
  }).output();
  if (!success) throw new Error(`Cannot bundle the page: ${new TextDecoder().decode(stderr)}`);
  const code = new TextDecoder().decode(stdout).trimEnd() + "\n";
  await Deno.writeTextFile(BUNDLE, code + await seal(code));
}

if (import.meta.main) await bundle();
