/**
 * What can be asked of a role about its machines, whether a probe is attached or not.
 *
 * @module
 */
import type { Instance, Lives } from "../instances.ts";
import { definitionOf } from "./definition.ts";
import { snapshotJson } from "./machines.ts";
import { Masking } from "./mask.ts";

/** A question. */
export type Question =
  /** Which machines there are, and how many instances are in each state. */
  | { readonly ask: "census" }
  /** The definition of a machine. */
  | { readonly ask: "definition"; readonly machine: string }
  /** Some of its instances, the oldest first; at most {@link MOST_LISTED}. */
  | {
    readonly ask: "list";
    readonly machine: string;
    readonly most?: number;
    readonly state?: string;
  }
  /** One instance. */
  | { readonly ask: "open"; readonly machine: string; readonly key: string };

/** One machine of a role. */
export interface MachineCensus {
  /** Id of the machine. */
  readonly machine: string;
  /** How many of its instances are alive. */
  readonly alive: number;
  /** How many are in each state. */
  readonly states: Readonly<Record<string, number>>;
}

/** An instance as a list has it. */
export interface Listed {
  /** Names it among the instances of its machine. */
  readonly key: string;
  /** Its state. */
  readonly state: string;
}

/** An instance that was opened. */
export interface Opened extends Listed {
  /** Status, value and context as JSON, with secrets masked. */
  readonly snapshot: string;
}

/** Most instances that one answer lists. */
export const MOST_LISTED = 2000;

/** Answers a question about the machines of a role. */
export function answer(all: readonly Lives[], question: Question): unknown {
  switch (question.ask) {
    case "census":
      return census(all);
    case "definition": {
      const found = all.find(({ id, machine }) => id === question.machine && machine !== undefined);
      return found === undefined ? undefined : definitionOf(found.machine!);
    }
    case "list": {
      const { machine, most = MOST_LISTED, state } = question;
      return list(all.filter(({ id }) => id === machine), Math.min(most, MOST_LISTED), state);
    }
    case "open":
      return open(all, question.machine, question.key);
  }
}

/** The machines of a role; two registries of one machine are one. */
function census(all: readonly Lives[]): MachineCensus[] {
  const found = new Map<
    string,
    { machine: string; alive: number; states: Record<string, number> }
  >();
  for (const lives of all) {
    let entry = found.get(lives.id);
    if (entry === undefined) {
      found.set(lives.id, entry = { machine: lives.id, alive: 0, states: {} });
    }
    entry.alive += lives.size;
    for (const [state, count] of Object.entries(lives.census())) {
      entry.states[state] = (entry.states[state] ?? 0) + count;
    }
  }
  return [...found.values()];
}

function list(all: readonly Lives[], most: number, state: string | undefined): Listed[] {
  const listed: Listed[] = [];
  for (const lives of all) {
    for (const instance of lives) {
      if (listed.length >= most) return listed;
      const text = lives.describe(instance);
      if (state === undefined || text === state) listed.push({ key: instance.key, state: text });
    }
  }
  return listed;
}

function open(all: readonly Lives[], machine: string, key: string): Opened | undefined {
  for (const lives of all) {
    const instance: Instance<unknown> | undefined = lives.id === machine
      ? lives.get(key)
      : undefined;
    if (instance === undefined) continue;
    const snapshot = snapshotJson(new Masking(lives.machine), lives.snapshot(instance.state));
    return { key, state: lives.describe(instance), snapshot };
  }
  return undefined;
}
