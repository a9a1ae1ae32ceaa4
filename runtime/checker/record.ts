/**
 * What machines did in one step of a model, noted down when a way is told, and only then.
 *
 * @module
 */
import type { Effect } from "../engine.ts";
import type { Lives, ModelEvent, Outcome } from "./lives.ts";

/** One machine, one event. */
export interface MachineStep {
  /** Name of the process. */
  readonly actor: string;
  /** Whether its life begins with this event. */
  readonly fresh: boolean;
  /** What it was given. */
  readonly event: ModelEvent;
  /** State before, as text. */
  readonly before: string;
  /** State after, as text. */
  readonly after: string;
  /** What the machine named, in order. */
  readonly effects: readonly Effect[];
}

/** Notes steps while someone wants them. */
export class Recorder {
  /** Steps since {@link start}; undefined while nobody wants them. */
  #steps: MachineStep[] | undefined;

  /** Begins to note. */
  start(): void {
    this.#steps = [];
  }

  /** Ends noting; what was noted, in order. */
  stop(): readonly MachineStep[] {
    const steps = this.#steps ?? [];
    this.#steps = undefined;
    return steps;
  }

  /** A machine was given an event in life `before`. */
  note(
    actor: string,
    lives: Lives,
    fresh: boolean,
    before: number,
    event: number,
    { life, effects }: Outcome,
  ): void {
    this.#steps?.push({
      actor,
      fresh,
      event: lives.eventOf(event),
      before: lives.describe(before),
      after: lives.describe(life),
      effects,
    });
  }
}
