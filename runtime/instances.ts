/**
 * Many short lives in one worker: the registry of instances of one machine. An instance pairs
 * the machine's state with what the machine must not hold (ids, payloads, addresses).
 *
 * @module
 */
import { ChurnMap } from "./churn_map.ts";
import type { Effect, Engine, Step, TimerChange } from "./engine.ts";
import type { Timer, Timers } from "./timers.ts";
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from "./xstate_types.ts";

/** One life of a machine. `facts` is the host's record of it. */
export interface Instance<F> {
  /** Names it among the instances of its machine. */
  readonly key: string;
  /** The host's record of it: ids, payloads, addresses. */
  readonly facts: F;
  /** Opaque to all but the engine. */
  state: unknown;
}

interface Life<F> extends Instance<F> {
  alive: boolean;
  /** Timers the machine has set, by the name of their event. */
  readonly timers: { readonly name: string; readonly timer: Timer }[];
}

/** A step that waits for its turn: the first of a life, or what an event leads to. */
interface Turn<F> {
  readonly life: Life<F>;
  readonly event: EventObject | undefined;
  readonly first: Step<unknown> | undefined;
}

/** Performs one named effect for an instance. */
export type Perform<F> = (instance: Instance<F>, params: never) => void;

/** The lives of one machine in a role, as those see them who look on. */
export interface Lives extends Iterable<Instance<unknown>> {
  /** Id of the machine. */
  readonly id: string;
  /** The machine, where it is known. */
  readonly machine: AnyStateMachine | undefined;
  /** How many are alive. */
  readonly size: number;
  /** The living instance of a key. */
  get(key: string): Instance<unknown> | undefined;
  /** How many are in each state. */
  census(): Record<string, number>;
  /** The state of an instance, as text. */
  describe(instance: Instance<unknown>): string;
  /** XState's own view of the state of an instance. */
  snapshot(state: unknown): AnyMachineSnapshot;
}

/** Called after each step, for those who look on. */
export interface Observer {
  /** An event took an instance from a state to another; `state` is what {@link Lives} knows. */
  (
    machine: string,
    key: string,
    event: EventObject,
    before: string,
    after: string,
    effects: readonly Effect[],
    lives?: Lives,
    state?: unknown,
  ): void;
  /** A life began: its first step has no event. */
  readonly began?: (lives: Lives, key: string, state: unknown, effects: readonly Effect[]) => void;
  /** A life ended, in that state. */
  readonly ended?: (lives: Lives, key: string, state: unknown) => void;
}

/** What a registry needs of its host. */
export interface InstancesOptions<F> {
  /** Steps the machine. */
  readonly engine: Engine<unknown>;
  /** One function for every effect the machine names. */
  readonly effects: Readonly<Record<string, Perform<F>>>;
  /** Where the timers of the machines are set. */
  readonly timers: Timers;
  /** Cluster time in ms. */
  readonly now: () => number;
  /** Called when a machine has reached a final state, after its effects. */
  readonly done?: (instance: Instance<F>) => void;
  /** Who looks on at the moment, if anyone. */
  readonly observe?: () => Observer | undefined;
}

/** The instances of one machine, by key. */
export class Instances<
  F,
  E extends EventObject = EventObject,
> implements Lives {
  readonly #byKey = new ChurnMap<string, Life<F>>();
  readonly #options: InstancesOptions<F>;
  // An effect may give its own or another instance an event: that one waits for its turn, so
  // that every step runs to completion before the next begins.
  readonly #queue: Turn<F>[] = [];
  #running = false;

  /** A registry without instances. */
  constructor(options: InstancesOptions<F>) {
    this.#options = options;
    options.engine.lives?.add(this);
  }

  /** Id of the machine. */
  get id(): string {
    return this.#options.engine.id;
  }

  /** The machine, if its engine tells. */
  get machine(): AnyStateMachine | undefined {
    return this.#options.engine.machine;
  }

  /** How many are alive. */
  get size(): number {
    return this.#byKey.size;
  }

  /** The living instance of a key. */
  get(key: string): Instance<F> | undefined {
    return this.#byKey.get(key);
  }

  /** All instances that live at this moment, the oldest first. */
  [Symbol.iterator](): IterableIterator<Instance<F>> {
    return this.#byKey.values()[Symbol.iterator]();
  }

  /** Begins a life. @throws {Error} if the key is alive: two lives of one id must never be. */
  create(key: string, input: unknown, facts: F): Instance<F> {
    const { engine } = this.#options;
    const first = engine.start(input);
    const life: Life<F> = { key, facts, state: first.state, alive: true, timers: [] };
    if (!this.#byKey.add(key, life)) throw new Error(`${engine.id} ${key} is alive already`);
    this.#run(life, undefined, first);
    return life;
  }

  /** Gives an instance an event: the state moves first, then the effects are performed. */
  step(instance: Instance<F>, event: E): void {
    this.#run(instance as Life<F>, event, undefined);
  }

  #run(life: Life<F>, event: EventObject | undefined, first: Step<unknown> | undefined): void {
    if (this.#running) return void this.#queue.push({ life, event, first });
    this.#running = true;
    try {
      this.#turn(life, event, first);
      const queue = this.#queue;
      for (let at = 0; at < queue.length; at++) {
        const next = queue[at]!;
        this.#turn(next.life, next.event, next.first);
      }
    } finally {
      this.#running = false;
      this.#queue.length = 0;
    }
  }

  #turn(life: Life<F>, event: EventObject | undefined, first: Step<unknown> | undefined): void {
    if (!life.alive) return; // It ended while this waited.
    const step = first ?? this.#move(life, event!);
    if (first !== undefined) {
      this.#options.observe?.()?.began?.(this, life.key, first.state, first.effects);
    }
    this.#perform(life, step.effects, step.timers);
    this.#finish(life);
  }

  #move(life: Life<F>, event: EventObject): Step<unknown> {
    const { engine, observe } = this.#options;
    const before = life.state;
    const step = engine.step(before, event);
    life.state = step.state;
    const look = observe?.();
    if (look !== undefined) {
      look(
        engine.id,
        life.key,
        event,
        engine.describe(before),
        engine.describe(step.state),
        step.effects,
        this,
        step.state,
      );
    }
    return step;
  }

  #finish(instance: Life<F>): void {
    if (!this.#options.engine.done(instance.state)) return;
    this.#remove(instance);
    this.#options.done?.(instance);
  }

  #perform(
    instance: Life<F>,
    effects: readonly Effect[],
    timers: readonly TimerChange[],
  ): void {
    for (const change of timers) this.#change(instance, change);
    for (const effect of effects) {
      const perform = this.#options.effects[effect.type];
      if (perform === undefined) {
        throw new Error(`${this.#options.engine.id}: nobody performs "${effect.type}"`);
      }
      perform(instance, effect.params as never);
    }
  }

  #change(life: Life<F>, change: TimerChange): void {
    const { timers, now } = this.#options;
    const name = "set" in change ? change.set : change.cancel;
    const old = life.timers.findIndex((each) => each.name === name);
    if (old >= 0) timers.cancel(life.timers.splice(old, 1)[0]!.timer);
    if (!("set" in change)) return;
    const { event, delayMs } = change;
    const timer = timers.set(now() + delayMs, () => {
      life.timers.splice(life.timers.findIndex((each) => each.timer === timer), 1);
      this.#run(life, event, undefined);
    });
    life.timers.push({ name, timer });
  }

  #remove(life: Life<F>): void {
    this.#options.observe?.()?.ended?.(this, life.key, life.state);
    for (const { timer } of life.timers) this.#options.timers.cancel(timer);
    life.timers.length = 0;
    life.alive = false;
    this.#byKey.delete(life.key);
  }

  /** Ends a life without a step: something else takes its place. What it is still told is lost. */
  drop(instance: Instance<F>): void {
    const life = instance as Life<F>;
    if (life.alive) this.#remove(life);
  }

  /** How many instances are in each state. */
  census(): Record<string, number> {
    const census: Record<string, number> = {};
    for (const instance of this.#byKey.values()) {
      const state = this.describe(instance);
      census[state] = (census[state] ?? 0) + 1;
    }
    return census;
  }

  /** The state of an instance, as text. */
  describe(instance: Instance<F>): string {
    return this.#options.engine.describe(instance.state);
  }

  /** XState's own view of a state. */
  snapshot(state: unknown): AnyMachineSnapshot {
    return this.#options.engine.snapshot(state);
  }

  /** Ends all lives without a word: the role is going. */
  clear(): void {
    for (const life of this.#byKey.values()) this.#remove(life);
  }
}
