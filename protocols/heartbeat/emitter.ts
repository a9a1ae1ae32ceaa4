/**
 * Says "I am alive" every interval, and at once when probed.
 *
 * | receives | from    | sends  | to                                  |
 * | -------- | ------- | ------ | ----------------------------------- |
 * | `probe`  | monitor | `beat` | all monitors, or the one that asked |
 * | `start`  | host    |        |                                     |
 * | `stop`   | host    |        |                                     |
 *
 * @module
 */
import { setup } from "xstate";
import type { ProtocolMachine } from "../machine_types.ts";

/** What an emitter is started with. */
export type EmitterInput = {
  /** The time between two heartbeats, in ms. */
  readonly intervalMs: number;
};

/** What happens to an emitter. */
export type EmitterEvent =
  | { readonly type: "start" }
  | { readonly type: "probe" }
  | { readonly type: "stop" };

/** What an emitter asks of its host, with the parameters of each effect. */
export type EmitterEffects = {
  /** Sends a heartbeat: to every monitor when `"due"`, to the one that asked when `"probed"`. */
  beat: { readonly because: "due" | "probed" };
  reject: unknown;
};

/** The states of an emitter. */
export type EmitterState = "idle" | "beating" | "stopped";

/**
 * The types of {@link emitter}.
 *
 * @internal
 */
export type EmitterTypes = {
  context: EmitterInput;
  event: EmitterEvent;
  input: EmitterInput;
  actions: EmitterEffects;
  guards: Record<never, never>;
  delays: "interval";
  state: EmitterState;
};

/** The emitter's chart; input {@link EmitterInput}. */
export const emitter: ProtocolMachine<EmitterTypes> = setup({
  types: {
    input: {} as EmitterInput,
    context: {} as EmitterInput,
    events: {} as EmitterEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    beat: (_, _params: EmitterEffects["beat"]) => {},
    reject: () => {},
  },
  delays: { interval: ({ context }) => context.intervalMs },
}).createMachine({
  id: "heartbeat.emitter",
  context: ({ input }) => input,
  initial: "idle",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    // Not `beating` at once: XState's pure functions start every machine once without input, and a
    // state that re-enters itself after an undefined delay would never come to rest.
    idle: { on: { start: "beating", stop: "stopped" } },
    beating: {
      entry: { type: "beat", params: { because: "due" } },
      after: { interval: { target: "beating", reenter: true } },
      on: {
        // Besides the regular ones: a probe does not move the next.
        probe: { actions: { type: "beat", params: { because: "probed" } } },
        stop: "stopped",
      },
    },
    stopped: { type: "final" },
  },
});
