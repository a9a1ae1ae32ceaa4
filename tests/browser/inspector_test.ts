/** The inspector's page in a real browser. */
import { assert, assertEquals } from "@std/assert";
import axe from "axe-core";
import { InspectorServer } from "../../runtime/inspector/server.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";
import { loadProfile } from "../../examples/telecom/profile_loader.ts";
import { startCluster } from "../../mod.ts";
import { browserTest, type Look, type Page } from "./chromium.ts";

const MODULE = new URL("./inspector_roles.ts", import.meta.url).href;
/** Where pictures are kept for people to look at; nowhere if not set. */
const PICTURES = Deno.env.get("TRUNKLINE_PICTURES");

/** Some nodes with tickets, and their inspector. */
class Scene implements AsyncDisposable {
  private constructor(readonly system: WorkerSystem, public server: InspectorServer) {}

  static async start(nodes = 2, count = 3): Promise<Scene> {
    const names = Array.from({ length: nodes }, (_, i) => `node-${i + 1}`);
    const system = WorkerSystem.create({ nodes: names });
    await Promise.all(
      names.map((name) =>
        system.spawn({
          address: `${name}/tickets`,
          module: MODULE,
          name: "tickets",
          config: { count },
        })
      ),
    );
    return new Scene(system, new InspectorServer(system.inspection, { port: 0 }));
  }

  /** Gives a ticket an event. */
  async step(key: string, event: string): Promise<void> {
    await this.system.ask("node-1/tickets", "step", { key, event });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.system[Symbol.asyncDispose]();
  }
}

const entry = (role: string) =>
  `[...document.querySelectorAll(".tree [data-node]")]
    .find((node) => node.dataset.node === ${JSON.stringify(role.split("/")[0])})
    ?.querySelectorAll("button")`;

/** Chooses a machine in the tree. */
async function choose(page: Page, role: string, machine: string): Promise<void> {
  await page.until(`(() => {
    const button = [...${entry(role)} ?? []].find((it) =>
      it.innerText.split("\\n")[0].trim() === ${JSON.stringify(machine)});
    button?.click();
    return button !== undefined;
  })()`);
  await page.until(`document.querySelector("h1")?.innerText.includes(${JSON.stringify(machine)})`);
  await page.until(`document.querySelector(".drawing svg") !== null`);
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot(`${PICTURES}/${name}.png`);
}

async function checkAccess(page: Page, where: string): Promise<void> {
  if (!await page.evaluate<boolean>("'axe' in window")) await page.evaluate(axe.source);
  const found = await page.evaluate<string[]>(
    `axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) =>
      id + ": " + nodes.map(({ html }) => html.slice(0, 120)).join(" | ")))`,
  );
  assertEquals(found, [], where);
}

const state = (name: string) => `document.querySelector('[data-state="${name}"]').classList`;

browserTest("inspector: a machine steps before one's eyes", async (browser) => {
  await using scene = await Scene.start();
  const page = await browser.open(scene.server.url);
  await choose(page, "node-1/tickets", "ticket");
  assertEquals(await page.text(".instances h2 small"), "3 alive");
  await page.until(`document.querySelector('[data-state="issued"] .count').textContent === "3"`);
  // Opened, its state is lit; stepped, the next one is, and so is the way there.
  await page.click(".list li:nth-of-type(2) button");
  await page.until(`${state("issued")}.contains("active")`);
  assert((await page.text(".context")).includes('"pin": "•••"'));
  await scene.step("ticket-1", "check");
  await page.until(`${state("held")}.contains("active") && !${state("issued")}.contains("active")`);
  await page.until(`document.querySelector('text.label.last')?.textContent === "check"`);
  assertEquals(await page.text("dd.state"), "held");
  await page.until(`!document.querySelector(".instance dl").innerText.includes("at least")`);
  await scene.step("ticket-1", "renew");
  await page.until(`document.querySelector(".context")?.innerText.includes('"renewed": 1')`);
  await page.until(`document.querySelectorAll(".instance .records .step").length === 2`);
  await picture(page, "inspector-light");
  // Used, its life is over, and it goes from the list.
  await scene.step("ticket-1", "use");
  await page.until(`document.querySelector("dd.state").innerText === "ended"`);
  await page.until(`document.querySelector(".instances h2 small").innerText === "2 alive"`);
  assertEquals(page.problems, []);
  const { origin, host } = new URL(scene.server.url);
  assertEquals(page.requests.filter((url) => !url.startsWith(origin) && !url.includes(host)), []);
});

browserTest(
  "inspector: the log tells of roles, and of everything if it is asked to",
  async (browser) => {
    await using scene = await Scene.start();
    const page = await browser.open(scene.server.url);
    await page.until(`document.querySelector(".head .well") !== null`);
    await page.evaluate(`(() => {
    const select = document.querySelector(".log select");
    select.value = "all";
    select.dispatchEvent(new Event("change", { bubbles: true }));
  })()`);
    // Attached a moment later.
    while (
      !(await page.evaluate<string>("document.querySelector('.log').textContent")).includes(
        "ticket:",
      )
    ) {
      await scene.step("ticket-0", "check");
      await scene.step("ticket-0", "renew");
    }
    await scene.system.ask("node-2/tickets", "$stop");
    await page.until(`document.querySelector(".log .roleEnded") !== null`);
    await page.until(`document.querySelectorAll(".tree section").length === 2`);
    assertEquals(page.problems, []);
  },
);

browserTest(
  "inspector: keys of strangers are text, and no script of theirs runs",
  async (browser) => {
    await using scene = await Scene.start();
    const evil = `<img src=x onerror="globalThis.broken=1">`;
    const page = await browser.open(scene.server.url);
    await scene.step(evil, "check");
    await choose(page, "node-1/tickets", "ticket");
    await page.until(`document.querySelectorAll(".list li").length === 4`);
    await page.click(".list li:nth-of-type(4) button");
    await page.until(`${state("held")}.contains("active")`);
    assertEquals(await page.text(".instance .key"), evil);
    await scene.step(evil, "renew");
    await page.until(`document.querySelector(".instance .records .step") !== null`);
    assertEquals(await page.evaluate("document.images.length"), 0);
    assertEquals(await page.evaluate("globalThis.broken"), undefined);
    assertEquals(page.problems, []);
  },
);

browserTest("inspector: by keyboard alone", async (browser) => {
  await using scene = await Scene.start();
  const page = await browser.open(scene.server.url);
  await page.until(`document.querySelectorAll(".tree button").length >= 4`);
  await page.press("Tab");
  assertEquals(await page.evaluate("document.activeElement.closest('.tree') !== null"), true);
  const focused = "document.activeElement.innerText.split('\\n')[0].trim()";
  for (let i = 0; await page.evaluate(focused) !== "ticket"; i++) {
    assert(i < 10, "no ticket is reached");
    await page.press("ArrowDown");
  }
  await page.press("Enter");
  await page.until(`document.querySelector(".list button") !== null`);
  for (let i = 0; !await page.evaluate("document.activeElement.closest('.list') !== null"); i++) {
    assert(i < 60, "the list is not reached");
    await page.press("Tab");
  }
  await page.press("Enter");
  assertEquals(await page.text(".instance .key"), "ticket-0");
});

const LOOKS: readonly (readonly [string, Look])[] = [
  ["light", {}],
  ["dark", { scheme: "dark" }],
  ["phone", { width: 390, height: 844, mobile: true }],
  ["phone-dark", { width: 390, height: 844, mobile: true, scheme: "dark", reducedMotion: true }],
];

for (const [name, look] of LOOKS) {
  browserTest(`inspector: usable for everybody, ${name}`, async (browser) => {
    await using scene = await Scene.start(10, 20);
    const page = await browser.open(scene.server.url, look);
    await page.until(`document.querySelectorAll(".tree section").length === 11`);
    await checkAccess(page, "before anything is chosen");
    await choose(page, "node-1/tickets", "ticket");
    await page.until(`document.querySelector(".list button") !== null`);
    await page.evaluate(`document.querySelector(".list button").click()`);
    await page.until(`document.querySelector(".instance") !== null`);
    await scene.step("ticket-0", "check");
    await page.until(`${state("held")}.contains("active")`);
    await checkAccess(page, "with an instance open");
    await picture(page, `inspector-${name}-open`);
    const wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assertEquals(await page.evaluate(wide), true, "it scrolls sideways");
    assertEquals(page.problems, []);
  });
}

browserTest(
  "inspector: it comes back with its server, and looks at what it looked at",
  async (browser) => {
    await using scene = await Scene.start();
    const page = await browser.open(scene.server.url);
    await choose(page, "node-1/tickets", "ticket");
    await page.click(".list li:nth-of-type(1) button");
    await page.until(`${state("issued")}.contains("active")`);
    const port = Number(new URL(scene.server.url).port);
    await scene.server[Symbol.asyncDispose]();
    await page.until(`document.querySelector(".head .unwell") !== null`);
    scene.server = new InspectorServer(scene.system.inspection, { port });
    await page.until(`document.querySelector(".head .well") !== null`);
    await scene.step("ticket-0", "check");
    await page.until(`${state("held")}.contains("active")`);
  },
);

browserTest(
  "inspector: a live coordinator of a cluster, its transaction held up by a cut",
  async (browser) => {
    const reference = loadProfile("reference");
    assert(reference.ok);
    const { profile } = reference;
    await using cluster = await startCluster({
      // However slow the browser is, the transaction waits for the end of the cut.
      profile: { ...profile, settings: { ...profile.settings, transactionTimeoutMs: 120_000 } },
      fast: true,
      subscribers: 100,
    });
    await using server = new InspectorServer(cluster.system.inspection, { port: 0 });
    const page = await browser.open(server.url);
    await page.until(`document.querySelectorAll(".tree section").length === 6`);
    const cores = cluster.profile.nodes.filter(({ tier }) => tier === "core").map(({ name }) =>
      name
    );
    const clouds = cluster.profile.nodes.filter(({ tier }) => tier === "cloud").map(({ name }) =>
      name
    );
    const set = (up: boolean) => {
      for (const core of cores) for (const cloud of clouds) cluster.changeLink(core, cloud, { up });
    };
    set(false);
    const transfer = cluster.rpc("account.transfer", {
      from: "254700000000",
      to: "254700000001",
      amount: 250,
      idempotencyKey: "watched",
    });
    transfer.catch(() => {});
    // Whichever coordinator has it.
    let busy: string | undefined;
    const deadline = performance.now() + 20_000;
    while (busy === undefined) {
      assert(performance.now() < deadline, "no coordinator has the transaction");
      for (const core of cores) {
        const list = await cluster.system.inspection.list(
          `${core}/coordinator`,
          "twoPhaseCommit.coordinator",
        );
        if (list.some(({ state }) => state.startsWith("preparing"))) busy = core;
      }
    }
    await choose(page, `${busy}/coordinator`, "twoPhaseCommit.coordinator");
    await page.until(`${state("preparing")}.contains("active")`);
    await picture(page, "inspector-coordinator");
    set(true);
    assertEquals((await transfer).amount, 250);
    await page.until(`document.querySelector("dd.state").innerText === "ended"`);
    const steps = await page.text(".instance .records");
    assert(/preparing\S* → deciding/.test(steps), steps);
    assert(/durable/.test(steps), steps);
    assertEquals(page.problems, []);
  },
);
