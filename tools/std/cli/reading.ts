import type { Rules } from "./rules.ts";

/** One option read. */
export type Entry = {
  readonly name: string;
  readonly value: string | boolean;
  /** It was `--no-name`: the value replaces what was collected. */
  readonly negated?: boolean;
};

/** What one argument says, and whether the next one was its value. */
export type Reading = { readonly entries: readonly Entry[]; readonly tookNext: boolean };

/** Reads `--name`, `--name=value`, `--no-name` and `--name value`. */
export function readLong(arg: string, next: string | undefined, rules: Rules): Reading {
  const negation = /^--no-(?=.)/.exec(arg)?.[0];
  const body = arg.slice(negation?.length ?? 2);
  const equals = body.indexOf("=", 1);
  if (equals > 0 && equals < body.length - 1) {
    const name = body.slice(0, equals);
    const text = body.slice(equals + 1);
    return just({ name, value: rules.booleans.has(name) ? text !== "false" : text });
  }
  if (negation && rules.negatable.has(body)) {
    return just({ name: body, value: false, negated: true });
  }
  const name = arg.slice(2);
  const mayTake = !rules.allBooleans && next !== undefined && !next.startsWith("-");
  return withNext([], name, next, mayTake, rules);
}

/** Reads `-n`, `-abc`, `-n=value`, `-n5`, `-n/path` and `-n value`. */
export function readShort(arg: string, next: string | undefined, rules: Rules): Reading {
  const entries: Entry[] = [];
  for (let at = 1; at < arg.length - 1; at++) {
    const name = arg[at]!;
    const rest = arg.slice(at + 1);
    const glued = rest === "-" ? rest : gluedValue(name, rest);
    if (glued === undefined) {
      entries.push({ name, value: bare(name, rules) });
      continue;
    }
    entries.push({ name, value: glued });
    return { entries, tookNext: false };
  }
  const last = arg.at(-1)!;
  const mayTake = next !== undefined && !/^--?[^-]/.test(next);
  return withNext(entries, last, next, mayTake, rules);
}

/** The value written directly after a letter: after `=`, a number, or from the first sign on. */
function gluedValue(name: string, rest: string): string | undefined {
  if (/[A-Za-z]/.test(name)) {
    const assigned = /=(.+)/s.exec(rest)?.[1];
    if (assigned !== undefined) return assigned;
    if (/-?\d+(\.\d*)?(e-?\d+)?$/.test(rest)) return rest;
  }
  return rest.length > 1 && /^\W/.test(rest) ? rest : undefined;
}

function withNext(
  before: readonly Entry[],
  name: string,
  next: string | undefined,
  mayTake: boolean,
  rules: Rules,
): Reading {
  if (next && mayTake && !rules.booleans.has(name)) {
    return { entries: [...before, { name, value: next }], tookNext: true };
  }
  if (next === "true" || next === "false") {
    return { entries: [...before, { name, value: next === "true" }], tookNext: true };
  }
  return { entries: [...before, { name, value: bare(name, rules) }], tookNext: false };
}

function bare(name: string, rules: Rules): string | boolean {
  return rules.strings.has(name) ? "" : true;
}

function just(entry: Entry): Reading {
  return { entries: [entry], tookNext: false };
}
