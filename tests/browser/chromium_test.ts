/** The browser itself: what later tests rely on. */
import { assert, assertEquals } from "@std/assert";
import { browserTest } from "./chromium.ts";

const page = (body: string) => `data:text/html,${encodeURIComponent(body)}`;

browserTest(
  "browser: it shows a page, clicks, types, and tells what went wrong",
  async (browser) => {
    const visit = await browser.open(
      page(`
    <button onclick="this.innerText = matchMedia('(prefers-color-scheme: dark)').matches">ask</button>
    <input autofocus><script>console.error("first"); setTimeout(() => nothing(), 0)</script>`),
      {
        scheme: "dark",
        width: 400,
      },
    );
    assertEquals(await visit.evaluate("innerWidth"), 400);
    await visit.click("button");
    assertEquals(await visit.text("button"), "true");
    await visit.click("input");
    await visit.type("abc");
    assertEquals(await visit.evaluate("document.querySelector('input').value"), "abc");
    await visit.press("Tab");
    assertEquals(await visit.evaluate("document.activeElement === document.body"), true);
    assertEquals(visit.problems[0], "first");
    assert(visit.problems[1]?.includes("nothing is not defined"));
  },
);
