/**
 * A chart as a Mermaid state diagram.
 *
 * @module
 */
import type { Chart } from "./chart.ts";

/** What Mermaid takes for a name. */
const idOf = (path: string) => path.replaceAll(/[^A-Za-z0-9_]/g, "_");
/** What Mermaid takes for a text: a colon or semicolon would end it. */
const textOf = (text: string) => text.replaceAll(/[:;#{}]/g, " ");

/** Draws a chart. */
export function chartMermaid(chart: Chart): string {
  const lines = ["stateDiagram-v2"];
  const write = (parent: string, indent: string) => {
    for (const state of chart.states.filter((it) => it.parent === parent)) {
      const id = idOf(state.path);
      const parts = state.type === "compound" || state.type === "parallel";
      if (state.initial) lines.push(`${indent}[*] --> ${id}`);
      if (id !== state.name || parts) lines.push(`${indent}state "${textOf(state.name)}" as ${id}`);
      if (parts) {
        lines.push(`${indent}state ${id} {`);
        write(state.path, `${indent}  `);
        lines.push(`${indent}}`);
      }
      for (const line of state.lines) lines.push(`${indent}${id}: ${textOf(line)}`);
      if (state.type === "final") lines.push(`${indent}${id} --> [*]`);
    }
  };
  write("", "  ");
  for (const { from, to, labels } of chart.edges) {
    const text = labels.map((label) => textOf(label.text)).join("<br>");
    lines.push(`  ${idOf(from)} --> ${idOf(to)}: ${text}`);
  }
  return lines.join("\n") + "\n";
}
