/** Tables and charts of the documents, made from the code: a test holds the documents to them. */
import type { AnyStateMachine, AnyStateNode } from "xstate";
import { type Method, methods } from "../../examples/telecom/api.ts";
import { apiErrors } from "../../examples/telecom/api_errors.ts";
import type { JsonSchema } from "../../examples/telecom/schemas.ts";

/** The methods of the API. */
export function methodTable(): string[] {
  const rows = Object.entries<Method>(methods).map(([name, method]) => [
    `\`${name}\``,
    method.summary,
    names(method.params.json),
    names(method.result.json),
    who(method),
  ]);
  return table(["method", "what it does", "parameters", "result", "who"], rows);
}

/** The errors of the API. */
export function errorTable(): string[] {
  const rows = Object.entries(apiErrors).map(([name, { code, message, outcome, retryable }]) => [
    `${code}`,
    `\`${name}\``,
    message,
    outcome,
    retryable ? "yes" : "no",
  ]);
  return table(["code", "name", "message", "outcome", "retryable"], rows);
}

/** The arrows of a machine between different outer states, `from --> to`, sorted. */
export function arrowsOf(machine: AnyStateMachine): string[] {
  const found = new Set<string>();
  const visit = (node: AnyStateNode) => {
    const [from] = node.path;
    for (const { target } of [...node.transitions.values()].flat()) {
      const to = target?.[0]?.path[0];
      // What may happen anywhere is said beside the chart.
      if (from !== undefined && to !== undefined && from !== to) found.add(`${from} --> ${to}`);
    }
    Object.values(node.states).forEach(visit);
  };
  visit(machine.root);
  return [...found].sort();
}

/** The same of each state diagram in a document. */
export function arrowsDrawn(document: string): string[][] {
  return [...document.matchAll(/```mermaid\nstateDiagram-v2\n(.*?)```/gs)].map(([, chart]) => {
    const arrows = [...chart!.matchAll(/^ *(\w+) --> (\w+)/gm)].filter(([, from, to]) =>
      from !== to
    );
    return [...new Set(arrows.map(([, from, to]) => `${from} --> ${to}`))].sort();
  });
}

function names(json: JsonSchema): string {
  const { properties = {}, oneOf } = json as {
    readonly properties?: Readonly<Record<string, unknown>>;
    readonly oneOf?: readonly { readonly required: readonly string[] }[];
  };
  if (oneOf !== undefined) return oneOf.map(({ required }) => `\`${required}\``).join(" or ");
  const found = Object.keys(properties).map((name) => `\`${name}\``);
  return found.length > 0 ? found.join(", ") : "-";
}

function who({ roles, own }: Method): string {
  if (roles.length === 0) return "anyone";
  if (!roles.includes("subscriber")) return roles.join(", ");
  return `own \`${own}\`, ${roles.filter((role) => role !== "subscriber").join(", ")}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
}

if (import.meta.main) console.log([...methodTable(), "", ...errorTable()].join("\n"));
