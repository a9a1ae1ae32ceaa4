/**
 * Normal operation as parts of the chart in `replica.ts` (section 4.2): what is heard within a view,
 * and the regions in which the primary makes batches, committed ones are executed, and a replica waits.
 *
 * @module
 */
import { journalCheckpoint } from "./checkpoints.ts";
import { execute, journalAt, propose, refuse, refuseMisplaced, relay, say } from "./ordering.ts";
import { accuse } from "./view_change.ts";

/** Within a view: pre-prepare, prepare, commit. */
export const normal = {
  on: {
    prePrepare: [
      {
        guard: "isAcceptable",
        actions: ["acceptPrePrepare", journalAt("accepted")],
      },
      { guard: "isEquivocation", actions: accuse("equivocation") },
      { guard: "isMisplaced", actions: refuseMisplaced },
      { guard: "isFromPrimary" }, // A duplicate: its prepare is said, or on its way.
      { actions: refuse("notPrimary") },
    ],
    prepare: [
      { guard: "isMisplaced", actions: refuseMisplaced },
      { guard: "isFromPrimary", actions: refuse("notBackup") },
      { guard: "isDoublePrepare", actions: accuse("doublePrepare") },
      {
        guard: "completesPrepared",
        actions: ["notePrepare", "beginPreparing", journalAt("prepared")],
      },
      { actions: "notePrepare" },
    ],
    commit: [
      { guard: "isMisplaced", actions: refuseMisplaced },
      { guard: "isDoubleCommit", actions: refuse("contradiction") },
      { actions: "noteCommit" }, // Whether it may be executed: see `execution`.
    ],
    journaled: [
      {
        guard: "isAcceptedAndPrepared",
        actions: ["noteAccepted", say, "beginPreparing", journalAt("prepared")],
      },
      { guard: "isAccepted", actions: ["noteAccepted", say] },
      { guard: "isPreparedDurably", actions: ["notePrepared", say] },
      { actions: "noteProof" },
    ],
    suspect: { target: "changing", actions: "leaveForNext" },
  },
} as const;

/** The primary makes batches of what waits. */
export const proposal = {
  initial: "idle",
  on: {
    request: [
      { guard: "isToRelay", actions: ["addPending", relay] },
      { actions: "addPending" },
    ],
  },
  states: {
    idle: { always: { guard: "mayPropose", target: "proposing" } },
    proposing: {
      entry: propose,
      on: {
        proposed: [
          {
            guard: "isProposal",
            target: "idle",
            actions: ["acceptProposal", journalAt("accepted")],
          },
          { target: "idle" },
        ],
      },
    },
  },
} as const;

/** What is committed is executed, one number after the other. */
export const execution = {
  initial: "idle",
  on: { executed: {} }, // Of a state that another has taken the place of.
  states: {
    idle: { always: { guard: "isNextCommitted", target: "executing" } },
    executing: {
      entry: execute,
      on: {
        executed: [
          {
            guard: "hasCheckpointed",
            target: "idle",
            actions: ["noteExecuted", journalCheckpoint],
          },
          { guard: "isExecution", target: "idle", actions: "noteExecuted" },
        ],
        installed: { guard: "isFetched", target: "idle" },
      },
    },
  },
} as const;

/** The timer that suspects a view (4.4). */
export const patience = {
  initial: "calm",
  states: {
    calm: { always: { guard: "isWaiting", target: "waiting" } },
    waiting: {
      always: { guard: "isNotWaiting", target: "calm" },
      after: { patience: { actions: "suspect" } },
      on: { executed: { guard: "isRelieved", target: "calm" } }, // And begins to wait anew.
    },
  },
} as const;
