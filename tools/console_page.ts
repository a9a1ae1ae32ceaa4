/** Bundles the console's page: `deno task console-page`. */
import { PageBundle } from "./page_bundle.ts";

/** The console's page. */
export const consolePage: PageBundle = new PageBundle({
  folder: new URL("../examples/telecom/console/", import.meta.url),
  bundle: "console.js",
  shared: ["protocol.ts", "../../../runtime/trace.ts"],
});

if (import.meta.main) await consolePage.write();
