/**
 * Many short lives in one worker: the registry of instances of one machine. An instance pairs
 * the machine's state with what the machine must not hold (ids, payloads, addresses).
 *
 * @module
 */
import type { Effect, Engine, TimerChange } from "./engine.ts";
import type { Timer, Timers } from "./timers.ts";
import type { EventObject } from "./xstate_types.ts";

/** One life of a machine. `facts` is the host's record of it. */
export interface Instance<F> {
  /** Names it among the instances of its machine. */
  readonly key: string;
  /** The host's record of it: ids, payloads, addresses. */
  readonly facts: F;
  /** Opaque to all but the engine. */
  state: unknown;
  /** Timers the machine has set, by the name of their event. */
  readonly timers: Map<string, Timer>;
}

/** Performs one named effect for an instance. */
export type Perform<F> = (instance: Instance<F>, params: never) => void;

/** Called after each step, for those who look on. */
export type Observer = (
  machine: string,
  key: string,
  event: EventObject,
  before: string,
  after: string,
  effects: readonly Effect[],
) => void;

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
> {
  readonly #byKey = new Map<string, Instance<F>>();
  readonly #options: InstancesOptions<F>;
  // An effect may give its own or another instance an event: that one waits for its turn, so
  // that every step runs to completion before the next begins.
  readonly #queue: (() => void)[] = [];
  #running = false;

  /** A registry without instances. */
  constructor(options: InstancesOptions<F>) {
    this.#options = options;
  }

  /** How many are alive. */
  get size(): number {
    return this.#byKey.size;
  }

  /** The living instance of a key. */
  get(key: string): Instance<F> | undefined {
    return this.#byKey.get(key);
  }

  /** All living instances, the oldest first. */
  [Symbol.iterator](): IterableIterator<Instance<F>> {
    return this.#byKey.values();
  }

  /** Begins a life. @throws {Error} if the key is alive: two lives of one id must never be. */
  create(key: string, input: unknown, facts: F): Instance<F> {
    if (this.#byKey.has(key)) throw new Error(`${this.#options.engine.id} ${key} is alive already`);
    const { engine } = this.#options;
    const step = engine.start(input);
    const instance: Instance<F> = { key, facts, state: step.state, timers: new Map() };
    this.#byKey.set(key, instance);
    this.#run(() => {
      this.#perform(instance, step.effects, step.timers);
      this.#finish(instance);
    });
    return instance;
  }

  #run(work: () => void): void {
    this.#queue.push(work);
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
    } finally {
      this.#running = false;
      this.#queue.length = 0;
    }
  }

  /** Gives an instance an event: the state moves first, then the effects are performed. */
  step(instance: Instance<F>, event: E): void {
    this.#run(() => this.#step(instance, event));
  }

  #step(instance: Instance<F>, event: EventObject): void {
    if (this.#byKey.get(instance.key) !== instance) return; // Its life ended while this waited.
    const { engine, observe } = this.#options;
    const before = instance.state;
    const step = engine.step(before, event);
    instance.state = step.state;
    const look = observe?.();
    if (look !== undefined) {
      look(
        engine.id,
        instance.key,
        event,
        engine.describe(before),
        engine.describe(step.state),
        step.effects,
      );
    }
    this.#perform(instance, step.effects, step.timers);
    this.#finish(instance);
  }

  #finish(instance: Instance<F>): void {
    if (!this.#options.engine.done(instance.state)) return;
    this.#remove(instance);
    this.#options.done?.(instance);
  }

  #perform(
    instance: Instance<F>,
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

  #change(instance: Instance<F>, change: TimerChange): void {
    const { timers, now } = this.#options;
    const name = "set" in change ? change.set : change.cancel;
    const old = instance.timers.get(name);
    if (old !== undefined) {
      timers.cancel(old);
      instance.timers.delete(name);
    }
    if (!("set" in change)) return;
    const { event, delayMs } = change;
    instance.timers.set(
      name,
      timers.set(now() + delayMs, () => {
        instance.timers.delete(name);
        this.#run(() => this.#step(instance, event));
      }),
    );
  }

  #remove(instance: Instance<F>): void {
    for (const timer of instance.timers.values()) this.#options.timers.cancel(timer);
    instance.timers.clear();
    this.#byKey.delete(instance.key);
  }

  /** Ends a life without a step: something else takes its place. What it is still told is lost. */
  drop(instance: Instance<F>): void {
    if (this.#byKey.get(instance.key) === instance) this.#remove(instance);
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

  /** Ends all lives without a word: the role is going. */
  clear(): void {
    for (const instance of [...this.#byKey.values()]) this.#remove(instance);
  }
}
