/**
 * Draws every machine that ships into `docs/charts/`, as Mermaid and as SVG: `deno task charts`.
 */
import { type AnyStateMachine, StateMachine } from "xstate";
import { chartOf } from "../runtime/inspector/chart.ts";
import { chartMermaid } from "../runtime/inspector/chart_mermaid.ts";
import { chartSvg } from "../runtime/inspector/chart_svg.ts";
import { Layouter } from "../runtime/inspector/layout.ts";

const ROOT = new URL("../", import.meta.url);
/** Where the drawings are. */
export const CHARTS = new URL("docs/charts/", ROOT);
/** Where the machines are. */
const FOLDERS = ["protocols/", "runtime/"];

const HEAD = `# Charts

Every machine that ships, drawn from itself by \`deno task charts\`; a test fails when a drawing is
stale. A live one is shown by \`deno task cluster --inspect\`.

| machine | source | |
| ------- | ------ | --- |
`;

/** A machine and where it is exported. */
interface Found {
  readonly machine: AnyStateMachine;
  readonly path: string;
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) yield* sources(`${folder}${name}/`);
    // A worker's script is not imported, and a page has no machine.
    else if (/(?<!_worker|entry)\.ts$/.test(name) && !folder.includes("/page/")) {
      yield `${folder}${name}`;
    }
  }
}

/** Every machine that a module exports by itself, by its id. */
export async function shippedMachines(): Promise<Found[]> {
  const found = new Map<AnyStateMachine, Found>();
  for (const folder of FOLDERS) {
    for (const path of (await Array.fromAsync(sources(folder))).sort()) {
      if (!(await Deno.readTextFile(new URL(path, ROOT))).includes("createMachine(")) continue;
      const module: Record<string, unknown> = await import(new URL(path, ROOT).href);
      for (const value of Object.values(module)) {
        if (value instanceof StateMachine) found.set(value, { machine: value, path });
      }
    }
  }
  return [...found.values()].sort((a, b) => a.machine.id < b.machine.id ? -1 : 1);
}

/** What has to be in the folder, by the name of its file. */
export async function drawings(): Promise<ReadonlyMap<string, string>> {
  using layouter = new Layouter();
  const files = new Map<string, string>();
  let index = HEAD;
  for (const { machine, path } of await shippedMachines()) {
    const { id } = machine;
    if (files.has(`${id}.svg`)) {
      throw new Error(`Two machines have the id ${id}: one is of ${path}`);
    }
    const chart = chartOf(machine);
    files.set(`${id}.svg`, chartSvg(await layouter.place(chart), true));
    files.set(`${id}.mmd`, chartMermaid(chart));
    index += `| \`${id}\` | [${path}](../../${path}) | [SVG](${id}.svg), [Mermaid](${id}.mmd) |\n`;
  }
  files.set("README.md", index);
  return files;
}

if (import.meta.main) {
  await Deno.mkdir(CHARTS, { recursive: true });
  const wanted = await drawings();
  for await (const { name } of Deno.readDir(CHARTS)) {
    if (!wanted.has(name)) await Deno.remove(new URL(name, CHARTS));
  }
  for (const [name, text] of wanted) await Deno.writeTextFile(new URL(name, CHARTS), text);
  console.error(`${wanted.size} files in docs/charts`);
}
