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
  readonly machine: string;
  readonly transitions: readonly string[];
  readonly states: readonly string[];
  /** In this run. */
  count: number;
  /** Bits of `FAULTS`. */
  faults: number;
}

/** What one run took of one machine: how often, and of states under which faults, as bits. */
export interface MachineCounts {
  readonly states: Readonly<Record<string, { count: number; faults: number }>>;
  readonly transitions: Readonly<Record<string, number>>;
}

/** What one run took, by id of the machine: plain data, so that threads can hand it on. */
export type RunCoverage = Readonly<Record<string, MachineCounts>>;

/** Steps of the run that is under way; what was learnt of the machines is kept for the next one. */
export class Coverage {
  readonly #engines = new Map<AnyStateMachine, CoveringEngine>();
  readonly #live = new Map<string, Taken>();
  #touched: Taken[] = [];
  /** Bits of the faults at work now. */
  active = 0;

  /** A run begins, without faults. */
  begin(): void {
    this.active = 0;
    this.end();
  }

  /** What was taken since the run began. */
  end(): RunCoverage {
    const counts: Record<string, MachineCounts> = {};
    for (const taken of this.#touched) {
      add(counts[taken.machine] ??= { states: {}, transitions: {} }, taken);
      taken.count = taken.faults = 0;
    }
    this.#touched = [];
    return counts;
  }

  /** Counts what was taken once more. */
  take(taken: Taken): void {
    if (taken.count++ === 0) this.#touched.push(taken);
    taken.faults |= this.active;
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
    const key = `${machine.id} ${before}:${event}>${after}`;
    let taken = this.#live.get(key);
    if (taken === undefined) {
      const own = machine.root.states[before]?.transitions.has(event);
      const transitions = [`${own ? before : ""}:${event}[0]`];
      taken = { machine: machine.id, transitions, states: [before, after], count: 0, faults: 0 };
      this.#live.set(key, taken);
    }
    this.take(taken);
  }
}

function add({ states, transitions }: Mutable<MachineCounts>, taken: Taken): void {
  for (const state of taken.states) {
    const sum = states[state] ??= { count: 0, faults: 0 };
    sum.count += taken.count;
    sum.faults |= taken.faults;
  }
  for (const name of taken.transitions) transitions[name] = (transitions[name] ?? 0) + taken.count;
}

type Mutable<T> = { -readonly [K in keyof T]: { -readonly [N in keyof T[K]]: T[K][N] } };

/** Many runs, in whichever threads they were. */
export class CoverageSum {
  readonly #counts: Record<string, Mutable<MachineCounts>> = {};
  readonly #runs: Record<string, Record<string, number>> = {};

  /** Adds a run. */
  add(run: RunCoverage): void {
    for (const [machine, { states, transitions }] of Object.entries(run)) {
      const sum = this.#counts[machine] ??= { states: {}, transitions: {} };
      const runs = this.#runs[machine] ??= {};
      for (const [name, { count, faults }] of Object.entries(states)) {
        const state = sum.states[name] ??= { count: 0, faults: 0 };
        state.count += count;
        state.faults |= faults;
      }
      for (const [name, count] of Object.entries(transitions)) {
        sum.transitions[name] = (sum.transitions[name] ?? 0) + count;
        runs[name] = (runs[name] ?? 0) + 1;
      }
    }
  }

  /** Everything there is in these machines, and how often it came up. */
  report(machines: readonly AnyStateMachine[]): readonly MachineCoverage[] {
    return machines.map((machine) => {
      const { states, transitions } = this.#counts[machine.id] ?? { states: {}, transitions: {} };
      const zero = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 0]));
      const all = zero(transitionsOf(machine).map(({ name }) => name));
      const seen = Object.entries(states);
      return {
        machine: machine.id,
        states: {
          ...zero(statesOf(machine)),
          ...Object.fromEntries(seen.map(([name, { count }]) => [name, count])),
        },
        transitions: { ...all, ...transitions },
        runs: { ...all, ...this.#runs[machine.id] },
        faults: Object.fromEntries(seen.map(([name, { faults }]) => [name, named(faults)])),
      };
    });
  }
}

function named(faults: number): readonly string[] {
  return FAULTS.filter((_, bit) => (faults >> bit & 1) === 1);
}

/** A table that counts what it is asked. */
export class CoveringEngine implements Engine<unknown> {
  readonly id: string;
  readonly #table: TableEngine;
  readonly #names: ReadonlyMap<unknown, string>;
  readonly #taken = new Map<Step<number>, Taken>();

  constructor(
    readonly machine: AnyStateMachine,
    private readonly coverage: Pick<Coverage, "take">,
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
    this.coverage.take(taken);
    return step;
  }

  #look(state: number, event: EventObject, step: Step<number>): Taken {
    const snapshot = this.#table.snapshot(state);
    const chosen = this.machine.getTransitionData(snapshot as never, event) as readonly unknown[];
    const states = [state, step.state].flatMap((it) => prefixes(this.#table.describe(it)));
    const transitions = chosen.map((it) => this.#names.get(it) ?? "unknown");
    const machine = this.id;
    return { machine, transitions, states: [...new Set(states)], count: 0, faults: 0 };
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
}

/** `preparing.asking` is in `preparing` and in `preparing.asking`. */
function prefixes(state: string): string[] {
  const parts = state.split(".");
  return parts.map((_, i) => parts.slice(0, i + 1).join("."));
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
