/**
 * Checkpoints, state transfer and retransmission as regions of the chart in `replica.ts` (section 4.3).
 *
 * @module
 */
import {
  accuseWrong,
  fetchState,
  forget,
  journalStable,
  sayCheckpoint,
  sayStatus,
  tellLacking,
} from "./checkpoints.ts";
import { refuse } from "./ordering.ts";
import { accuse } from "./view_change.ts";

/** What a quorum has given the same digest for becomes stable. */
export const checkpoint = {
  initial: "collecting",
  states: {
    collecting: {
      always: [
        { guard: "isStable", actions: ["becomeStable", journalStable, forget] },
        { guard: "hasWrong", actions: [accuseWrong, "forgetWrong"] },
      ],
      on: {
        journaled: { guard: "isKept", actions: ["noteKept", sayCheckpoint] },
        checkpoint: [
          { guard: "isNoCheckpoint", actions: refuse("notCheckpoint") },
          { guard: "isDoubleCheckpoint", actions: accuse("doubleCheckpoint") },
          { guard: "isAboveStable", actions: "noteCheckpoint" },
          { guard: "isWrong", actions: "noteCheckpoint" },
          {}, // Stable already.
        ],
      },
    },
  },
} as const;

/** One that has fallen behind, or is not in the state a quorum is in, fetches that. */
export const transfer = {
  initial: "idle",
  on: {
    installed: {}, // Of a checkpoint that is past.
    transferFailed: {}, // Likewise.
  },
  states: {
    idle: { always: { guard: "isBehind", target: "fetching" } },
    fetching: {
      entry: ["beginFetching", fetchState],
      always: { guard: "isOvertaken", target: "fetching", reenter: true },
      after: { fetchTimeout: { target: "fetching", reenter: true } }, // From the next one.
      on: {
        transferFailed: { target: "fetching", reenter: true },
        installed: { guard: "isFetched", target: "idle", actions: "noteInstalled" },
      },
    },
  },
} as const;

/**
 * How far it has come; those behind are told what they lack. Said first when it begins: what was said
 * before is told then, and not when the others lose patience.
 */
export const gossip = {
  initial: "telling",
  on: { status: [{ guard: "isLacking", actions: tellLacking }, {}] },
  states: {
    telling: {
      entry: sayStatus,
      after: { status: { target: "telling", reenter: true } },
    },
  },
} as const;
