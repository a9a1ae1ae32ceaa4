/**
 * A machine as JSON that `createMachine` takes: what draws it in an inspector. Functions become the
 * names they have, or are left out where nothing can stand for them.
 *
 * @module
 */
import type { AnyStateMachine } from "../xstate_types.ts";
import { Masking } from "./mask.ts";

/** Keys whose functions are values, not something that is named. */
const VALUES: ReadonlySet<string> = new Set(["context", "params", "input", "output", "systemId"]);

interface Named {
  readonly name: string;
  readonly type?: unknown;
}

/** The definition of a machine. Its initial context is masked as {@link Masking} says. */
export function definitionOf(machine: AnyStateMachine): string {
  const masking = new Masking(machine);
  return JSON.stringify(machine.config, function (key: string, value: unknown): unknown {
    if (key === "context" && typeof value !== "function") return JSON.parse(masking.whole(value));
    if (typeof value === "bigint") return value.toString();
    if (typeof value !== "function") return value;
    if (VALUES.has(key)) return undefined;
    const { type, name } = value as unknown as Named;
    return { type: typeof type === "string" ? type : name === "" ? "inline" : name };
  });
}
