/**
 * TCommit of Gray and Lamport 2006, "Consensus on Transaction Commit", appendix: what transaction
 * commit is, without saying how. Three resource managers have 34 states.
 *
 * @module
 */
import { setup } from "xstate";
import { Lives } from "../../../runtime/checker/lives.ts";
import type { Model, Words } from "../../../runtime/checker/model.ts";

type Decide = { type: "commit"; canCommit: boolean } | { type: "abort"; notCommitted: boolean };

const manager = setup({
  types: { events: {} as { type: "prepare" } | Decide },
  guards: {
    canCommit: ({ event }) => event.type === "commit" && event.canCommit,
    notCommitted: ({ event }) => event.type === "abort" && event.notCommitted,
  },
  actions: { reject: () => {} },
}).createMachine({
  id: "textbook.manager",
  initial: "working",
  on: { "*": { actions: "reject" } },
  states: {
    working: { on: { prepare: "prepared", abort: { guard: "notCommitted", target: "aborted" } } },
    prepared: {
      on: {
        commit: { guard: "canCommit", target: "committed" },
        abort: { guard: "notCommitted", target: "aborted" },
      },
    },
    committed: {},
    aborted: {},
  },
});

/** The model for a number of resource managers. */
export function commitModel(count: number): Model {
  const lives = new Lives(manager, undefined);
  const states = (state: Words) => Array.from(state, (life) => lives.describe(life));
  const offered = (state: Words) => {
    const at = states(state);
    const canCommit = at.every((it) => it === "prepared" || it === "committed");
    const notCommitted = at.every((it) => it !== "committed");
    return [
      { type: "prepare" },
      { type: "commit", canCommit },
      { type: "abort", notCommitted },
    ].map((event) => lives.event(event));
  };
  return {
    name: `textbook/commit_${count}`,
    width: count,
    bounds: { participants: count, symmetry: false },
    initial: () => [new Uint16Array(count).fill(lives.start)],
    expand: (state, emit) => {
      const next = state.slice();
      const events = offered(state);
      for (let i = 0; i < count; i++) {
        for (let e = 0; e < events.length; e++) {
          const { life, effects } = lives.step(state[i]!, events[e]!);
          if (effects.length > 0) continue; // Rejected: not enabled.
          next[i] = life;
          emit(i * 3 + e, next);
        }
        next[i] = state[i]!;
      }
    },
    invariants: [{
      name: "no two managers decide differently",
      holds: (state) => {
        const at = states(state);
        return !(at.includes("committed") && at.includes("aborted"));
      },
    }],
    tell: (_, action) => {
      const name = `rm${Math.floor(action / 3)}`;
      const type = ["prepare", "commit", "abort"][action % 3]!;
      return { from: name, to: name, type, text: `${name}: ${type}` };
    },
    show: (state) => states(state).map((it, i) => ({ name: `rm${i}`, state: it })),
  };
}
