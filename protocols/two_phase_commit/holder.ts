/**
 * A volatile participant: an edge that keeps a leased copy of an entry a transaction changes.
 *
 * It promises that between `held` and the end of the hold nobody reads its copy, and that afterwards
 * nobody reads the old one, should the transaction have committed. It forces nothing, decides nothing
 * and answers no peer: if it dies its copy dies with it, and if it cannot be reached its lease runs
 * out (Gray and Cheriton 1989, "Leases: An Efficient Fault-Tolerant Mechanism for Distributed File
 * Cache Consistency", section 2).
 *
 * | receives          | from        | sends                                  | to          |
 * | ----------------- | ----------- | -------------------------------------- | ----------- |
 * | `hold` `release`  | coordinator | `held`                                 | coordinator |
 * |                   |             | `suspend` `resume` `install` `drop`    | host        |
 *
 * The host lets a `hold` begin even when it has no copy (a fill may be under way) and, while it lasts
 * and after it, takes fills only as `admitFill` allows.
 *
 * @module
 */
import { setup } from "xstate";
import type { ProtocolMachine } from "../machine_types.ts";

/** What a holder is started with. */
export type HolderInput = {
  /** How long the edge trusts a lease, in ms: the result of `edgeLease`. */
  readonly leaseMs: number;
};

/** What happens to a holder. */
export type HolderEvent =
  | { readonly type: "hold" }
  | { readonly type: "release"; readonly outcome: "commit" | "abort" };

/** What a holder asks of its host. */
export type HolderEffects = {
  /** Readers of the entry wait from now on. */
  suspend: unknown;
  /** Waiting readers go on: with the copy if there is one, else to the owner of the entry. */
  resume: unknown;
  /** Puts the new entry in place of the old, or drops the old if the new one is not at hand. */
  install: unknown;
  /** Removes the copy. */
  drop: unknown;
  sendCoordinator: { readonly message: "held" };
  reject: unknown;
};

/** The states of a holder. */
export type HolderState = "idle" | "held" | "installed" | "released" | "expired";

/**
 * The types of {@link holder}.
 *
 * @internal
 */
export type HolderTypes = {
  context: HolderInput;
  event: HolderEvent;
  input: HolderInput;
  actions: HolderEffects;
  guards: { isCommit: unknown };
  delays: "lease";
  state: HolderState;
};

const sendHeld = { type: "sendCoordinator", params: { message: "held" } } as const;

/** The holder's chart; input {@link HolderInput}. */
export const holder: ProtocolMachine<HolderTypes> = setup({
  types: {
    input: {} as HolderInput,
    context: {} as HolderInput,
    events: {} as HolderEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    suspend: () => {},
    resume: () => {},
    install: () => {},
    drop: () => {},
    sendCoordinator: (_, _params: HolderEffects["sendCoordinator"]) => {},
    reject: () => {},
  },
  guards: {
    isCommit: ({ event }) => event.type === "release" && event.outcome === "commit",
  },
  delays: { lease: ({ context }) => context.leaseMs },
}).createMachine({
  id: "twoPhaseCommit.holder",
  context: ({ input }) => input,
  initial: "idle",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    idle: {
      on: {
        hold: { target: "held", actions: ["suspend", sendHeld] },
        release: {}, // It outran its hold, or the hold is over: nobody waits here.
      },
    },
    held: {
      // Not extended by a repeated hold: when no lease of before the hold can be valid any more, the
      // copy is worthless, and readers may go to the owner, where the locks make them wait if need be.
      after: { lease: "expired" },
      on: {
        hold: { actions: sendHeld }, // The answer was lost: say it again.
        release: [{ guard: "isCommit", target: "installed" }, { target: "released" }],
      },
    },
    installed: { type: "final", entry: ["install", "resume"] },
    released: { type: "final", entry: "resume" },
    expired: { type: "final", entry: ["drop", "resume"] },
  },
});
