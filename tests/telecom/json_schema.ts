/** A checker for the few keywords of JSON Schema that the API's table uses. */
import type { JsonSchema } from "../../examples/telecom/schemas.ts";

const checks: Readonly<Record<string, (value: unknown, at: never, all: JsonSchema) => boolean>> = {
  description: () => true,
  type: (value, at: string) => typeIs(value, at),
  enum: (value, at: unknown[]) => at.includes(value),
  const: (value, at: unknown) => value === at,
  pattern: (value, at: string) => typeof value !== "string" || new RegExp(at, "u").test(value),
  minimum: (value, at: number) => typeof value !== "number" || value >= at,
  maximum: (value, at: number) => typeof value !== "number" || value <= at,
  items: (value, at: JsonSchema) =>
    !Array.isArray(value) || value.every((item) => conforms(item, at)),
  minItems: (value, at: number) => !Array.isArray(value) || value.length >= at,
  maxItems: (value, at: number) => !Array.isArray(value) || value.length <= at,
  required: (value, at: string[]) =>
    !isObject(value) || at.every((key) => Object.hasOwn(value, key)),
  properties: (value, at: Record<string, JsonSchema>) =>
    !isObject(value) ||
    Object.entries(at).every(([key, schema]) =>
      !Object.hasOwn(value, key) || conforms(value[key], schema)
    ),
  additionalProperties: (value, at: boolean, all) =>
    at || !isObject(value) ||
    Object.keys(value).every((key) => Object.hasOwn(all.properties as object, key)),
  oneOf: (value, at: JsonSchema[]) => at.filter((schema) => conforms(value, schema)).length === 1,
};

/** Whether a value is what a schema describes. */
export function conforms(value: unknown, schema: JsonSchema): boolean {
  return Object.entries(schema).every(([keyword, at]) => {
    const check = checks[keyword];
    if (check === undefined) throw new Error(`Cannot check ${keyword}`);
    return check(value, at as never, schema);
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function typeIs(value: unknown, type: string): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "object") return isObject(value);
  if (type === "array") return Array.isArray(value);
  const actual: string = typeof value;
  return actual === type;
}
