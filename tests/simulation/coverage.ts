/**
 * Which states and transitions of the shipped machines the runs have taken, and under which faults.
 * What there is to take is read off the machines themselves.
 *
 * @module
 */
import type { AnyStateNode } from "xstate";
import {
  type Engine,
  engineFor,
  type EngineKind,
  type Step,
  TableEngine,
} from "../../runtime/engine.ts";
import type {
  AnyMachineSnapshot,
  AnyStateMachine,
  EventObject,
} from "../../runtime/xstate_types.ts";
import { FAULTS } from "./swarm.ts";

/** One machine's. Transitions are named `state:event[index of the guard]`. */
export interface MachineCoverage {
  readonly machine: string;
  /** How often each state was seen. */
  readonly states: Readonly<Record<string, number>>;
  /** How often each transition was taken. */
  readonly transitions: Readonly<Record<string, number>>;
  /** In how many runs each transition was taken. */
  readonly runs: Readonly<Record<string, number>>;
  /** Under which faults each state was left or entered. */
  readonly faults: Readonly<Record<string, readonly string[]>>;
}

interface Taken {
  readonly transitions: readonly Reached[];
  readonly states: readonly string[];
  count: number;
  /** Bits of `FAULTS`. */
  faults: number;
  /** The run it was last taken in. */
  run: number;
}

/** A transition, and in how many runs it was taken. Several steps may take the same one. */
interface Reached {
  readonly name: string;
  runs: number;
  /** The last of them. */
  run: number;
}

/** What several steps have taken, one object each. */
class Transitions {
  readonly #byName = new Map<string, Reached>();

  get(name: string): Reached {
    let reached = this.#byName.get(name);
    if (reached === undefined) this.#byName.set(name, reached = { name, runs: 0, run: 0 });
    return reached;
  }
}

function take(taken: Taken, { active, run }: Pick<Coverage, "active" | "run">): void {
  taken.count++;
  taken.faults |= active;
  if (taken.run === run) return;
  taken.run = run;
  for (const reached of taken.transitions) {
    if (reached.run === run) continue;
    reached.run = run;
    reached.runs++;
  }
}

/** Steps of all runs. */
export class Coverage {
  readonly #engines = new Map<AnyStateMachine, CoveringEngine>();
  readonly #live = new Map<string, Live>();
  /** Bits of the faults at work now. */
  active = 0;
  /** Number of the run, from 1. */
  run = 0;

  /** A run begins, without faults. */
  begin(): void {
    this.active = 0;
    this.run++;
  }

  /** An engine that counts; the same for all roles and runs, so that its table is learnt once. */
  engine(machine: AnyStateMachine, kind: EngineKind = "table"): Engine<unknown> {
    // Steps of a large context never come again: there is nothing to count by.
    if (kind === "live") return engineFor(machine, kind);
    let engine = this.#engines.get(machine);
    if (engine === undefined) {
      this.#engines.set(machine, engine = new CoveringEngine(machine, this));
    }
    return engine;
  }

  /** Counts a step of a machine that is stepped elsewhere and has no guards. */
  live(machine: AnyStateMachine, before: string, event: string, after: string): void {
    let live = this.#live.get(machine.id);
    if (live === undefined) {
      this.#live.set(machine.id, live = { taken: new Map(), transitions: new Transitions() });
    }
    const key = `${before}:${event}>${after}`;
    let taken = live.taken.get(key);
    if (taken === undefined) {
      const own = machine.root.states[before]?.transitions.has(event);
      const transitions = [live.transitions.get(`${own ? before : ""}:${event}[0]`)];
      taken = { transitions, states: [before, after], count: 0, faults: 0, run: 0 };
      live.taken.set(key, taken);
    }
    take(taken, this);
  }

  /** Everything there is in these machines, and how often it came up. */
  report(machines: readonly AnyStateMachine[]): readonly MachineCoverage[] {
    return machines.map((machine) => {
      const live = this.#live.get(machine.id);
      const taken = live === undefined
        ? this.#engines.get(machine)?.taken ?? []
        : [...live.taken.values()];
      return count(machine, taken);
    });
  }
}

/** Of a machine that is stepped elsewhere. */
interface Live {
  readonly taken: Map<string, Taken>;
  readonly transitions: Transitions;
}

/** A table that counts what it is asked. */
export class CoveringEngine implements Engine<unknown> {
  readonly id: string;
  readonly #table: TableEngine;
  readonly #names: ReadonlyMap<unknown, string>;
  readonly #taken = new Map<Step<number>, Taken>();
  readonly #transitions = new Transitions();

  /** @param now the faults at work, and the run */
  constructor(
    private readonly machine: AnyStateMachine,
    private readonly now: Pick<Coverage, "active" | "run">,
  ) {
    this.id = machine.id;
    this.#table = new TableEngine(machine);
    this.#names = new Map(transitionsOf(machine).map(({ name, definition }) => [definition, name]));
  }

  start(input: unknown): Step<number> {
    return this.#table.start(input);
  }

  step(state: unknown, event: EventObject): Step<number> {
    const step = this.#table.step(state as number, event);
    let taken = this.#taken.get(step);
    if (taken === undefined) {
      this.#taken.set(step, taken = this.#look(state as number, event, step));
    }
    take(taken, this.now);
    return step;
  }

  #look(state: number, event: EventObject, step: Step<number>): Taken {
    const snapshot = this.#table.snapshot(state);
    const chosen = this.machine.getTransitionData(snapshot as never, event) as readonly unknown[];
    const states = [state, step.state].flatMap((it) => prefixes(this.#table.describe(it)));
    const transitions = chosen.map((it) => this.#transitions.get(this.#names.get(it) ?? "unknown"));
    return { transitions, states: [...new Set(states)], count: 0, faults: 0, run: 0 };
  }

  describe(state: unknown): string {
    return this.#table.describe(state as number);
  }

  done(state: unknown): boolean {
    return this.#table.done(state as number);
  }

  snapshot(state: unknown): AnyMachineSnapshot {
    return this.#table.snapshot(state as number);
  }

  /** What it was asked so far. */
  get taken(): readonly Taken[] {
    return [...this.#taken.values()];
  }
}

/** `preparing.asking` is in `preparing` and in `preparing.asking`. */
function prefixes(state: string): string[] {
  const parts = state.split(".");
  return parts.map((_, i) => parts.slice(0, i + 1).join("."));
}

function count(machine: AnyStateMachine, taken: readonly Taken[]): MachineCoverage {
  const states: Record<string, number> = {};
  for (const state of statesOf(machine)) states[state] = 0;
  const transitions: Record<string, number> = {};
  const runs: Record<string, number> = {};
  for (const { name } of transitionsOf(machine)) transitions[name] = runs[name] = 0;
  const bits: Record<string, number> = {};
  for (const it of taken) {
    for (const state of it.states) {
      states[state] = (states[state] ?? 0) + it.count;
      bits[state] = (bits[state] ?? 0) | it.faults;
    }
    for (const reached of it.transitions) {
      transitions[reached.name] = (transitions[reached.name] ?? 0) + it.count;
      runs[reached.name] = reached.runs;
    }
  }
  const faults = Object.fromEntries(
    Object.entries(bits).map(([state, mask]) => [
      state,
      FAULTS.filter((_, bit) => (mask >> bit & 1) === 1),
    ]),
  );
  return { machine: machine.id, states, transitions, runs, faults };
}

function pathOf(node: AnyStateNode): string {
  return node.path.join(".");
}

/** Every state below the root. */
export function statesOf(machine: AnyStateMachine): readonly string[] {
  const below = (node: AnyStateNode): string[] =>
    Object.values(node.states).flatMap((child) => [pathOf(child), ...below(child)]);
  return below(machine.root);
}

/** Every transition, but the root's answer to strays. */
function transitionsOf(
  machine: AnyStateMachine,
): { readonly name: string; readonly definition: unknown }[] {
  const found: { name: string; definition: unknown }[] = [];
  const visit = (node: AnyStateNode): void => {
    for (const [event, definitions] of node.transitions) {
      if (node === machine.root && event === "*") continue;
      // `xstate.after.voteTimeout.twoPhaseCommit.coordinator.preparing` is `after voteTimeout`.
      const named = event.replace(/^xstate\.after\.([^.]+)\..*$/, "after $1");
      definitions.forEach((definition: unknown, index: number) =>
        found.push({ name: `${pathOf(node)}:${named}[${index}]`, definition })
      );
    }
    Object.values(node.states).forEach(visit);
  };
  visit(machine.root);
  return found;
}
