/**
 * The API's description of itself, made from its tables.
 *
 * @module
 */
import { type Method, methods } from "./api.ts";
import { apiErrors, type ErrorName } from "./api_errors.ts";
import type { Value } from "../../actors/ledger.ts";
import type { JsonSchema } from "./schemas.ts";

/** Errors that any method may answer with. */
const common: readonly ErrorName[] = [
  "parse_error",
  "invalid_request",
  "invalid_params",
  "internal_error",
  "overloaded",
  "unavailable",
  "timeout",
  "body_too_large",
  "batch_too_large",
];

/**
 * The OpenRPC 1.3 document that `rpc.discover` answers with.
 *
 * @param version The version of the API.
 */
export function openRpcDocument(version: string): { readonly [key: string]: Value } {
  const document = {
    openrpc: "1.3.2",
    info: {
      title: "Trunkline telecom",
      version,
      description: "JSON-RPC 2.0 over POST /rpc. Parameters by name. Money in integer cents. " +
        "A token goes into the header Authorization: Bearer. The same write sent again with the " +
        "same idempotencyKey is answered again, not done again. An error's data.outcome is " +
        "`none` where nothing was changed, `unknown` where it may have been.",
    },
    methods: Object.entries(methods).map(([name, method]) => describe(name, method)),
    components: {
      errors: Object.fromEntries(
        Object.keys(apiErrors).map((name) => [name, describeError(name as ErrorName)]),
      ),
    },
  };
  return document as unknown as { readonly [key: string]: Value };
}

function describe(name: string, method: Method) {
  const { properties = {}, required = [] } = method.params.json as {
    properties?: Readonly<Record<string, JsonSchema>>;
    required?: readonly string[];
  };
  return {
    name,
    summary: method.summary,
    paramStructure: "by-name",
    params: Object.entries(properties).map(([param, schema]) => ({
      name: param,
      required: required.includes(param),
      schema,
    })),
    result: { name: "result", schema: method.result.json },
    errors: errorsOf(method).map((error) => ({ $ref: `#/components/errors/${error}` })),
    "x-kind": method.kind,
    "x-roles": method.roles,
    "x-params": method.params.json,
  };
}

function errorsOf(method: Method): readonly ErrorName[] {
  const guarded: readonly ErrorName[] = method.roles.length === 0
    ? []
    : ["unauthenticated", "forbidden"];
  const shared = method.kind === "read" || method.kind === "write";
  const contended: readonly ErrorName[] = shared ? ["conflict"] : [];
  return [...method.errors, ...guarded, ...contended, ...common];
}

function describeError(name: ErrorName) {
  const { code, message, outcome, retryable } = apiErrors[name];
  return { code, message, data: { outcome, retryable, reason: name } };
}
