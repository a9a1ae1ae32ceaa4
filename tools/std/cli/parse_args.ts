/**
 * `parseArgs` with the documented behaviour of `@std/cli`.
 *
 * `util.parseArgs` of Node must know every option beforehand, never reads `-p 80` or `--port 80` of
 * an option it was not told of, reads `-f=x` as five flags and takes no text for a number; so
 * nothing of it could be used here.
 *
 * @module
 */
import { type Entry, type Reading, readLong, readShort } from "./reading.ts";
import { Rules } from "./rules.ts";
import type { Aliases, Args, ParseOptions, Values } from "./types.ts";

export type { Args, ParseOptions } from "./types.ts";

type Result = Record<string, unknown> & { _: (string | number)[] };

/**
 * Reads command line arguments.
 *
 * - `--name value`, `--name=value`, `-n value`, `-n=value`, `-n5` and `-abc` are options; an option
 *   that is followed by another one, by `--` or by nothing is `true` (`""` if declared a string).
 * - All else, and all after `--`, goes to `_` (after `--` to `"--"`, if that option is set).
 * - Text that reads as a number becomes one, in options and in `_`, unless declared a string.
 * - A boolean takes no value except `=...` or a following `true` or `false`.
 * - A name with dots nests: `--a.b 1` gives `{ a: { b: 1 } }`.
 * - A repeated option keeps the last value, or all of them if it is in `collect`.
 *
 * @param args Such as `Deno.args`.
 * @param options What is declared; booleans are `false`, collected ones `[]` where absent.
 */
export function parseArgs<
  TBooleans extends boolean | string | undefined = undefined,
  TStrings extends string | undefined = undefined,
  TCollectable extends string | undefined = undefined,
  TNegatable extends string | undefined = undefined,
  TDefault extends Record<string, unknown> | undefined = undefined,
  const TAliases extends Aliases | undefined = undefined,
  TDoubleDash extends boolean | undefined = undefined,
>(
  args: string[],
  options: ParseOptions<
    TBooleans,
    TStrings,
    TCollectable,
    TNegatable,
    TDefault,
    TAliases,
    TDoubleDash
  > = {},
): Args<
  Values<TBooleans, TStrings, TCollectable, TNegatable, TDefault, TAliases>,
  TDoubleDash
> {
  const rules = new Rules(options);
  const end = args.indexOf("--");
  const result: Result = { _: [] };
  readAll(end < 0 ? args : args.slice(0, end), rules, options, result);
  fillIn(result, rules, options.default ?? {});
  const rest = end < 0 ? [] : args.slice(end + 1);
  if (options["--"]) result["--"] = rest;
  else result._.push(...rest);
  return result as Args<
    Values<TBooleans, TStrings, TCollectable, TNegatable, TDefault, TAliases>,
    TDoubleDash
  >;
}

function readAll(args: string[], rules: Rules, options: ParseOptions, result: Result): void {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const reading = read(arg, args[i + 1], rules);
    if (reading) {
      for (const entry of reading.entries) store(result, rules, options, arg, entry);
      if (reading.tookNext) i++;
      continue;
    }
    if (options.unknown?.(arg) !== false) {
      result._.push(rules.strings.has("_") ? arg : asNumber(arg));
    }
    if (options.stopEarly) {
      result._.push(...args.slice(i + 1));
      return;
    }
  }
}

/** `undefined` for what is no option; a lone `-` is none. */
function read(arg: string, next: string | undefined, rules: Rules): Reading | undefined {
  if (!arg.startsWith("-") || arg === "-") return undefined;
  return arg.startsWith("--") ? readLong(arg, next, rules) : readShort(arg, next, rules);
}

function store(
  result: Result,
  rules: Rules,
  options: ParseOptions,
  arg: string,
  { name, value, negated }: Entry,
): void {
  if (!rules.knows(name, arg) && options.unknown?.(arg, name, value) === false) return;
  const typed = typeof value === "string" && !rules.strings.has(name) ? asNumber(value) : value;
  const collects = !negated && rules.collected.has(name);
  for (const key of rules.namesOf(name)) {
    const before = held(result, key)?.value;
    set(result, key, !collects ? typed : Array.isArray(before) ? [...before, typed] : [typed]);
  }
}

/** The number a text reads as, hexadecimal included; the text itself if it reads as none. */
function asNumber(text: string): string | number {
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

function fillIn(result: Result, rules: Rules, defaults: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(defaults)) {
    if (held(result, name)) continue;
    for (const key of rules.namesOf(name)) set(result, key, value);
  }
  for (const name of rules.booleans) {
    if (!held(result, name)) set(result, name, rules.collected.has(name) ? [] : false);
  }
  for (const name of rules.strings) {
    if (!held(result, name) && rules.collected.has(name)) set(result, name, []);
  }
}

/** What is held under a dotted name, if anything is. */
function held(result: Result, name: string): { readonly value: unknown } | undefined {
  let value: unknown = result;
  for (const part of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) {
      return undefined;
    }
    value = Reflect.get(value, part);
  }
  return { value };
}

/** Defines own properties only, so that `--__proto__.x` reaches no prototype. */
function set(result: Result, name: string, value: unknown): void {
  const parts = name.split(".");
  const last = parts.pop()!;
  let at: object = result;
  for (const part of parts) {
    const before: unknown = Object.hasOwn(at, part) ? Reflect.get(at, part) : undefined;
    const inner = typeof before === "object" && before !== null ? before : {};
    define(at, part, inner);
    at = inner;
  }
  define(at, last, value);
}

function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}
