/**
 * Watches one peer by its heartbeats: suspects it before it declares it failed.
 *
 * It promises that a peer heard within `missedLimit - 1` intervals is never suspected, one heard
 * within `missedLimit` intervals never failed, and that a silent one is failed after `missedLimit`.
 * The suspicion sends a probe over whatever path the host chooses, so that a peer with one bad link
 * may refute it: this is an eventually perfect detector only while delays are bounded (Chandra and
 * Toueg 1996, "Unreliable Failure Detectors for Reliable Distributed Systems", section 3). A failed
 * verdict is an opinion; fencing by epoch, not the verdict, keeps a deposed peer from doing harm.
 *
 * | receives    | from    | sends    | to      |
 * | ----------- | ------- | -------- | ------- |
 * | `heartbeat` | emitter | `probe`  | emitter |
 * |             |         | `notify` | host    |
 *
 * @module
 */
import { setup } from "xstate";
import type { ProtocolMachine } from "../machine_types.ts";

/** What a monitor is started with. */
export type MonitorInput = {
  /** The time between two heartbeats of the peer, in ms. */
  readonly intervalMs: number;
  /** After how many silent intervals the peer counts as failed; at least 2 (1 is taken as 2), and 3 if jitter may eat an interval. */
  readonly missedLimit: number;
};

/** What happens to a monitor. `newer` and `older` compare the heartbeat's incarnation with the newest heard. */
export type MonitorEvent = {
  readonly type: "heartbeat";
  readonly newer: boolean;
  readonly older: boolean;
};

/** What a monitor asks of its host, with the parameters of each effect. */
export type MonitorEffects = {
  /** A change of opinion and what brought it about. */
  notify: {
    readonly status: "alive" | "suspected" | "failed";
    readonly because: "heard" | "restarted" | "refuted" | "recovered" | "silence";
  };
  probe: unknown;
  reject: unknown;
};

/** The states of a monitor. */
export type MonitorState = "waiting" | "alive" | "suspected" | "failed";

/**
 * The types of {@link monitor}.
 *
 * @internal
 */
export type MonitorTypes = {
  context: MonitorInput;
  event: MonitorEvent;
  input: MonitorInput;
  actions: MonitorEffects;
  guards: { isOlder: unknown; isNewer: unknown };
  delays: "patience" | "suspicion" | "interval";
  state: MonitorState;
};

function notify(
  status: MonitorEffects["notify"]["status"],
  because: MonitorEffects["notify"]["because"],
) {
  return { type: "notify", params: { status, because } } as const;
}

/** A late heartbeat of a previous life proves nothing about the present one. */
const older = { guard: "isOlder" } as const;

/** The monitor's chart; input {@link MonitorInput}. */
export const monitor: ProtocolMachine<MonitorTypes> = setup({
  types: {
    input: {} as MonitorInput,
    context: {} as MonitorInput,
    events: {} as MonitorEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    notify: (_, _params: MonitorEffects["notify"]) => {},
    probe: () => {},
    reject: () => {},
  },
  guards: {
    isOlder: ({ event }) => event.type === "heartbeat" && event.older,
    isNewer: ({ event }) => event.type === "heartbeat" && event.newer,
  },
  delays: {
    patience: ({ context }) => Math.max(2, context.missedLimit) * context.intervalMs,
    suspicion: ({ context }) => (Math.max(2, context.missedLimit) - 1) * context.intervalMs,
    interval: ({ context }) => context.intervalMs,
  },
}).createMachine({
  id: "heartbeat.monitor",
  context: ({ input }) => input,
  initial: "waiting",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    waiting: { // Never heard: it may be starting still.
      after: { patience: { target: "failed", actions: notify("failed", "silence") } },
      on: { heartbeat: [older, { target: "alive", actions: notify("alive", "heard") }] },
    },
    alive: {
      after: {
        suspicion: { target: "suspected", actions: notify("suspected", "silence") },
      },
      on: {
        heartbeat: [
          older,
          { // It came back before anyone missed it: what it held in memory is gone all the same.
            guard: "isNewer",
            target: "alive",
            reenter: true,
            actions: notify("alive", "restarted"),
          },
          { target: "alive", reenter: true },
        ],
      },
    },
    suspected: {
      entry: "probe", // Let the suspect refute.
      after: { interval: { target: "failed", actions: notify("failed", "silence") } },
      on: {
        heartbeat: [
          older,
          { guard: "isNewer", target: "alive", actions: notify("alive", "restarted") },
          { target: "alive", actions: notify("alive", "refuted") },
        ],
      },
    },
    failed: {
      on: { heartbeat: [older, { target: "alive", actions: notify("alive", "recovered") }] },
    },
  },
});
