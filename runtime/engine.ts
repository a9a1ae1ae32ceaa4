/**
 * Two engines behind one step function. The table engine remembers what `transition()` of the
 * shipped machine gave for each (state, event) and never computes it twice; the live engine asks
 * XState every time. A property test holds them equal.
 *
 * @module
 */
import {
  type AnyActorLogic,
  type AnyActorScope,
  createActor,
  fromTransition,
  initialTransition,
  transition,
} from "xstate";
import type { Lives } from "./instances.ts";
import { exact, StepMemory } from "./step_memory.ts";
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from "./xstate_types.ts";

/** An effect a machine named: the type of its action and the parameters it resolved. */
export interface Effect {
  /** Name of the action. */
  readonly type: string;
  /** Its parameters, resolved. */
  readonly params: unknown;
}

/** A timer a machine set (`after`, delayed `raise`) or cancelled. */
export type TimerChange =
  | {
    readonly set: string;
    readonly delayMs: number;
    readonly event: EventObject;
  }
  | { readonly cancel: string };

/** What a step gives. */
export interface Step<S> {
  /** Where the machine is now. */
  readonly state: S;
  /** What is to be performed, in order. */
  readonly effects: readonly Effect[];
  /** Timers to set and cancel, in order. */
  readonly timers: readonly TimerChange[];
}

/** Which engine a machine needs: `live` if its context holds more than finite protocol facts. */
export type EngineKind = "table" | "live";

/** Steps instances of one machine; `S` is opaque to the caller. */
export interface Engine<S> {
  /** The id of the machine. */
  readonly id: string;
  /** The first step of a new life. */
  start(input: unknown): Step<S>;
  /** What an event leads to. */
  step(state: S, event: EventObject): Step<S>;
  /** The state value, as text: `preparing.waiting`. */
  describe(state: S): string;
  /** Whether the machine has reached a final state. */
  done(state: S): boolean;
  /** XState's own view of a state. */
  snapshot(state: S): AnyMachineSnapshot;
  /** The machine it steps, as long as nothing stands in for it. */
  readonly machine?: AnyStateMachine;
  /** Registries of what it steps, for those who look on. */
  readonly lives?: Set<Lives>;
}

interface Action {
  readonly type: string;
  readonly params?: unknown;
}

/** Sorts what `transition()` returns into effects and timers. */
function sort(actions: readonly Action[]): Omit<Step<never>, "state"> {
  const effects: Effect[] = [];
  const timers: TimerChange[] = [];
  for (const action of actions) {
    const params = action.params as Record<string, unknown> | undefined;
    if (action.type === "xstate.raise") {
      if (params?.["delay"] === undefined) continue; // Raised at once: it is part of this step.
      // Two without a name would be taken for one timer.
      if (params["id"] === undefined) throw new TypeError("A delayed raise must have an id");
      timers.push({
        set: String(params["id"]),
        delayMs: Number(params["delay"]),
        event: params["event"] as EventObject,
      });
    } else if (action.type === "xstate.cancel") {
      timers.push({ cancel: String(params?.["sendId"] ?? params?.["id"]) });
    } else if (!action.type.startsWith("xstate.")) {
      effects.push({ type: action.type, params: action.params });
    }
  }
  return { effects, timers };
}

/** The state value as text; `{preparing: "waiting"}` is `preparing.waiting`. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return value;
  return Object.entries(value as Record<string, unknown>)
    .map(([key, inner]) => {
      const rest = describeValue(inner);
      return rest === "" ? key : `${key}.${rest}`;
    }).join("|");
}

/** Computes steps as `transition()` does. */
type Compute = (
  snapshot: AnyMachineSnapshot,
  event: EventObject,
) => readonly [AnyMachineSnapshot, readonly Action[]];

/**
 * What `transition()` does, with one inert actor for all steps. XState makes one for each, and with it
 * the machine's whole first state: a third of the time of a large machine's step. A machine that has
 * children needs an actor system of its own each time.
 */
function computes(machine: AnyStateMachine): Compute {
  if (Object.keys(machine.implementations.actors).length > 0) {
    return (snapshot, event) => transition(machine as AnyActorLogic, snapshot, event);
  }
  const self = createActor(fromTransition((state: null) => state, null));
  let actions: Action[] = [];
  const scope = {
    self,
    system: self.system,
    id: "",
    sessionId: "",
    defer: () => {},
    logger: () => {},
    stopChild: () => {},
    emit: () => {},
    actionExecutor: (action: Action) => void actions.push(action),
  } as unknown as AnyActorScope;
  return (snapshot, event) => {
    actions = [];
    const next = machine.transition(snapshot as never, event, scope as never);
    return [next as AnyMachineSnapshot, actions];
  };
}

/** Asks XState for every step. For machines whose context is large. */
export class LiveEngine implements Engine<AnyMachineSnapshot> {
  readonly id: string;
  readonly lives: Set<Lives> = new Set();
  readonly #compute: Compute;
  /** An engine for one machine. */
  constructor(readonly machine: AnyStateMachine) {
    this.id = machine.id;
    this.#compute = computes(machine);
  }

  start(input: unknown): Step<AnyMachineSnapshot> {
    const [state, actions] = initialTransition(this.machine as AnyActorLogic, input);
    return { state: state as AnyMachineSnapshot, ...sort(actions) };
  }

  step(
    state: AnyMachineSnapshot,
    event: EventObject,
  ): Step<AnyMachineSnapshot> {
    const [next, actions] = this.#compute(state, event);
    if (next.status === "error") {
      throw new Error(`${this.id}: a guard or action threw on "${event.type}"`, {
        cause: next.error,
      });
    }
    return { state: next, ...sort(actions) };
  }

  describe(state: AnyMachineSnapshot): string {
    return describeValue(state.value);
  }

  done(state: AnyMachineSnapshot): boolean {
    return state.status === "done";
  }

  snapshot(state: AnyMachineSnapshot): AnyMachineSnapshot {
    return state;
  }
}

interface Entry {
  readonly snapshot: AnyMachineSnapshot;
  readonly text: string;
  readonly done: boolean;
  readonly steps: StepMemory<number>;
}

/** More states than this means the context is not finite: ids or payloads have slipped in. */
const MAX_STATES = 100_000;
/** Events that carry ids or payloads never come again: beyond this, steps are not remembered. */
const MAX_STEPS = 1_000_000;

/**
 * Remembers steps by (state, event). States are small integers. For machines whose context holds
 * finite protocol facts only.
 */
export class TableEngine implements Engine<number> {
  readonly id: string;
  readonly lives: Set<Lives> = new Set();
  readonly #live: LiveEngine;
  readonly #states: Entry[] = [];
  readonly #index = new Map<string, number>();
  readonly #starts = new StepMemory<number>();
  #known = 0;

  /** An engine for one machine, with an empty table. */
  constructor(readonly machine: AnyStateMachine) {
    this.id = machine.id;
    this.#live = new LiveEngine(machine);
  }

  /** How many distinct states have been met. */
  get size(): number {
    return this.#states.length;
  }

  start(input: unknown): Step<number> {
    let known = this.#starts.find(input);
    if (known === undefined) {
      known = this.#learn(this.#live.start(input));
      this.#starts.add(input, known);
    }
    return known;
  }

  step(state: number, event: EventObject): Step<number> {
    const entry = this.#states[state]!;
    let known = entry.steps.find(event);
    if (known === undefined) {
      known = this.#learn(this.#live.step(entry.snapshot, event));
      if (this.#known < MAX_STEPS) {
        entry.steps.add(event, known);
        this.#known++;
      }
    }
    return known;
  }

  #learn(step: Step<AnyMachineSnapshot>): Step<number> {
    const { value, context, status } = step.state;
    const { output, historyValue } = step.state as unknown as Rest;
    const history = Object.entries(historyValue ?? {}).map(([id, nodes]) => [
      id,
      ...nodes.map((node) => node.id),
    ]);
    const key = JSON.stringify([value, context, status, output, history], exact);
    let index = this.#index.get(key);
    if (index === undefined) {
      index = this.#states.length;
      if (index >= MAX_STATES) {
        throw new RangeError(`${this.id} has more than ${MAX_STATES} states: use the live engine`);
      }
      this.#states.push({
        snapshot: step.state,
        text: describeValue(value),
        done: status === "done",
        steps: new StepMemory(),
      });
      this.#index.set(key, index);
    }
    return { state: index, effects: step.effects, timers: step.timers };
  }

  describe(state: number): string {
    return this.#states[state]!.text;
  }

  done(state: number): boolean {
    return this.#states[state]!.done;
  }

  snapshot(state: number): AnyMachineSnapshot {
    return this.#states[state]!.snapshot;
  }
}

/** Parts of a snapshot that its public type leaves out for machines in general. */
interface Rest {
  readonly output?: unknown;
  readonly historyValue?: Readonly<Record<string, readonly { readonly id: string }[]>>;
}

/** A new engine of this kind. */
export function engineFor(machine: AnyStateMachine, kind: EngineKind): Engine<unknown> {
  return (kind === "live" ? new LiveEngine(machine) : new TableEngine(machine)) as Engine<unknown>;
}
