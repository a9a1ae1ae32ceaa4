/**
 * TwoPhase of Gray and Lamport 2006: two-phase commit without failures of the transaction manager.
 * Messages form a set that only grows. Three resource managers have 288 states, five 8,832.
 *
 * @module
 */
import { assign, setup } from "xstate";
import { Lives } from "../../../runtime/checker/lives.ts";
import type { Model, Move, Words } from "../../../runtime/checker/model.ts";
import { hasBits } from "./bits.ts";

const resourceManager = setup({
  types: { events: {} as { type: "prepare" | "chooseToAbort" | "commitMessage" | "abortMessage" } },
  actions: { send: (_, _params: { message: "prepared" }) => {}, reject: () => {} },
}).createMachine({
  id: "textbook.resourceManager",
  initial: "working",
  on: {
    // As in the specification, whatever the state: that it is never wrong is the theorem.
    commitMessage: ".committed",
    abortMessage: ".aborted",
    "*": { actions: "reject" },
  },
  states: {
    working: {
      on: {
        prepare: { target: "prepared", actions: { type: "send", params: { message: "prepared" } } },
        chooseToAbort: "aborted",
      },
    },
    prepared: {},
    committed: {},
    aborted: {},
  },
});

const transactionManager = setup({
  types: {
    input: {} as { count: number },
    context: {} as { count: number; prepared: readonly number[] },
    events: {} as { type: "prepared"; from: number } | { type: "commit" | "abort" },
  },
  guards: { allPrepared: ({ context }) => context.prepared.length === context.count },
  actions: {
    send: (_, _params: { message: "commit" | "abort" }) => {},
    note: assign(({ context, event }) =>
      event.type !== "prepared" ? {} : {
        prepared: [...new Set([...context.prepared, event.from])].sort(),
      }
    ),
    reject: () => {},
  },
}).createMachine({
  id: "textbook.transactionManager",
  context: ({ input }) => ({ ...input, prepared: [] }),
  initial: "init",
  on: { "*": { actions: "reject" } },
  states: {
    init: {
      on: {
        prepared: { actions: "note" },
        commit: {
          guard: "allPrepared",
          target: "committed",
          actions: { type: "send", params: { message: "commit" } },
        },
        abort: { target: "aborted", actions: { type: "send", params: { message: "abort" } } },
      },
    },
    committed: {},
    aborted: {},
  },
});

/** The model for a number of resource managers: their lives, the manager's, and the messages. */
export function twoPhaseModel(count: number): Model {
  const managers = new Lives(resourceManager, undefined);
  const tm = new Lives(transactionManager, { count });
  const [TM, MESSAGES] = [count, count + 1];
  const COMMIT = 1 << count;
  const ABORT = 2 << count;
  const bit = (message: unknown, from: number) =>
    message === "commit" ? COMMIT : message === "abort" ? ABORT : 1 << from;
  /** Who gets which event, and the message it needs. */
  const actions = [
    { to: TM, event: tm.event({ type: "commit" }), needs: 0 },
    { to: TM, event: tm.event({ type: "abort" }), needs: 0 },
    ...Array.from({ length: count }, (_, rm) => [
      { to: TM, event: tm.event({ type: "prepared", from: rm }), needs: 1 << rm },
      { to: rm, event: managers.event({ type: "prepare" }), needs: 0 },
      { to: rm, event: managers.event({ type: "chooseToAbort" }), needs: 0 },
      { to: rm, event: managers.event({ type: "commitMessage" }), needs: COMMIT },
      { to: rm, event: managers.event({ type: "abortMessage" }), needs: ABORT },
    ]).flat(),
  ];
  const name = (process: number) => process === TM ? "tm" : `rm${process}`;
  const show = (state: Words) => [
    { name: "tm", state: tm.describe(state[TM]!) },
    ...Array.from(
      { length: count },
      (_, i) => ({ name: `rm${i}`, state: managers.describe(state[i]!) }),
    ),
  ];
  return {
    name: `textbook/two_phase_${count}`,
    width: count + 2,
    bounds: { participants: count, symmetry: false, network: "set" },
    initial: () => {
      const state = new Uint16Array(count + 2).fill(managers.start);
      state[TM] = tm.start;
      state[MESSAGES] = 0;
      return [state];
    },
    expand: (state, emit) => {
      actions.forEach(({ to, event, needs }, action) => {
        if (!hasBits(state[MESSAGES]!, needs)) return;
        const { life, effects } = (to === TM ? tm : managers).step(state[to]!, event);
        if (effects.some(({ type }) => type === "reject")) return; // Not enabled.
        const next = state.slice();
        next[to] = life;
        for (const { params } of effects) {
          next[MESSAGES]! |= bit((params as { message: string }).message, to);
        }
        emit(action, next);
      });
    },
    invariants: [{
      name: "no two resource managers decide differently",
      holds: (state) => {
        const at = show(state).slice(1).map((it) => it.state);
        return !(at.includes("committed") && at.includes("aborted"));
      },
    }],
    tell: (_, action): Move => {
      const { to, event, needs } = actions[action]!;
      const { type } = (to === TM ? tm : managers).eventOf(event);
      const sender = needs === 0 ? to : to === TM ? Math.log2(needs) : TM;
      return { from: name(sender), to: name(to), type, text: `${name(to)}: ${type}` };
    },
    show,
  };
}
