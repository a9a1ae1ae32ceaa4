import type { ParseOptions } from "./types.ts";

/** What the options declare about each name, aliases included. */
export class Rules {
  readonly booleans: ReadonlySet<string>;
  readonly strings: ReadonlySet<string>;
  readonly collected: ReadonlySet<string>;
  readonly negatable: ReadonlySet<string>;
  /** Every `--name` without `=` is a boolean. */
  readonly allBooleans: boolean;
  readonly #aliases = new Map<string, readonly string[]>();

  /** @throws {TypeError} If an alias is `undefined`. */
  constructor(options: ParseOptions) {
    for (const [name, value] of Object.entries(options.alias ?? {})) {
      if (value === undefined) throw new TypeError("Alias value must be defined");
      const group = [name, ...[value].flat()];
      for (const one of group) this.#aliases.set(one, group.filter((other) => other !== one));
    }
    this.allBooleans = options.boolean === true;
    this.booleans = this.#names(options.boolean);
    this.strings = this.#names(options.string);
    this.collected = this.#names(options.collect);
    this.negatable = this.#names(options.negatable);
  }

  #names(declared: boolean | string | readonly string[] | undefined): Set<string> {
    if (!declared || declared === true) return new Set();
    return new Set([declared].flat().filter(Boolean).flatMap((name) => this.namesOf(name)));
  }

  /** The name and its aliases. */
  namesOf(name: string): readonly string[] {
    return [name, ...(this.#aliases.get(name) ?? [])];
  }

  /** Whether `arg`, which sets `name`, was declared; if not, it is for `unknown` to judge. */
  knows(name: string, arg: string): boolean {
    return this.booleans.has(name) || this.strings.has(name) || this.#aliases.has(name) ||
      (this.allBooleans && /^--[^=]+$/.test(arg));
  }
}
