/**
 * A role that is one life of one machine, as those see it who look on: the counterpart of
 * `Instances` for a live XState actor.
 *
 * @module
 */
import { describeValue } from "./engine.ts";
import type { Instance, Lives } from "./instances.ts";
import type { AnyMachineSnapshot, AnyStateMachine } from "./xstate_types.ts";

/** One life, named by the address of its role. */
export class SingleLife implements Lives {
  /** @param look its present state; undefined before it begins */
  constructor(
    readonly machine: AnyStateMachine,
    private readonly key: string,
    private readonly look: () => AnyMachineSnapshot | undefined,
  ) {}

  get id(): string {
    return this.machine.id;
  }

  get size(): number {
    return this.look() === undefined ? 0 : 1;
  }

  get(key: string): Instance<unknown> | undefined {
    const state = key === this.key ? this.look() : undefined;
    return state && { key, facts: undefined, state };
  }

  census(): Record<string, number> {
    const state = this.look();
    return state === undefined ? {} : { [describeValue(state.value)]: 1 };
  }

  describe({ state }: Instance<unknown>): string {
    return describeValue((state as AnyMachineSnapshot).value);
  }

  snapshot(state: unknown): AnyMachineSnapshot {
    return state as AnyMachineSnapshot;
  }

  *[Symbol.iterator](): Iterator<Instance<unknown>> {
    const only = this.get(this.key);
    if (only !== undefined) yield only;
  }
}
