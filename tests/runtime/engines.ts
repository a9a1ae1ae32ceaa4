/**
 * Holds the engines against a real XState actor: for any events, all three go through the same
 * states, name the same effects and keep the same timers.
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
} from "xstate";
import {
  describeValue,
  type Effect,
  type Engine,
  LiveEngine,
  type Step,
  TableEngine,
} from "../../runtime/engine.ts";

/** What can be seen of a machine after a step. */
interface View {
  readonly value: string;
  readonly context: unknown;
  readonly done: boolean;
  readonly effects: readonly Effect[];
  /** Names and instants of the timers that are set, in order. */
  readonly timers: readonly (readonly [name: string, due: number])[];
}

/** Something that lives through events and the passing of time. */
interface Subject {
  send(event: EventObject): void;
  /** Lets the next timer fire; false if none is set. */
  fire(): boolean;
  view(): View;
}

/** A clock for XState: it fires one timer at a time, at its very instant. */
class OneByOne {
  now = 0;
  readonly #timers = new Map<number, { readonly due: number; readonly fire: () => void }>();
  #ids = 0;

  setTimeout = (fire: () => void, ms: number): number => {
    this.#timers.set(++this.#ids, { due: this.now + ms, fire });
    return this.#ids;
  };
  clearTimeout = (id: number): void => void this.#timers.delete(id);

  get dues(): number[] {
    return [...this.#timers.values()].map(({ due }) => due).sort((a, b) => a - b);
  }

  fire(): boolean {
    const next = [...this.#timers].sort((a, b) => a[1].due - b[1].due || a[0] - b[0])[0];
    if (next === undefined) return false;
    this.#timers.delete(next[0]);
    this.now = next[1].due;
    next[1].fire();
    return true;
  }
}

class ActorSubject implements Subject {
  readonly #clock = new OneByOne();
  readonly #effects: Effect[] = [];
  readonly #actor;

  constructor(machine: AnyStateMachine, input: unknown) {
    this.#actor = createActor(machine, {
      input,
      clock: this.#clock as never,
      inspect: (event) => {
        if (event.type !== "@xstate.action" || event.action.type.startsWith("xstate.")) return;
        const { type, params } = event.action as Effect;
        this.#effects.push({ type, params });
      },
    });
    this.#actor.subscribe({ error: () => {} });
    this.#actor.start();
  }

  send(event: EventObject): void {
    if (this.#actor.getSnapshot().status === "active") this.#actor.send(event);
  }

  fire(): boolean {
    if (this.#actor.getSnapshot().status !== "active") return false;
    return this.#clock.fire();
  }

  view(): View {
    const { value, context, status } = this.#actor.getSnapshot() as AnyMachineSnapshot;
    const done = status === "done";
    return {
      value: describeValue(value),
      context,
      done,
      effects: this.#effects.splice(0),
      // XState does not tell a timer's name here.
      timers: done ? [] : this.#clock.dues.map((due) => ["", due] as const),
    };
  }
}

class EngineSubject<S> implements Subject {
  readonly #timers = new Map<string, { readonly due: number; readonly event: EventObject }>();
  readonly #effects: Effect[] = [];
  #now = 0;
  #state: S;

  constructor(private readonly engine: Engine<S>, input: unknown) {
    this.#state = this.#take(engine.start(input));
  }

  #take(step: Step<S>): S {
    this.#effects.push(...step.effects);
    for (const change of step.timers) {
      if ("cancel" in change) this.#timers.delete(change.cancel);
      else {
        this.#timers.delete(change.set);
        this.#timers.set(change.set, { due: this.#now + change.delayMs, event: change.event });
      }
    }
    return step.state;
  }

  send(event: EventObject): void {
    if (this.engine.done(this.#state)) return;
    this.#state = this.#take(this.engine.step(this.#state, event));
  }

  fire(): boolean {
    if (this.engine.done(this.#state)) return false;
    const next = [...this.#timers].sort((a, b) => a[1].due - b[1].due)[0];
    if (next === undefined) return false;
    this.#timers.delete(next[0]);
    this.#now = next[1].due;
    this.send(next[1].event);
    return true;
  }

  view(): View {
    const done = this.engine.done(this.#state);
    const dues = [...this.#timers.values()].map(({ due }) => due).sort((a, b) => a - b);
    return {
      value: this.engine.describe(this.#state),
      context: this.engine.snapshot(this.#state).context,
      done,
      effects: this.#effects.splice(0),
      timers: done ? [] : dues.map((due) => ["", due] as const),
    };
  }
}

/** One step of a scenario: an event, or the next timer. */
type Move = EventObject | "timer";

/**
 * Asserts that the table engine, the live engine and a real XState actor agree on random
 * sequences of events and timers.
 *
 * @param inputs inputs to start the machine with
 * @param events events to draw from; repeat one to make it likelier
 * @param runs how many sequences
 */
export function assertEnginesAgree(
  machine: AnyStateMachine,
  inputs: readonly unknown[],
  events: readonly AnyEventObject[],
  runs = 200,
): void {
  // One table for all runs: most of what is compared comes from its memory.
  const table = new TableEngine(machine);
  const live = new LiveEngine(machine);
  const move: fc.Arbitrary<Move> = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...events) },
    { weight: 1, arbitrary: fc.constant("timer" as const) },
  );
  const scenario = fc.tuple(fc.constantFrom(...inputs), fc.array(move, { maxLength: 30 }));
  fc.assert(
    fc.property(scenario, ([input, moves]) => {
      const actor = new ActorSubject(machine, input);
      const others = [new EngineSubject(table, input), new EngineSubject(live, input)];
      const compare = (at: string) => {
        const expected = actor.view();
        for (const other of others) assertEquals(other.view(), expected, at);
      };
      compare("at the start");
      moves.forEach((move, i) => {
        for (const subject of [actor, ...others]) {
          if (move === "timer") subject.fire();
          else subject.send(move);
        }
        compare(`after move ${i}: ${move === "timer" ? move : move.type}`);
      });
    }),
    { numRuns: runs },
  );
}
