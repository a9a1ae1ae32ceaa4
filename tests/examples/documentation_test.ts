/** The README says what the code says; links lead somewhere. */
import { assert, assertEquals } from "@std/assert";
import { CLUSTER_HELP } from "../../examples/telecom/cluster_options.ts";
import { detector } from "../../protocols/deadlock/detector.ts";
import { coordinator } from "../../protocols/two_phase_commit/coordinator.ts";
import { heuristic } from "../../protocols/two_phase_commit/heuristic.ts";
import { holder } from "../../protocols/two_phase_commit/holder.ts";
import { participant } from "../../protocols/two_phase_commit/participant.ts";
import { roleMachine } from "../../runtime/role_machine.ts";
import { arrowsDrawn, arrowsOf, errorTable, methodTable } from "./documentation.ts";

const ROOT = new URL("../../", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", ROOT));
const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));

/** Tables are padded by the formatter: one space and three dashes stand for all. */
function plain(line: string): string {
  return line.replaceAll(/-{3,}/g, "---").replaceAll(/ +/g, " ").trim();
}

/** The table of the README whose first row begins so. */
function tableOf(head: string): string[] {
  const lines = readme.split("\n").map(plain);
  const start = lines.findIndex((line) => line.startsWith(head));
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  return lines.slice(start, end);
}

/** The first cells of a table, without the backquotes. */
function firstCells(head: string): string[] {
  return tableOf(head).slice(2).map((row) => row.split("|")[1]!.trim().replaceAll("`", ""));
}

Deno.test("README: methods", () => assertEquals(tableOf("| method |"), methodTable()));
Deno.test("README: errors", () => assertEquals(tableOf("| code |"), errorTable()));

Deno.test("README: options of the cluster", () => {
  const documented = firstCells("| option |").map((cell) => cell.split(" ")[0]);
  const known = [...CLUSTER_HELP.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option]) => option);
  assertEquals(documented, known);
});

Deno.test("README: imports", () => {
  assertEquals(firstCells("| import |"), Object.keys(config.exports));
});

Deno.test("README: stories", async () => {
  for await (const { name } of Deno.readDir(new URL("examples/", ROOT))) {
    if (name.endsWith(".ts") && !name.endsWith("_actor.ts")) {
      assert(readme.includes(`(examples/${name})`), `${name} is not mentioned`);
    }
  }
});

const architecture = await Deno.readTextFile(new URL("docs/architecture.md", ROOT));
const charts = { roleMachine, coordinator, participant, holder, detector, heuristic };
for (const [i, [name, machine]] of Object.entries(charts).entries()) {
  Deno.test(`docs/architecture.md: the chart of ${name} has the arrows of the machine`, () => {
    assertEquals(arrowsDrawn(architecture)[i], arrowsOf(machine));
  });
}

const documents = ["README.md", "docs/architecture.md"];
for await (const { name } of Deno.readDir(new URL("docs/decisions/", ROOT))) {
  documents.push(`docs/decisions/${name}`);
}
for (const path of documents) {
  Deno.test(`${path}: links lead somewhere`, async () => {
    const url = new URL(path, ROOT);
    const text = await Deno.readTextFile(url);
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      await Deno.stat(new URL(target!, url));
    }
  });
}
