/**
 * Which actions of a machine have to be performed from outside, and whether somebody does.
 *
 * XState ignores an action, and misreads a delay, that nobody implements. So a machine is looked
 * through before it starts, state by state.
 *
 * @module
 */
import type { AnyStateMachine, AnyStateNode } from "xstate";

/** Effects that are performed by the actor itself unless a definition performs them. */
export const BUILT_IN: ReadonlySet<string> = new Set(["reply", "send", "reject"]);

/**
 * The named actions of a machine that are to be performed from outside.
 *
 * An action that `setup` implements is the machine's own business. An empty function there
 * implements nothing: it gives an effect its name and the type of its parameters.
 *
 * @param performed names of the actions that are performed
 * @throws {TypeError} naming the actions, guards, delays and actors that nobody implements, and
 *   what is performed although the machine does not name it
 */
export function effectsOf(
  machine: AnyStateMachine,
  performed: readonly string[],
): readonly string[] {
  const found = new Named();
  visit(machine.root, found);
  const { actions, guards, delays, actors } = machine.implementations;
  const effects = [...found.actions].filter((name) =>
    performed.includes(name) || !isImplemented(actions[name])
  );
  const lacks = [
    ...effects.filter((name) => !performed.includes(name) && !BUILT_IN.has(name))
      .map((name) => `performs the action "${name}"`),
    ...unimplemented(found.guards, guards, "guard"),
    ...unimplemented(found.delays, delays, "delay"),
    ...unimplemented(found.actors, actors, "actor"),
  ];
  if (lacks.length > 0) {
    throw new TypeError(`Cannot run the machine "${machine.id}": nobody ${lacks.join(", nor ")}`);
  }
  // An action of this name may still be enqueued at run time, if `setup` knows it.
  const strays = performed.filter((name) =>
    !found.actions.has(name) && actions[name] === undefined
  );
  if (strays.length > 0) {
    throw new TypeError(
      `Cannot run the machine "${machine.id}": it names no action "${strays.join('", "')}"`,
    );
  }
  return [...new Set([...effects, ...performed])];
}

function unimplemented(names: ReadonlySet<string>, by: object, what: string): string[] {
  return [...names].filter((name) => !Object.hasOwn(by, name))
    .map((name) => `implements the ${what} "${name}"`);
}

/** Event types that a machine names anywhere, also those it names to ignore. */
export function eventTypesOf(machine: AnyStateMachine): readonly string[] {
  const types = new Set<string>();
  const collect = (node: AnyStateNode): void => {
    for (const type of Object.keys(node.config.on ?? {})) {
      if (!type.includes("*") && !type.startsWith("xstate.")) types.add(type);
    }
    Object.values(node.states).forEach(collect);
  };
  collect(machine.root);
  return [...types];
}

class Named {
  readonly actions = new Set<string>();
  readonly guards = new Set<string>();
  readonly delays = new Set<string>();
  readonly actors = new Set<string>();
}

/** `() => {}`, however it was formatted or compiled. */
const EMPTY =
  /^(?:async\s+)?(?:\([^)]*\)|\w+)\s*=>\s*\{\s*\}$|^(?:function\s*)?\w*\s*\([^)]*\)\s*\{\s*\}$/;

function isImplemented(action: unknown): boolean {
  if (action === undefined) return false;
  if (typeof action !== "function" || "resolve" in action) return true; // One of XState's own.
  return !EMPTY.test(Function.prototype.toString.call(action));
}

function visit(node: AnyStateNode, found: Named): void {
  const transitions = [
    ...[...node.transitions.values()].flat(),
    ...(node.always ?? []),
    { actions: node.initial?.actions ?? [], guard: undefined },
  ];
  for (const action of [...node.entry, ...node.exit]) note(action, found.actions);
  for (const { actions, guard } of transitions) {
    for (const action of actions) note(action, found.actions);
    noteGuard(guard, found.guards);
  }
  for (const { delay } of node.after) {
    if (typeof delay === "string") found.delays.add(delay);
  }
  for (const { src } of node.invoke) {
    // An inline actor is registered under a generated name.
    if (typeof src === "string" && !src.startsWith("xstate.invoke.")) found.actors.add(src);
  }
  for (const child of Object.values(node.states)) visit(child, found);
}

function note(reference: unknown, into: Set<string>): void {
  const type = typeof reference === "string"
    ? reference
    : (reference as { readonly type?: unknown } | undefined)?.type;
  // Inline functions are their own implementation; XState's action creators have a type too.
  if (typeof type === "string" && typeof reference !== "function") into.add(type);
}

function noteGuard(guard: unknown, into: Set<string>): void {
  const combined = (guard as { readonly guards?: readonly unknown[] } | undefined)?.guards;
  if (combined !== undefined) combined.forEach((inner) => noteGuard(inner, into));
  else note(guard, into);
}
