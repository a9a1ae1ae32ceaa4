/**
 * The shapes of the API's parameters and results: each as a valibot schema, which checks them, and
 * as JSON Schema, which describes them. A test holds the two against each other.
 *
 * @module
 */
import * as v from "valibot";
import { BEHAVIOURS } from "../../actors/byzantine.ts";
import { MAX_CENTS } from "./rows.ts";

/** A JSON Schema, of the few keywords used here. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** A schema in both forms. */
export interface Shape {
  /** It checks. */
  readonly schema: import("valibot").GenericSchema<unknown, unknown>;
  /** It describes. */
  readonly json: JsonSchema;
}

/** The fields of an object, by name; all are required. */
export type Fields = Readonly<Record<string, Shape>>;

function text(description: string, pattern: RegExp, expected: string): Shape {
  const message = (issue: { received: string }) => `must be ${expected}, got ${issue.received}`;
  return {
    schema: v.pipe(v.string(message), v.regex(pattern, message)),
    json: { type: "string", description, pattern: pattern.source },
  };
}

function integer(description: string, minimum: number, maximum = MAX_CENTS): Shape {
  const message = (issue: { received: string }) =>
    `must be a whole number from ${minimum} to ${maximum}, got ${issue.received}`;
  return {
    schema: v.pipe(
      v.number(message),
      v.safeInteger(message),
      v.minValue(minimum, message),
      v.maxValue(maximum, message),
    ),
    json: { type: "integer", description, minimum, maximum },
  };
}

function number(description: string, minimum: number, maximum: number): Shape {
  const message = (issue: { received: string }) =>
    `must be a number from ${minimum} to ${maximum}, got ${issue.received}`;
  return {
    schema: v.pipe(v.number(message), v.minValue(minimum, message), v.maxValue(maximum, message)),
    json: { type: "number", description, minimum, maximum },
  };
}

/** An object of exactly these fields; those of `optional` may be left out. */
export function object(fields: Fields, optional: Fields = {}): Shape {
  const entries = Object.entries(fields);
  const others = Object.entries(optional);
  const names = [...Object.keys(fields), ...Object.keys(optional)];
  return {
    schema: v.strictObject(
      Object.fromEntries([
        ...entries.map(([name, { schema }]) => [name, schema] as const),
        ...others.map(([name, { schema }]) => [name, v.exactOptional(schema)] as const),
      ]),
      (issue) => objectMessage(issue, names),
    ),
    json: {
      type: "object",
      properties: Object.fromEntries(
        [...entries, ...others].map(([name, { json }]) => [name, json]),
      ),
      required: Object.keys(fields),
      additionalProperties: false,
    },
  };
}

/** A list of 1 to `most` of a shape. */
export function list(of: Shape, most: number, description: string): Shape {
  const message = (issue: { received: string }) =>
    `must be a list of 1 to ${most}, got ${issue.received}`;
  return {
    schema: v.pipe(
      v.array(of.schema, message),
      v.minLength(1, message),
      v.maxLength(most, message),
    ),
    json: { type: "array", description, items: of.json, minItems: 1, maxItems: most },
  };
}

/** An object of exactly one of these fields. */
export function oneOf(fields: Fields): Shape {
  const entries = Object.entries(fields);
  const names = Object.keys(fields);
  return {
    schema: v.union(
      entries.map(([name, field]) => object({ [name]: field }).schema),
      `takes exactly one of ${names.join(", ")}`,
    ),
    json: {
      type: "object",
      properties: Object.fromEntries(entries.map(([name, { json }]) => [name, json])),
      oneOf: names.map((name) => ({ required: [name] })),
      additionalProperties: false,
    },
  };
}

/** A further rule, which JSON Schema cannot say. */
export function also(
  shape: Shape,
  rule: (value: Readonly<Record<string, unknown>>) => boolean,
  message: string,
): Shape {
  const check = v.check<unknown, string>(
    (value) => rule(value as Readonly<Record<string, unknown>>),
    message,
  );
  return { schema: v.pipe(shape.schema, check), json: shape.json };
}

function objectMessage(issue: v.StrictObjectIssue, names: readonly string[]): string {
  const name = issue.expected === "never" ? "unknown" : issue.expected;
  const takes = names.length === 0 ? "nothing" : names.join(", ");
  return name === "unknown" ? `is unknown: the method takes ${takes}` : "is missing";
}

/** A subscriber's number. */
export const msisdn: Shape = text(
  "The number: 8 to 15 E.164 digits, no plus",
  /^[1-9]\d{7,14}$/,
  "8 to 15 digits without a plus",
);

/** A SIM. */
export const imsi: Shape = text("The SIM: 14 or 15 digits", /^\d{14,15}$/, "14 or 15 digits");

/** Cents to move. */
export const amount: Shape = integer("Cents, more than none", 1);

/** Cents to add, or to take where negative. */
export const change: Shape = integer(
  "Cents to add, or to take where negative; 0 only looks",
  -MAX_CENTS,
);

/** What a balance must be. */
export const bounds: Shape = object({}, {
  min: integer("Cents, at least", 0),
  max: integer("Cents, at most", 0),
});

/** Cents there are. */
export const balance: Shape = integer("Cents", 0);

/** How often an account was changed. */
export const version: Shape = integer("Grows with every change of the account", 1);

/** Milliseconds since 1970. */
export const instant: Shape = integer("Milliseconds since 1970", 0);

/** An idempotency key. */
export const idempotencyKey: Shape = text(
  "The client's own name for this request: sent again with it, the request is answered again, " +
    "not done again. Kept for 24 hours",
  /^[\x20-\x7e]{1,128}$/,
  "1 to 128 printable ASCII characters",
);

/** A session. */
export const session: Shape = text(
  "What session.open gave",
  /^[A-Za-z0-9_-]{1,64}$/,
  "1 to 64 letters, digits, _ or -",
);

/** A node's name. */
export const node: Shape = text("A node, such as edge-1", /^[a-z][a-z0-9-]*$/, "a name");

/** A role, by its address. */
export const role: Shape = text(
  "A role, such as core-1/coordinator",
  /^[a-z][a-z0-9-]*\/[a-z]+$/,
  "NODE/ROLE",
);

/** Directed links, by the nodes they join. */
export const links: Shape = list(
  object({ from: node, to: node }),
  1024,
  "Links, each in one direction",
);

/** How much of what is sent on a link is lost. */
export const loss: Shape = number("The share of messages lost", 0, 1);

/** How long a message is on its way. */
export const linkDelay: Shape = integer("One way, in ms", 0, 60_000);

/** How long a load lasts. */
export const loadMs: Shape = integer("For how long, in ms", 1, 60_000);
/** Ways for a replica to lie; none: it is correct again. */
export const behaviours: Shape = {
  schema: v.pipe(
    v.array(
      v.picklist(BEHAVIOURS, `must be one of ${BEHAVIOURS.join(", ")}`),
      "must be a list of behaviours",
    ),
    v.maxLength(BEHAVIOURS.length, "must name each behaviour once"),
  ),
  json: {
    type: "array",
    description: "Ways to lie from now on; none: correct again",
    items: { type: "string", enum: [...BEHAVIOURS] },
    maxItems: BEHAVIOURS.length,
  },
};

/** Transactions that a coordinator runs at once. */
export const concurrency: Shape = integer("Transactions a coordinator runs at once", 1);

/** Counts the changes of the configuration. */
export const epoch: Shape = integer("Counts the changes of the configuration", 1);

/** The id of a transaction. */
export const transactionId: Shape = text(
  "The log of its coordinator, a colon, and its number in it, as transactions.list gives it",
  /^[0-9a-f-]{36}:(0|[1-9]\d{0,15})$/,
  "an id such as transactions.list gives",
);

/** What an operator decides. */
export const decision: Shape = text("commit or abort", /^(?:commit|abort)$/, "commit or abort");

/** Why an operator decides so. */
export const reason: Shape = text(
  "Why, for the audit",
  /^[^\p{Cc}]{1,200}$/u,
  "1 to 200 characters without line breaks",
);

/** A list of objects. */
export const records: Shape = {
  schema: v.array(v.record(v.string(), v.unknown())),
  json: { type: "array", items: { type: "object" } },
};

/** A list of addresses of roles. */
export const addresses: Shape = {
  schema: v.array(v.string()),
  json: { type: "array", items: { type: "string" } },
};

/** Always true. */
export const yes: Shape = {
  schema: v.literal(true),
  json: { type: "boolean", const: true },
};

/** Any object: the OpenRPC document has its own schema. */
export const anyObject: Shape = {
  schema: v.record(v.string(), v.unknown()),
  json: { type: "object" },
};
