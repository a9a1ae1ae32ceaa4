/** The bundle that is served is of the sources beside it. */
import { assert } from "@std/assert";
import { consolePage } from "../../tools/console_page.ts";

Deno.test("the console's page is bundled from its sources: deno task console-page", async () => {
  assert(await consolePage.isFresh(), "run deno task console-page");
});
