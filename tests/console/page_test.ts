/** The bundle that is served is of the sources beside it. */
import { assert } from "@std/assert";
import { isFresh } from "../../tools/console_page.ts";

Deno.test("the console's page is bundled from its sources: deno task page", async () => {
  assert(await isFresh(), "run deno task page");
});
