/**
 * What the checker explores: a state graph given by its first states and by what may happen next.
 *
 * A state is a row of 16-bit words of a fixed width. That makes the set of visited states exact and
 * small; a model keeps the meaning of the words to itself and tells it only where it is read by
 * people.
 *
 * @module
 */
import type { MachineStep } from "./record.ts";

/** A state, coded. */
export type Words = Uint16Array;

/**
 * Reports that `action` leads to `next`. The words are copied, so one buffer may be used for all.
 * `broken` names the rule that the step itself violates, whatever state it leads to.
 */
export type Emit = (action: number, next: Words, broken?: string) => void;

/** A predicate that must hold in every state reached. */
export interface Invariant {
  /** The rule, in plain words. */
  readonly name: string;
  /** Whether it holds. */
  readonly holds: (state: Words) => boolean;
}

/**
 * "It stays possible": from every reachable state in which `from` answers, a state that satisfies
 * `goal` can be reached in the graph that begins there, and so on from every state of that graph on the
 * way to the goal.
 */
export interface Possibility {
  /** The rule, in plain words. */
  readonly name: string;
  /** The state to go on from (faults over, messages lost: the model's choice), if the rule applies. */
  readonly from: (state: Words) => Words | undefined;
  /** What must stay reachable. */
  readonly goal: (state: Words) => boolean;
}

/** One step as people read it. */
export interface Move {
  /** Who sent the message; the one who acts if there is none. */
  readonly from: string;
  /** Who received it. */
  readonly to: string;
  /** Name of the message or of what happened. */
  readonly type: string;
  /** The step in plain words. */
  readonly text: string;
}

/** A graph of states. */
export interface Model {
  /** Its name on the command line. */
  readonly name: string;
  /** Words in a state. */
  readonly width: number;
  /** What was bounded, and how, for the report. */
  readonly bounds: Readonly<Record<string, unknown>>;
  /** Where everything begins. */
  readonly initial: () => Iterable<Words>;
  /** Reports everything that may happen in a state. */
  readonly expand: (state: Words, emit: Emit) => void;
  /** Replaces a state by the representative of its symmetry class, in place. */
  readonly canonical?: (state: Words) => void;
  /** Which states stand for others; without it, each one for itself alone. */
  readonly covering?: Covering;
  /** Rules for single states. */
  readonly invariants: readonly Invariant[];
  /** Rules for what must stay possible. */
  readonly possibilities?: readonly Possibility[];
  /** Look for one way to each goal only, and not at where else those states could go. */
  readonly quickly?: boolean;
  /** An action in words; `next` is what it led to. */
  readonly tell: (state: Words, action: number, next: Words) => Move;
  /** What the machines do in an action, for a trace that can be replayed. */
  readonly steps?: (state: Words, action: number) => readonly MachineStep[];
  /** What the machines do before the first state. */
  readonly firstSteps?: () => readonly MachineStep[];
  /** The machine and input of each process. */
  readonly actors?: Readonly<Record<string, { readonly machine: string; readonly input: unknown }>>;
  /** Each process and what it is in, in the order of a diagram's columns. */
  readonly show: (state: Words) => readonly Shown[];
}

/** Which states stand for others, wherever rules are looked for in the states reached. */
export interface Covering {
  /** How many words, from the first one on, have to be equal. */
  readonly core: number;
  /**
   * Whether `a` stands for `b`, their cores being equal: it breaks every rule that `b` breaks, and
   * each step from `b` is one from `a` too, to a state that stands for what it leads to.
   */
  readonly covers: (a: Words, b: Words) => boolean;
}

/** A process of a state, as people read it. */
export interface Shown {
  /** Its name. */
  readonly name: string;
  /** State of its machine, or `none`. */
  readonly state: string;
  /** What it has on disk, if it has a disk. */
  readonly disk?: string;
}
