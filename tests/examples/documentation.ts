/** The tables of the README, made from the code: a test keeps the README equal to them. */
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

function names(json: JsonSchema): string {
  const { properties, oneOf } = json as {
    readonly properties?: Readonly<Record<string, unknown>>;
    readonly oneOf?: readonly JsonSchema[];
  };
  if (oneOf !== undefined) return oneOf.map(names).join(" or ");
  const found = Object.keys(properties ?? {}).map((name) => `\`${name}\``);
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
