/** The console as an operator sees it: a real cluster, a real browser. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import axe from "axe-core";
import { ConsoleServer, type Watched } from "../../examples/telecom/console/server.ts";
import { RealCluster, ROOT } from "../telecom/real_cluster.ts";
import { browserTest, type Look, type Page } from "./chromium.ts";

/** A cluster and its console's link. */
interface Stage extends AsyncDisposable {
  readonly cluster: RealCluster;
  readonly link: string;
  readonly data: string;
}

async function stage(...args: string[]): Promise<Stage> {
  const folder = await Deno.makeTempDir({ prefix: "console-" });
  const data = `${folder}/data`;
  const cluster = await RealCluster.start(data, ["--load", "50", ...args]);
  return {
    cluster,
    data,
    link: await linkOf(cluster),
    async [Symbol.asyncDispose]() {
      await cluster.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** The second line it says. */
async function linkOf(cluster: RealCluster): Promise<string> {
  for (;;) {
    const line = cluster.stderr.find((each) => each.startsWith("console "));
    if (line !== undefined) return line.slice("console ".length);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const LOG = "[...document.querySelectorAll('section[aria-label=Log] .log li')]";
const node = (name: string) => `.node[aria-label^="${name},"]`;
const button = (text: string) =>
  `[...document.querySelectorAll('button')].find((each) => each.innerText === ${
    JSON.stringify(text)
  })`;

async function push(page: Page, text: string): Promise<void> {
  await page.until(`!!${button(text)} && !${button(text)}.disabled`);
  await page.evaluate(`${button(text)}.click()`);
}

/** Waits for a line of the log, and answers with its classes. */
async function line(page: Page, text: string): Promise<string> {
  const found = `${LOG}.find((each) => each.textContent.includes(${JSON.stringify(text)}))`;
  return await page.until<string>(`${found}?.className`);
}

async function choose(page: Page, label: string, value: string): Promise<void> {
  const select = `[...document.querySelectorAll('.field, label')].find((each) =>
    each.innerText.startsWith(${JSON.stringify(label)}))?.querySelector('select')`;
  await page.until(`!!${select}`);
  await page.evaluate(`(() => { const select = ${select}; select.value = ${JSON.stringify(value)};
    select.dispatchEvent(new Event('change', { bubbles: true })); })()`);
}

async function accessible(page: Page, state: string): Promise<void> {
  if (!await page.evaluate<boolean>("'axe' in window")) await page.evaluate(axe.source);
  const broken = await page.evaluate<{ id: string; nodes: string[] }[]>(`
    axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => html.slice(0, 160)) })))`);
  assertEquals(broken, [], state);
}

browserTest("console: ten nodes, transactions and their diagrams, filters", async (browser) => {
  await using at = await stage("--faults");
  const page = await browser.open(`${at.cluster.url}/#${at.link.split("#")[1]}`);
  await page.until("document.querySelectorAll('.map .node').length === 10");
  const paint = "performance.getEntriesByType('paint').find(({ name }) => /contentful/.test(name))";
  const ms = await page.until<number>(`${paint}?.startTime`);
  // `bench page` has the figure; a machine that tests is busy.
  assert(ms < 5000, `first contentful paint after ${ms} ms`);
  assertEquals(await page.evaluate("location.hash"), "", "the token does not stay in the address");
  assertMatch(await page.text(".tiles"), /Edge: 3\/3 Active[\s\S]*Core: 4\/4[\s\S]*Cloud: 3\/3/);
  await page.until("document.querySelectorAll('.pulse').length > 0");

  await push(page, "Execute transaction");
  assertMatch(await page.text(".outcome.success"), /COMMITTED on cloud-1, cloud-2, cloud-3/);
  assertMatch(await line(page, "Phase 1: PREPARE sent to cloud-1, cloud-2, cloud-3"), /k-info/);
  assertMatch(await line(page, "Transaction COMMITTED"), /k-success/);
  await push(page, "Sequence diagram");
  await page.until("document.querySelectorAll('.sequence .cylinder.full').length >= 4");
  const told = await page.evaluate<string>("document.querySelector('.sequence').ariaLabel");
  for (const cloud of ["cloud-1", "cloud-2", "cloud-3"]) {
    const order = [
      `sends prepare to ${cloud}/participant`,
      `${cloud}/participant writes prepared, on disk`,
      `${cloud}/participant sends voteYes`,
      `sends commit to ${cloud}/participant`,
    ].map((words) => told.indexOf(words));
    assertEquals(order, order.toSorted((a, b) => a - b), `${cloud}: ${told}`);
    assert(order[0]! >= 0, told);
  }
  await accessible(page, "a sequence diagram");
  await page.press("Escape");
  await page.until("document.querySelector('dialog') === null");

  await choose(page, "Who votes no", "cloud-2");
  await push(page, "Abort transaction");
  assertMatch(await page.text(".outcome.failure"), /ABORTED, rolled back everywhere/);
  assertMatch(await line(page, "cloud-2 votes NO"), /k-failure/);
  assertMatch(await line(page, "Transaction ABORTED"), /k-failure/);

  await page.evaluate(`document.querySelector('.chip.k-info').click()`);
  await page.until(`${LOG}.every((each) => !each.className.includes('k-info'))`);
  await page.click("input[type=search]");
  await page.type("votes no");
  await page.until(
    `${LOG}.length > 0 && ${LOG}.every((each) => /votes NO/.test(each.textContent))`,
  );

  await push(page, "Transfer");
  await page.until(`/moved: \\d+ has/.test(document.body.innerText)`);
  assertEquals(page.problems, []);
  const strangers = page.requests.filter((url) => !/^(http|ws):\/\/127\.0\.0\.1:/.test(url));
  assertEquals(strangers, [], "no request leaves the machine");
});

browserTest(
  "console: a crashed node dims at once, a cut link is cut, and both return",
  async (browser) => {
    await using at = await stage("--faults");
    const page = await browser.open(at.link);
    await page.until("document.querySelectorAll('.map .node').length === 10");
    await page.evaluate("document.getElementById('tab-Faults').click()");
    await choose(page, "Node", "core-2");
    await push(page, "Crash");
    assertMatch(await line(page, "Injecting failure in node core-2"), /k-warning/);
    const since = performance.now();
    await page.until(`document.querySelector('${node("core-2")}').classList.contains('down')`);
    const ms = performance.now() - since;
    assert(ms < 5000, `it was dimmed ${ms} ms after the log said so`);
    const opacity = `getComputedStyle(document.querySelector('${node("core-2")}')).opacity`;
    assertEquals(await page.evaluate(opacity), "0.5");
    assertMatch(
      await page.evaluate(`document.querySelector('${node("core-2")}').textContent`),
      /DOWN/,
    );
    assertMatch(await page.text(".tiles"), /Core: 3\/4 Active/);
    assert(await page.evaluate<number>("document.querySelectorAll('.link.severed').length") >= 6);
    assertMatch(await line(page, "Node core-2 declared DEAD"), /k-failure/);
    await accessible(page, "a node is down");
    await push(page, "Restart");
    await page.until(`!document.querySelector('${node("core-2")}').classList.contains('down')`);
    await choose(page, "Node", "edge-1");
    await push(page, "Cut it off");
    await page.until("document.querySelectorAll('.link.severed').length >= 4");
    await page.until("document.querySelectorAll('.cut').length >= 4");
    await push(page, "Heal all links");
    await page.until("document.querySelectorAll('.cut, .link.severed').length === 0");
    await push(page, "Degrade its links");
    await page.until("document.querySelectorAll('.link.lossy').length >= 4");
    await push(page, "Heal all links");
    await page.until("document.querySelectorAll('.link.lossy').length === 0");
    assertEquals(page.problems, []);
  },
);

browserTest(
  "console: it comes back when the server was killed and is there again, and goes on",
  async (browser) => {
    const folder = await Deno.makeTempDir({ prefix: "console-" });
    const first = await RealCluster.start(`${folder}/data`, ["--load", "0"]);
    const link = await linkOf(first);
    const page = await browser.open(link);
    await page.until("document.querySelector('.live')?.className === 'live live'");
    await first.kill();
    await page.until("document.querySelector('.live.lost') !== null");
    const { host } = new URL(link);
    const second = await RealCluster.start(`${folder}/data`, ["--load", "0", "--console", host]);
    await page.until("document.querySelector('.live')?.className === 'live live'");
    await push(page, "Execute transaction");
    assertMatch(await page.text(".outcome.success"), /COMMITTED/);
    await second.stop();
    await Deno.remove(folder, { recursive: true });
  },
);

const LOOKS: readonly (readonly [string, Look])[] = [
  ["a desk, light", { width: 1280, height: 900 }],
  ["a desk, dark", { width: 1280, height: 900, scheme: "dark" }],
  ["a phone, dark, still", {
    width: 390,
    height: 844,
    mobile: true,
    scheme: "dark",
    reducedMotion: true,
  }],
];

for (const [name, look] of LOOKS) {
  browserTest(`console: usable for everybody, by keyboard alone: ${name}`, async (browser) => {
    await using at = await stage();
    const page = await browser.open(at.link, look);
    await page.until("document.querySelectorAll('.map .node').length === 10");
    await page.until("document.querySelectorAll('.nodes td.best').length > 0");
    await accessible(page, name);
    const overflow = "document.documentElement.scrollWidth - innerWidth";
    assertEquals(await page.evaluate(overflow), 0, `${name} scrolls sideways`);
    // Tab to a node and open it.
    while (!await page.evaluate<boolean>("document.activeElement.matches('.node')")) {
      await page.press("Tab");
    }
    await page.press("Enter");
    await page.until("document.querySelector('.details .role') !== null");
    await accessible(page, `${name}, a node is open`);
    if (look.reducedMotion) {
      const moving =
        "document.getAnimations().filter(({ playState }) => playState === 'running').length";
      assertEquals(await page.evaluate(moving), 0);
    }
    assertEquals(page.problems, []);
  });
}

browserTest(
  "console: without a token one looks, with a subscriber's one is told why",
  async (browser) => {
    await using at = await stage();
    const page = await browser.open(at.link.split("#")[0]!);
    await page.until("document.querySelectorAll('.map .node').length === 10");
    assertMatch(await page.text(".acts"), /need the operator's token/);
    assertEquals(await page.evaluate(`${LOG}.length`), 0);
    await accessible(page, "no token");
    await page.click("input[type=password]");
    await page.type(at.cluster.subscriber);
    await page.press("Enter");
    assertMatch(await page.text(".outcome.failure"), /This token is a subscriber's/);
    await page.evaluate("document.querySelector('input[type=password]').select()");
    await page.type(at.cluster.operator);
    await page.press("Enter");
    await page.until("document.querySelector('#tab-Transactions') !== null");
    assertMatch(await page.text(".acts"), /Started without --faults/);
    assertEquals(page.problems, []);
  },
);

browserTest(
  "console: a trace of the simulator is replayed, a corrupt one refused in words",
  async (browser) => {
    const folder = await Deno.makeTempDir({ prefix: "console-" });
    const file = `${folder}/trace.ndjson`;
    const simulate = ["run", "-A", "cli.ts", "simulate", "--scenario", "crashes", "--seed", "5"];
    const { success } = await new Deno.Command("deno", {
      args: [...simulate, "--trace", file],
      cwd: ROOT,
      stdout: "null",
    }).output();
    assert(success, "the scenario ran");
    const text = await Deno.readTextFile(file);
    await using server = new ConsoleServer(nothing, { hostname: "127.0.0.1", port: 0 });
    const page = await browser.open(`http://127.0.0.1:${server.port}/`);
    await page.until("document.querySelector('.file input') !== null");
    await openFile(page, "half.ndjson", text.slice(0, 3000));
    assertMatch(
      await page.text("[role=alert]"),
      /half\.ndjson: Cannot read the trace: line \d+ is no/,
    );
    await openFile(page, "trace.ndjson", text);
    assertMatch(await page.text(".player"), /Replay: crashes, seed 5/);
    // To the first crash, and then to its end.
    const events = text.trimEnd().split("\n").slice(1).map((each) => JSON.parse(each));
    const crash = events.find(({ from, type }) => from === "fault" && type === "crash");
    const over = events.find(({ type, to }) => type === "crash over" && to === crash.to);
    const dead = crash.to.split("/")[0];
    const isDown = `document.querySelector('${node(dead)}').classList.contains('down')`;
    // A range is not as precise as a trace.
    await scrub(page, crash.t + 0.01);
    await page.until(isDown);
    assertMatch(await line(page, "Injecting crash"), /k-warning/);
    await accessible(page, "a replay");
    await scrub(page, over.t + 0.01);
    await page.until(`!${isDown}`);
    await scrub(page, events.at(-1).t);
    await page.click("input[type=search]");
    await page.type("committed");
    await page.until(`(() => {
      const found = ${LOG}.find((each) => /COMMITTED/.test(each.textContent));
      found?.querySelector('button').click();
      return found !== undefined;
    })()`);
    await page.until("document.querySelectorAll('.sequence .cylinder.full').length > 0");
    assertEquals(page.problems, []);
    await Deno.remove(folder, { recursive: true });
  },
);

/** A console of nothing: a replay needs no cluster. */
const nothing: Watched = {
  topology: { profile: "none", api: "", faults: false, behaviours: [], nodes: [] },
  down: () => [],
  links: () => [],
  sample: () => new Promise(() => {}),
  check: () => Promise.resolve({ ok: false, message: "nobody operates this" }),
  act: () => Promise.reject(new Error("nothing acts")),
  story: () => Promise.reject(new Error("nothing happens")),
  capture: () => Promise.resolve(0),
};

browserTest(
  "console: names and texts of strangers are text, and no script of theirs runs",
  async (browser) => {
    const evil = `<img src=x onerror="globalThis.broken=1"><script>globalThis.broken=1</script>`;
    const node = { name: evil, tier: evil, roles: [evil], subscriber: evil };
    await using server = new ConsoleServer({
      ...nothing,
      topology: { profile: evil, api: evil, faults: true, behaviours: [evil], nodes: [node] },
      down: () => [evil],
      links: () => [{ from: evil, to: evil, up: true, delayMs: 1, loss: 0 }],
      check: () => Promise.resolve({ ok: true, operator: evil }),
      story: () =>
        Promise.resolve({
          transaction: evil,
          lanes: [evil],
          steps: [{ what: "state", at: 0, who: evil, event: evil, before: evil, after: evil }],
        }),
    }, { hostname: "127.0.0.1", port: 0 });
    server.log({ at: 0, kind: "warning", who: evil, text: evil, transaction: evil });
    const page = await browser.open(`http://127.0.0.1:${server.port}/#token=any`);
    // Not its innerText: lines that are not in view have none.
    assertEquals(await page.until("document.querySelector('.log .said')?.textContent"), evil);
    await page.evaluate("document.querySelector('.log button').click()");
    await page.until("document.querySelector('.sequence .state') !== null");
    assertEquals(await page.text("dialog code"), evil);
    assertEquals(await page.evaluate("document.images.length"), 0);
    assertEquals(page.problems, []);
    // Even if some came in, its policy would not let it run, nor tell anyone.
    await page.evaluate(`document.body.insertAdjacentHTML("beforeend", ${JSON.stringify(evil)})`);
    await page.evaluate(`document.body.append(
    Object.assign(document.createElement("script"), { textContent: "globalThis.broken = 1" }))`);
    const told = await page.evaluate(
      `fetch("http://127.0.0.1:1/", { mode: "no-cors" }).then(() => "told", () => "refused")`,
    );
    assertEquals([await page.evaluate("globalThis.broken"), told], [undefined, "refused"]);
    await page.until("true");
    assert(page.problems.every((each) => /Content Security Policy/.test(each)), `${page.problems}`);
    assert(page.problems.length >= 2, `${page.problems}`);
  },
);

async function openFile(page: Page, name: string, text: string): Promise<void> {
  await page.evaluate(`(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([${JSON.stringify(text)}], ${JSON.stringify(name)}));
    const input = document.querySelector('.file input');
    input.files = transfer.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  })()`);
}

async function scrub(page: Page, instant: number): Promise<void> {
  await page.evaluate(`(() => {
    const range = document.querySelector('.player input[type=range]');
    range.value = ${instant};
    range.dispatchEvent(new Event('input', { bubbles: true }));
  })()`);
}
