/**
 * Lives of one machine as small numbers: the state of the shipped machine, through the same table
 * that workers use, together with the timers that are set. What a life does on an event is computed
 * once and looked up ever after.
 *
 * @module
 */
import { type Effect, TableEngine } from "../engine.ts";
import type { AnyStateMachine, EventObject } from "../xstate_types.ts";

/** An event with whatever it carries. */
export interface ModelEvent extends EventObject {
  /** Whatever it carries, as plain JSON. */
  readonly [field: string]: unknown;
}

/** A timer that is set. */
export interface SetTimer {
  /** Its name: that of the event, without XState's `xstate.after.` and the state's id. */
  readonly name: string;
  /** How long it runs, in ms. */
  readonly delayMs: number;
  /** The number of the event it gives. */
  readonly event: number;
  /** XState's own name for it. */
  readonly id: string;
}

/** What an event did to a life. */
export interface Outcome {
  /** The life it led to. */
  readonly life: number;
  /** What the machine named, in order. */
  readonly effects: readonly Effect[];
  /** Timers set anew by this event, even if they were set before. */
  readonly set: readonly string[];
}

/** Something that must not disturb any life: the event, and whether it has to be rejected. */
export interface Probe {
  /** What is tried. */
  readonly event: ModelEvent;
  /** What has to come of it. */
  readonly expect: "rejected" | "unchanged" | "ignored";
  /** The only state it is tried in; all if left out. */
  readonly state?: string;
}

const MUST = {
  rejected: "must be rejected",
  unchanged: "must change nothing",
  ignored: "must change nothing, and is no surprise",
} as const;

interface Life {
  readonly engine: number;
  readonly timers: readonly SetTimer[];
  readonly outcomes: (Outcome | undefined)[];
  /** The life and event it was first met by: the same way, permuted, leads to the permuted life. */
  readonly before: number;
  readonly by: number;
  fault: string | undefined | null;
}

/** How an event looks when the processes it names are permuted. */
export type PermuteEvent = (event: ModelEvent, permutation: readonly number[]) => ModelEvent;

/** All lives of one machine with one input. */
export class Lives {
  readonly #engine: TableEngine;
  readonly #lives: Life[] = [];
  readonly #index = new Map<string, number>();
  readonly #events: ModelEvent[] = [];
  readonly #eventIndex = new Map<string, number>();
  readonly #permuted = new Map<readonly number[], number[]>();
  /** The life every instance begins with. */
  readonly start: number;
  /** What the first step does. */
  readonly first: Outcome;

  /** Lives of a machine with an input. @param probes what must not disturb any life that is met */
  constructor(
    readonly machine: AnyStateMachine,
    readonly input: unknown,
    private readonly permute: PermuteEvent = (event) => event,
    private readonly probes: readonly Probe[] = [],
  ) {
    this.#engine = new TableEngine(machine);
    const step = this.#engine.start(input);
    const timers = changed([], step.timers, (event) => this.event(event));
    this.start = this.#learn(step.state, timers, -1, -1);
    this.first = { life: this.start, effects: step.effects, set: timers.map(({ name }) => name) };
  }

  /** How many lives have been met. */
  get size(): number {
    return this.#lives.length;
  }

  /** The number of an event. */
  event(event: ModelEvent): number {
    const key = keyOf(event);
    let index = this.#eventIndex.get(key);
    if (index === undefined) {
      index = this.#events.push(event) - 1;
      this.#eventIndex.set(key, index);
    }
    return index;
  }

  /** What an event does. */
  step(life: number, event: number): Outcome {
    const { outcomes, engine, timers } = this.#lives[life]!;
    let outcome = outcomes[event];
    if (outcome === undefined) {
      const fired = this.#events[event]!;
      const step = this.#engine.step(engine, fired);
      const left = timers.filter(({ event: it }) => it !== event);
      const after = changed(left, step.timers, (it) => this.event(it));
      const set = step.timers.flatMap((it) => "set" in it ? [timerName(it.set)] : []);
      outcome = {
        life: this.#learn(step.state, after, life, event),
        effects: step.effects,
        set,
      };
      outcomes[event] = outcome;
    }
    return outcome;
  }

  /** The timers that are set, by name. */
  timers(life: number): readonly SetTimer[] {
    return this.#lives[life]!.timers;
  }

  /** The state, as text. */
  describe(life: number): string {
    return this.#engine.describe(this.#lives[life]!.engine);
  }

  /** Whether the machine has ended. */
  done(life: number): boolean {
    return this.#engine.done(this.#lives[life]!.engine);
  }

  /** The facts the machine knows. */
  context(life: number): Readonly<Record<string, unknown>> {
    return this.#engine.snapshot(this.#lives[life]!.engine).context;
  }

  /** The event of a number. */
  eventOf(event: number): ModelEvent {
    return this.#events[event]!;
  }

  /** The same life with the processes permuted. */
  permuted(life: number, permutation: readonly number[]): number {
    let known = this.#permuted.get(permutation);
    if (known === undefined) this.#permuted.set(permutation, known = []);
    const found = known[life];
    if (found !== undefined) return found;
    const { before, by } = this.#lives[life]!;
    const image = before < 0 ? life : this.step(
      this.permuted(before, permutation),
      this.event(this.permute(this.#events[by]!, permutation)),
    ).life;
    known[life] = image;
    return image;
  }

  /** What is wrong with a life, seen alone: a probe that it did not answer as it must. */
  fault(life: number): string | undefined {
    const entry = this.#lives[life]!;
    if (entry.fault !== null) return entry.fault;
    entry.fault = undefined;
    if (this.done(life)) return undefined;
    for (const { event, expect, state = this.describe(life) } of this.probes) {
      if (state !== this.describe(life)) continue;
      const { life: after, effects } = this.step(life, this.event(event));
      const names = effects.map(({ type }) => type);
      const calm = after === life && names.every((name) => name === "reject");
      const many = { rejected: 1, unchanged: names.length, ignored: 0 }[expect];
      if (calm && names.length === many) continue;
      const must = MUST[expect];
      entry.fault = `${this.#engine.id} in ${this.describe(life)}: ${
        JSON.stringify(event)
      } ${must}`;
    }
    return entry.fault;
  }

  #learn(engine: number, timers: readonly SetTimer[], before: number, by: number): number {
    const key = `${engine}|${timers.map(({ id, delayMs }) => `${id}=${delayMs}`).join()}`;
    let index = this.#index.get(key);
    if (index === undefined) {
      index = this.#lives.push({ engine, timers, outcomes: [], before, by, fault: null }) - 1;
      this.#index.set(key, index);
      if (index > 0xfffe) throw new RangeError(`${this.#engine.id} has more than 65,534 lives`);
    }
    return index;
  }
}

/** As telling as JSON, and cheaper where fields are plain. */
function keyOf(event: ModelEvent): string {
  let key = event.type;
  for (const field in event) {
    if (field === "type") continue;
    const value = event[field];
    key += typeof value === "number" || typeof value === "boolean"
      ? `|${field}=${value}`
      : `|${field}:${JSON.stringify(value)}`;
  }
  return key;
}

/** `xstate.after.voteTimeout.machine.preparing` is `voteTimeout`. */
function timerName(id: string): string {
  return id.split(".")[2] ?? id;
}

function changed(
  timers: readonly SetTimer[],
  changes: readonly (
    | { readonly set: string; readonly delayMs: number; readonly event: ModelEvent }
    | { readonly cancel: string }
  )[],
  number: (event: ModelEvent) => number,
): readonly SetTimer[] {
  const byId = new Map(timers.map((timer) => [timer.id, timer]));
  for (const change of changes) {
    if ("cancel" in change) byId.delete(change.cancel);
    else {
      const { set: id, delayMs, event } = change;
      byId.set(id, { id, name: timerName(id), delayMs, event: number(event) });
    }
  }
  return [...byId.values()].sort((a, b) => a.id < b.id ? -1 : 1);
}
