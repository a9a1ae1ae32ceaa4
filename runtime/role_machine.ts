/**
 * The life of a role in its worker, as a chart. One live XState actor a worker.
 *
 * | state | what it does |
 * | --- | --- |
 * | starting | the worker runs, nothing is read yet |
 * | recovering | opens its store and rebuilds what it must know |
 * | serving | takes messages |
 * | draining | finishes accepted work, takes no new work |
 * | drained | has finished it; still answers those who wait for others |
 * | stopping | lets go of what it holds |
 * | stopped, failed | final |
 *
 * @module
 */
import { setup } from "xstate";
import type { AnyStateMachine } from "./xstate_types.ts";

/** Events of a role's life. */
export type RoleEvent =
  | { readonly type: "start" }
  | { readonly type: "recovered" }
  | { readonly type: "drain" }
  | { readonly type: "drained" }
  | { readonly type: "stop" }
  | { readonly type: "stopped" }
  | { readonly type: "failed" };

/** The machine; its effects are performed by the host. */
export const roleMachine: AnyStateMachine = setup({
  types: { events: {} as RoleEvent },
  actions: {
    recover: () => {},
    serve: () => {},
    drain: () => {},
    answerDrain: () => {},
    stop: () => {},
    reject: () => {},
  },
}).createMachine({
  id: "role",
  initial: "starting",
  on: { "*": { actions: "reject" }, failed: ".failed" },
  states: {
    starting: { on: { start: "recovering", stop: "stopping", drain: "stopping" } },
    recovering: {
      entry: "recover",
      // Asked to start again: it is on its way.
      on: { recovered: "serving", stop: "stopping", drain: "stopping", start: {} },
    },
    serving: { entry: "serve", on: { drain: "draining", stop: "stopping", start: {} } },
    draining: { entry: "drain", on: { drained: "drained", stop: "stopping", drain: {} } },
    drained: { entry: "answerDrain", on: { drain: { actions: "answerDrain" }, stop: "stopping" } },
    stopping: {
      entry: "stop",
      on: { stopped: "stopped", stop: {}, drain: {}, recovered: {} },
    },
    stopped: { type: "final" },
    failed: { type: "final" },
  },
});
