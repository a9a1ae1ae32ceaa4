/**
 * Machines that differ from a given one in one place, made from its own configuration: what a
 * checker that is worth its name must tell from the original.
 *
 * - each guard is forced true and negated; forced false is the alternative deleted;
 * - each handler is deleted, and each of its alternatives;
 * - each target is moved to the next sibling and taken away;
 * - each wait for a durable record is skipped;
 * - each effect and each note of a fact is left out, and each record that is forced is made lazy.
 *
 * @module
 */
import { not, StateMachine } from "xstate";
import type { AnyStateMachine } from "../xstate_types.ts";

/** One mutant. */
export interface Mutant {
  /** Id of the machine it was made from. */
  readonly of: string;
  /** What was changed, and where; unique, and stable as long as that place is. */
  readonly id: string;
  /** Makes it. */
  readonly machine: () => AnyStateMachine;
}

// A machine's configuration, as plain as it was written.
// deno-lint-ignore no-explicit-any
type Config = any;

/** A place in a configuration: the keys that lead to it. */
type Path = readonly (string | number)[];

/** All mutants of a machine; `wait` is the event that says that a record is durable. */
export function mutantsOf(machine: AnyStateMachine, wait = "journaled"): readonly Mutant[] {
  const mutants: Mutant[] = [];
  const add = (id: string, change: (config: Config) => void) => {
    const build = () => {
      const config = copy(machine.config);
      change(config);
      return new StateMachine(config, machine.implementations) as AnyStateMachine;
    };
    mutants.push({ of: machine.id, id: `${machine.id} ${id}`, machine: build });
  };
  visit(machine.config, [], (state, path) => {
    for (const [at, handler] of handlersOf(state, path)) {
      const key = at.at(-1)!;
      add(`${name(at)} deleted`, (config) => delete parentOf(config, at)[key]);
      mutateHandler(machine.config, at, handler, add);
      if (key === wait) skipWait(at, path, handler, add);
    }
    for (const group of ["entry", "exit"]) mutateActions(state[group], [...path, group], add);
  });
  return mutants;
}

/** By event, by delay, and at once. */
function handlersOf(state: Config, path: Path): [at: Path, handler: Config][] {
  const named = ["on", "after"].flatMap((group) =>
    Object.entries(state[group] ?? {}).map(([key, handler]): [Path, Config] => {
      return [[...path, group, key], handler];
    })
  );
  return ["always", "onDone"].reduce(
    (all, key) => state[key] === undefined ? all : [...all, [[...path, key], state[key]]],
    named,
  );
}

/** A copy of a machine made the way mutants are, with nothing changed: nobody may find it. */
export function controlOf(machine: AnyStateMachine): Mutant {
  const build = () => new StateMachine(copy(machine.config), machine.implementations);
  return {
    of: machine.id,
    id: `${machine.id} unchanged`,
    machine: () => build() as AnyStateMachine,
  };
}

type Add = (id: string, change: (config: Config) => void) => void;

function mutateHandler(root: Config, at: Path, handler: Config, add: Add): void {
  const candidates = Array.isArray(handler) ? handler : [handler];
  candidates.forEach((candidate, i) => {
    const where = Array.isArray(handler) ? [...at, i] : at;
    const { guard, target, actions } = typeof candidate === "string"
      ? { guard: undefined, target: candidate, actions: undefined }
      : candidate;
    mutateActions(actions, [...where, "actions"], add);
    if (guard !== undefined) {
      const said = `${name(where)} guard ${typeof guard === "string" ? guard : guard.type}`;
      add(`${said} forced true`, (config) => delete find(config, where).guard);
      add(`${said} negated`, (config) => {
        find(config, where).guard = not(guard);
      });
    }
    if (candidates.length > 1) {
      add(`${name(where)} deleted`, (config) => parentOf(config, where).splice(i, 1));
    }
    if (target === undefined) return;
    const other = siblingOf(root, at, target);
    if (other !== undefined) {
      add(
        `${name(where)} target ${target} to ${other}`,
        (config) => retarget(config, where, other),
      );
    }
    add(`${name(where)} target ${target} to none`, (config) => retarget(config, where, undefined));
  });
}

/** Each action of a place is left out; what was to be on disk before anything else need not be. */
function mutateActions(actions: Config, at: Path, add: Add): void {
  if (actions === undefined) return;
  const list = Array.isArray(actions) ? actions : [actions];
  list.forEach((action, i) => {
    const { type = "", params } = typeof action === "string" ? { type: action } : action;
    const where = Array.isArray(actions) ? [...at, i] : at;
    const last = where.at(-1)!;
    add(`${name(where)} ${type} left out`, (config) => {
      const parent = parentOf(config, where);
      if (Array.isArray(parent)) parent.splice(i, 1);
      else delete parent[last];
    });
    if (params?.forced !== true) return;
    add(`${name(where)} ${type} ${params.record} made lazy`, (config) => {
      const there = find(config, where);
      parentOf(config, where)[last] = { ...there, params: { ...there.params, forced: false } };
    });
  });
}

/** The state is left at once, whatever it waited for. */
function skipWait(at: Path, state: Path, handler: Config, add: Add): void {
  const candidates = Array.isArray(handler) ? handler : [handler];
  candidates.forEach((candidate, i) => {
    if (candidate.target === undefined) return;
    const { guard: _, ...rest } = candidate;
    add(`${name(at)}${candidates.length > 1 ? `.${i}` : ""} not waited for`, (config) => {
      find(config, state).always = rest;
    });
  });
}

const HANDLERS: ReadonlySet<string | number> = new Set(["on", "after"]);

/** The state after the target among those of its parent, not the one the transition leaves. */
function siblingOf(root: Config, at: Path, target: string): string | undefined {
  // A transition of a state names its siblings, one that begins with a dot its own children.
  const state = at.slice(0, typeof at.at(-2) === "string" && HANDLERS.has(at.at(-2)!) ? -2 : -1);
  const inner = target.startsWith(".");
  const own = inner ? undefined : state.at(-1);
  const siblings = Object.keys(inner ? find(root, state).states : find(root, state.slice(0, -1)))
    .map((name) => inner ? `.${name}` : name);
  if (!siblings.includes(target)) return undefined;
  const start = siblings.indexOf(target);
  for (let step = 1; step < siblings.length; step++) {
    const other = siblings[(start + step) % siblings.length]!;
    if (other !== own) return other;
  }
  return undefined;
}

function retarget(config: Config, where: Path, target: string | undefined): void {
  const there = find(config, where);
  if (typeof there === "string") {
    parentOf(config, where)[where.at(-1)!] = target === undefined ? {} : { target };
    return;
  }
  if (target !== undefined) there.target = target;
  else {
    delete there.target;
    delete there.reenter;
  }
}

function visit(state: Config, path: Path, see: (state: Config, path: Path) => void): void {
  see(state, path);
  for (const [key, inner] of Object.entries(state.states ?? {})) {
    visit(inner, [...path, "states", key], see);
  }
}

function find(config: Config, path: Path): Config {
  return path.reduce((at, key) => at[key], config);
}

function parentOf(config: Config, path: Path): Config {
  return find(config, path.slice(0, -1));
}

/** `preparing.asking.after.resend`. */
function name(path: Path): string {
  return path.filter((key, i) => key !== "states" || i % 2 === 1).join(".");
}

/** Plain objects and lists are copied, all else is shared. */
function copy(value: Config): Config {
  if (Array.isArray(value)) return value.map(copy);
  if (value === null || typeof value !== "object") return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)]));
}
