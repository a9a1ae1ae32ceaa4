/** What the parts of the HTTP test share. */
import { assertEquals } from "@std/assert";
import { apiErrors, type ErrorName } from "../../examples/telecom/api_errors.ts";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import type { Answer } from "./real_cluster.ts";

/** Three subscribers. */
export const A: string = seedMsisdn(0);
export const B: string = seedMsisdn(1);
export const C: string = seedMsisdn(2);

export function assertError(answer: Answer, name: ErrorName, outcome = "none"): void {
  assertEquals(answer.error?.code, apiErrors[name].code, `${name}: ${JSON.stringify(answer)}`);
  assertEquals(answer.error?.data.outcome, outcome);
  assertEquals(answer.result, undefined);
}

let keys = 0;

/** An idempotency key that was not used before. */
export function key(): string {
  return `key-${++keys}`;
}
