import { emitter, type EmitterEvent } from "../../../protocols/heartbeat/emitter.ts";
import { monitor, type MonitorEvent } from "../../../protocols/heartbeat/monitor.ts";
import { effect, everyPair, type Row, rows, timer } from "../rows.ts";

const beat: MonitorEvent = { type: "heartbeat", newer: false, older: false };
const newer: MonitorEvent = { type: "heartbeat", newer: true, older: false };
const older: MonitorEvent = { type: "heartbeat", newer: false, older: true };
const patience = timer<MonitorEvent>(monitor, "patience", "waiting");
const suspicion = timer<MonitorEvent>(monitor, "suspicion", "alive");
const interval = timer<MonitorEvent>(monitor, "interval", "suspected");
const alive = [beat];
const suspected = [beat, suspicion];
const failed = [beat, suspicion, interval];
const notify = (status: string, because: string) => effect("notify", { status, because });

const monitorTable: Row<MonitorEvent>[] = [
  {
    description: "a first heartbeat",
    from: [],
    event: newer,
    state: "alive",
    effects: ["cancel", notify("alive", "heard"), "after 20"],
  },
  {
    description: "a peer never heard fails after all its intervals",
    from: [],
    event: patience,
    state: "failed",
    effects: ["cancel", notify("failed", "silence")],
  },
  {
    description: "a heartbeat restarts the wait",
    from: alive,
    event: beat,
    state: "alive",
    effects: ["cancel", "after 20"],
  },
  {
    description: "a restart that nobody missed is told",
    from: alive,
    event: newer,
    state: "alive",
    effects: ["cancel", notify("alive", "restarted"), "after 20"],
  },
  {
    description: "silence is a suspicion first, and the suspect is probed",
    from: alive,
    event: suspicion,
    state: "suspected",
    effects: ["cancel", notify("suspected", "silence"), effect("probe"), "after 10"],
  },
  {
    description: "a suspect refutes",
    from: suspected,
    event: beat,
    state: "alive",
    effects: ["cancel", notify("alive", "refuted"), "after 20"],
  },
  {
    description: "a suspect that restarted does not refute: it lost its memory",
    from: suspected,
    event: newer,
    state: "alive",
    effects: ["cancel", notify("alive", "restarted"), "after 20"],
  },
  {
    description: "a suspect that stays silent fails",
    from: suspected,
    event: interval,
    state: "failed",
    effects: ["cancel", notify("failed", "silence")],
  },
  {
    description: "the failed come back",
    from: failed,
    event: newer,
    state: "alive",
    effects: [notify("alive", "recovered"), "after 20"],
  },
  ...([["waiting", []], ["alive", alive], ["suspected", suspected], ["failed", failed]] as const)
    .map(([state, from]) => ({
      description: `a heartbeat of an older incarnation proves nothing (${state})`,
      from,
      event: older,
      state,
      effects: [],
    })),
];
rows(monitor, { intervalMs: 10, missedLimit: 3 }, monitorTable);
everyPair(
  monitor,
  { intervalMs: 10, missedLimit: 3 },
  { waiting: [], alive, suspected, failed },
  [beat, { type: "unknown" } as unknown as MonitorEvent],
  monitorTable,
);
rows(monitor, { intervalMs: 10, missedLimit: 1 }, [{
  description: "a limit of 1 leaves time to refute all the same",
  from: [],
  event: beat,
  state: "alive",
  effects: ["cancel", notify("alive", "heard"), "after 10"],
}]);

const start: EmitterEvent = { type: "start" };
const probe: EmitterEvent = { type: "probe" };
const stop: EmitterEvent = { type: "stop" };
const emitterTable: Row<EmitterEvent>[] = [
  {
    description: "the first beat does not wait",
    from: [],
    event: start,
    state: "beating",
    effects: [effect("beat", { because: "due" }), "after 10"],
  },
  {
    description: "stopped before it started",
    from: [],
    event: stop,
    state: "stopped",
    effects: [],
  },
  {
    description: "it beats every interval",
    from: [start],
    event: timer<EmitterEvent>(emitter, "interval", "beating"),
    state: "beating",
    effects: ["cancel", effect("beat", { because: "due" }), "after 10"],
  },
  {
    description: "probed, it beats at once, and the next beat does not move",
    from: [start],
    event: probe,
    state: "beating",
    effects: [effect("beat", { because: "probed" })],
  },
  {
    description: "stopped, it is silent",
    from: [start],
    event: stop,
    state: "stopped",
    effects: ["cancel"],
  },
];
rows(emitter, { intervalMs: 10 }, emitterTable);
everyPair(
  emitter,
  { intervalMs: 10 },
  { idle: [], beating: [start], stopped: [start, stop] },
  [start, probe, stop],
  emitterTable,
);
