/**
 * View changes as parts of the chart in `replica.ts` (section 4.4): what is heard in any view and
 * between two, and the way from one view to another.
 *
 * @module
 */
import { journalStable } from "./checkpoints.ts";
import { refuse } from "./ordering.ts";
import {
  accuse,
  enter,
  journalNewView,
  journalViewChange,
  relayPending,
  sayBeginning,
  sayViewChange,
} from "./view_change.ts";

/** Heard in any view, unless a state has an answer of its own. */
export const inAnyView = {
  // What may be heard in any view, and between two.
  viewChange: [
    { guard: "isImpossible", actions: refuse("impossibleViewChange") },
    { guard: "isDoubleViewChange", actions: accuse("doubleViewChange") },
    {
      guard: "isToJoin",
      target: ".changing",
      actions: ["leaveToJoin", "noteViewChange"],
    },
    { actions: "noteViewChange" }, // If it is news.
  ],
  newView: [
    {
      guard: "isBeginning",
      target: ".changing.installing",
      actions: "adoptNewView",
    },
    { guard: "isNotItsPrimary", actions: refuse("notPrimary") },
    { guard: "isForgery", actions: accuse("forgedNewView") },
    {}, // A duplicate, or of a view that is past.
  ],
  // Between two views it takes no part in ordering (4.4).
  prePrepare: { actions: refuse("wrongView") },
  prepare: { actions: refuse("wrongView") },
  commit: { actions: refuse("wrongView") },
} as const;

/** Between two views: nothing is ordered. */
export const changing = {
  initial: "leaving",
  on: {
    journaled: [
      {
        guard: "isBegun",
        target: "normal",
        actions: ["enterView", sayBeginning, enter, relayPending],
      },
      { actions: "noteProof" },
    ],
    suspect: [
      { guard: "hasQuorum", target: "changing", reenter: true, actions: "leaveForNext" },
      {}, // While fewer have left, it waits for them: else it would run ahead alone (4.5.2).
    ],
  },
  states: {
    leaving: {
      entry: journalViewChange,
      on: {
        journaled: {
          guard: "hasLeft",
          target: "collecting",
          actions: ["noteLeft", sayViewChange],
        },
      },
    },
    collecting: {
      always: [
        { guard: "isNewPrimary", target: "announcing" },
        { guard: "hasQuorum", target: "awaiting" },
      ],
    },
    // Enough have left: its primary has no excuse (4.4).
    awaiting: { after: { patience: { actions: "suspect" } } },
    announcing: { entry: ["makeNewView", journalStable, journalNewView] },
    installing: { entry: [journalStable, journalNewView] },
  },
} as const;
