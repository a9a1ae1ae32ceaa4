/**
 * What leaves a role for an inspector, with secrets masked. A name that ends like one of
 * {@link SECRET_NAMES} is never shown; a machine may mark more of its own with
 * `meta: { secrets: ["pin", ...] }`, or all of its context and events with `meta: { secrets: "all" }`.
 *
 * @module
 */
import type { AnyStateMachine } from "../xstate_types.ts";

/** What stands in place of a secret. */
export const MASK = "•••";

/** Ends of names, in lower case and without `_` and `-`, of what is a secret wherever it occurs. */
export const SECRET_NAMES: readonly string[] = [
  "token",
  "secret",
  "password",
  "passphrase",
  "privatekey",
  "secretkey",
  "sharedkey",
  "sessionkey",
  "apikey",
  "credential",
  "credentials",
  "authorization",
  "cookie",
  "otp",
  "pin",
];

/** Longest JSON of one value that is passed on, in characters. */
export const MOST_JSON = 16 * 1024;

/** Codes values as JSON for an inspector. */
export class Masking {
  readonly #all: boolean;
  readonly #names: readonly string[];

  /** Masks secrets. @param machine whose values are coded; its own marks are added to the names */
  constructor(machine?: AnyStateMachine) {
    const meta = machine?.config.meta as { secrets?: unknown } | undefined;
    const own = meta?.secrets;
    this.#all = own === "all";
    this.#names = [
      ...SECRET_NAMES,
      ...(Array.isArray(own) ? own.map((name) => plain(String(name))) : []),
    ];
  }

  /** JSON of a value; what cannot be coded, or is too long, is said instead. */
  json(value: unknown): string {
    let text: string | undefined;
    try {
      text = JSON.stringify(value, (name, inner) => this.#show(name, inner));
    } catch (error) {
      return JSON.stringify({ unreadable: (error as Error).message });
    }
    if (text === undefined) return "null";
    return text.length <= MOST_JSON
      ? text
      : JSON.stringify({ omitted: `${text.length} characters` });
  }

  /** JSON of a context, or of an event: of one whose machine says "all", its type alone. */
  whole(value: unknown): string {
    if (!this.#all) return this.json(value);
    const type = (value as { type?: unknown } | null | undefined)?.type;
    return JSON.stringify(type === undefined ? MASK : { type, secrets: MASK });
  }

  #show(name: string, value: unknown): unknown {
    if (name !== "" && value !== undefined && value !== null && this.#secret(name)) return MASK;
    if (typeof value === "bigint") return value.toString();
    if (typeof value === "function") return undefined;
    if (value === Infinity) return "Infinity";
    if (value instanceof Map) return Object.fromEntries(value);
    if (value instanceof Set) return [...value];
    if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
    return value;
  }

  #secret(name: string): boolean {
    const text = plain(name);
    return this.#names.some((secret) => text.endsWith(secret));
  }
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, "");
}
