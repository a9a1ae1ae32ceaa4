/**
 * Lives with their timers in ticks, for models in which time matters: a timer that is due fires
 * before time goes on.
 *
 * @module
 */
import type { Lives, ModelEvent, Outcome } from "../../runtime/checker/lives.ts";
import type { Emit, Words } from "../../runtime/checker/model.ts";
import type { MachineStep, Recorder } from "../../runtime/checker/record.ts";

/** One machine of a state: a word for its life, plus one, and a word for each of its timers. */
export class TimedLife {
  /** Words it takes. */
  readonly width: number;

  /** @param offset its first word; @param timers how many may be set at once */
  constructor(
    readonly lives: Lives,
    private readonly offset: number,
    timers: number,
    private readonly record: { readonly name: string; readonly recorder: Recorder },
  ) {
    this.width = 1 + timers;
  }

  /** Its life; undefined if there is none. */
  life(state: Words): number | undefined {
    const life = state[this.offset]!;
    return life === 0 ? undefined : life - 1;
  }

  /** The state of its machine, or `none`. */
  describe(state: Words): string {
    const life = this.life(state);
    return life === undefined ? "none" : this.lives.describe(life);
  }

  /** A new life begins. */
  begin(state: Words): Outcome {
    state[this.offset] = 0;
    this.#settle(state, this.lives.first, []);
    return this.lives.first;
  }

  /** It ends without a word. */
  end(state: Words): void {
    state.fill(0, this.offset, this.offset + this.width);
  }

  step(state: Words, event: ModelEvent): Outcome {
    return this.stepNumber(state, this.lives.event(event));
  }

  stepNumber(state: Words, event: number): Outcome {
    const life = state[this.offset]! - 1;
    const before = this.lives.timers(life).map(({ id }, i) => {
      return { id, left: state[this.offset + 1 + i]! };
    });
    const outcome = this.lives.step(life, event);
    const { name, recorder } = this.record;
    recorder.note(name, this.lives, life === this.lives.start, life, event, outcome);
    this.#settle(state, outcome, before);
    return outcome;
  }

  #settle(
    state: Words,
    { life, set }: Outcome,
    before: readonly { readonly id: string; readonly left: number }[],
  ): void {
    state[this.offset] = life + 1;
    state.fill(0, this.offset + 1, this.offset + this.width);
    this.lives.timers(life).forEach(({ id, name, delayMs }, i) => {
      if (i + 1 >= this.width) throw new RangeError("More timers are set than there are words");
      const kept = set.includes(name) ? undefined : before.find((it) => it.id === id);
      state[this.offset + 1 + i] = kept?.left ?? delayMs;
    });
  }

  /** Events of the timers that are due. */
  due(state: Words): readonly number[] {
    const life = this.life(state);
    if (life === undefined) return [];
    return this.lives.timers(life)
      .filter((_, i) => state[this.offset + 1 + i] === 0)
      .map(({ event }) => event);
  }

  /** Time goes on by one. */
  tick(state: Words): void {
    const life = this.life(state);
    if (life === undefined) return;
    this.lives.timers(life).forEach((_, i) => state[this.offset + 1 + i]!--);
  }
}

/** What the machines do in an action of a model: it is done once more, and noted. */
export function stepsOf(
  recorder: Recorder,
  expand: (state: Words, emit: Emit) => void,
): (state: Words, action: number) => readonly MachineStep[] {
  return (state, wanted) => {
    let steps: readonly MachineStep[] = [];
    recorder.start();
    expand(state, (action) => {
      // Each action is reported right after it was done.
      const done = recorder.stop();
      if (action === wanted) steps = done;
      recorder.start();
    });
    recorder.stop();
    return steps;
  };
}
