/** What a node promises about its steps. */
import { START_STEPS, STOP_STEPS } from "../../../protocols/lifecycle/messages.ts";
import type { InvariantDefinition } from "../invariant.ts";

const STEPS: readonly string[] = [...START_STEPS, ...STOP_STEPS];
const FIRST_STOP = START_STEPS.length;

/** One step after the other; a start may be cut short, a stop may not. */
export const invariant: InvariantDefinition = {
  name: "node_steps",
  says: "a node takes its steps in order, serves after all of a start, ends after all of a stop",
  create(watched) {
    const places = new Map<string, number>();
    return {
      step({ machine, address, after, effects }) {
        if (machine !== "lifecycle.node") return;
        for (const { type, params } of effects) {
          if (type !== "perform") continue;
          const { step } = params as { step: string };
          const [was, now] = [places.get(address) ?? 0, STEPS.indexOf(step)];
          places.set(address, now);
          const cutShort = was < FIRST_STOP && now === FIRST_STOP;
          if (now === was + 1 || cutShort || now === 0) continue;
          watched.fail(`${address} performs ${step} after ${STEPS[was]}`);
        }
        const place = places.get(address) ?? 0;
        const due = after === "serving"
          ? FIRST_STOP - 1
          : /^(?:stopped|failedToStart)$/.test(after)
          ? STEPS.length - 1
          : place;
        if (place !== due) watched.fail(`${address} is ${after} after ${STEPS[place]}`);
      },
      gone: ({ address }) => void places.delete(address),
    };
  },
};
