/** Bundles the inspector's page: `deno task inspector-page`. */
import { PageBundle } from "./page_bundle.ts";

/** The inspector's page. */
export const inspectorPage: PageBundle = new PageBundle({
  folder: new URL("../runtime/inspector/", import.meta.url),
  bundle: "inspector.js",
  shared: [],
});

if (import.meta.main) await inspectorPage.write();
