/**
 * A node that beats, dies and comes back, and the monitor that watches it, in discrete time, over a
 * channel that loses, doubles, delays and reorders at will: what was sent may arrive at any time, any
 * number of times, or never.
 *
 * @module
 */
import { Lives } from "../../../runtime/checker/lives.ts";
import type { Emit, Model, Possibility, Shown, Words } from "../../../runtime/checker/model.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";
import { Recorder } from "../../../runtime/checker/record.ts";
import { stepsOf, TimedLife } from "../timed.ts";
import { Act, tell } from "./actions.ts";
import { type Heard, monitorFault } from "./rules.ts";

/** What is explored. */
export interface HeartbeatOptions {
  readonly monitor: AnyStateMachine;
  readonly emitter: AnyStateMachine;
  /** Times the node dies or stops. */
  readonly crashes: number;
  /** Ticks between two heartbeats. */
  readonly intervalMs: number;
  readonly missedLimit: number;
}

/** Words: after them come the two machines. */
const INCARNATION = 0; // Of the node; 0 is down before its first start.
const NEWEST = 1; // The newest incarnation the monitor has heard.
const MAIL = 2; // Bit i: a heartbeat of incarnation i; bit 0: a probe.
const SILENCE = 3; // Ticks since a heartbeat of the newest incarnation arrived.
const SINCE = 4; // Ticks since the node beat because it was due.
const STATUS = 5; // What the subscribers have been told.
const PHASE = 6;
const MACHINES = 7;

const Phase = { FAULTS: 0, DOWN: 1, INSTANT: 2 } as const;
const STATUSES = ["waiting", "alive", "suspected", "failed"] as const;

/** The model of one monitor and one node. */
export function heartbeatModel(options: HeartbeatOptions): Model {
  return new Heartbeat(options).model();
}

class Heartbeat {
  readonly monitor: TimedLife;
  readonly emitter: TimedLife;
  readonly width: number;
  readonly recorder = new Recorder();
  readonly #patience: number;

  constructor(private readonly options: HeartbeatOptions) {
    const { intervalMs, missedLimit } = options;
    const stray = [{ event: { type: "stray" }, expect: "rejected" }] as const;
    const old = { type: "heartbeat", newer: false, older: true };
    const watcher = new Lives(options.monitor, { intervalMs, missedLimit }, undefined, [
      ...stray,
      { event: old, expect: "unchanged" },
    ]);
    const { recorder } = this;
    this.monitor = new TimedLife(watcher, MACHINES, 2, { name: "monitor", recorder });
    const pulse = new Lives(options.emitter, { intervalMs }, undefined, stray);
    const at = MACHINES + this.monitor.width;
    this.emitter = new TimedLife(pulse, at, 1, { name: "emitter", recorder });
    this.width = MACHINES + this.monitor.width + this.emitter.width;
    this.#patience = missedLimit * intervalMs;
  }

  model(): Model {
    const { crashes, intervalMs, missedLimit } = this.options;
    return {
      name: "heartbeat",
      width: this.width,
      bounds: {
        crashes,
        interval_ticks: intervalMs,
        missed_limit: missedLimit,
        network: "set",
        losses_per_channel: "any",
        duplicates_per_channel: "any",
        symmetry: false,
      },
      initial: () => {
        const state = new Uint16Array(this.width);
        this.monitor.begin(state);
        return [state];
      },
      expand: (state, emit) => this.#expand(state, emit),
      invariants: [
        {
          name: "a peer heard within missedLimit - 1 intervals is never suspected",
          holds: (state) =>
            this.monitor.describe(state) !== "suspected" ||
            state[SILENCE]! >= this.#patience - intervalMs,
        },
        {
          name: "a peer heard within missedLimit intervals is never failed",
          holds: (state) =>
            this.monitor.describe(state) !== "failed" || state[SILENCE]! >= this.#patience,
        },
        {
          name: "a peer silent for longer than missedLimit intervals is failed",
          holds: (state) =>
            state[SILENCE]! <= this.#patience || this.monitor.describe(state) === "failed",
        },
        {
          name: "the subscribers believe what the monitor believes",
          holds: (state) => STATUSES[state[STATUS]!] === this.monitor.describe(state),
        },
        {
          name: "a node that lives beats in every interval",
          holds: (state) =>
            this.emitter.describe(state) !== "beating" || state[SINCE]! <= intervalMs,
        },
      ],
      possibilities: this.#possibilities(),
      tell: (_, action) => tell(this.monitor.lives, action),
      steps: stepsOf(this.recorder, (state, emit) => this.#expand(state, emit)),
      actors: {
        monitor: { machine: this.monitor.lives.machine.id, input: this.monitor.lives.input },
        emitter: { machine: this.emitter.lives.machine.id, input: this.emitter.lives.input },
      },
      show: (state) => this.#show(state),
    };
  }

  #possibilities(): readonly Possibility[] {
    const isUp = (state: Words) => this.emitter.describe(state) === "beating";
    return [
      {
        name: "a node that is down is failed in the end",
        from: (state) => {
          if (isUp(state)) return undefined;
          const next = state.slice();
          next[MAIL] = 0;
          next[PHASE] = Phase.DOWN;
          return next;
        },
        goal: (state) => this.monitor.describe(state) === "failed",
      },
      {
        name: "a suspect that lives can refute at once",
        from: (state) => {
          const suspected = this.monitor.describe(state) === "suspected";
          if (!isUp(state) || !suspected || !(state[MAIL]! & 1)) return undefined;
          const next = state.slice();
          next[MAIL] = 1;
          next[PHASE] = Phase.INSTANT;
          return next;
        },
        goal: (state) => this.monitor.describe(state) === "alive",
      },
    ];
  }

  #expand(state: Words, emit: Emit): void {
    const { monitor, emitter } = this;
    const attempt = (action: number, change: (next: Words) => string | undefined | void) => {
      const next = state.slice();
      emit(action, next, change(next) ?? undefined);
    };
    const phase = state[PHASE]!;
    const [late, beats] = [monitor.due(state), emitter.due(state)];
    if (phase !== Phase.INSTANT) {
      for (const event of late) {
        attempt(Act.DUE + event, (next) => this.#watch(next, event, undefined));
      }
      for (const event of beats) {
        attempt(Act.EMITTER_DUE + event, (next) => this.#beat(next, event));
      }
      if (late.length + beats.length === 0) attempt(Act.TICK, (next) => this.#tick(next));
    }
    if (phase === Phase.FAULTS) this.#nodeLife(state, attempt);
    for (let incarnation = 1; incarnation <= this.options.crashes + 1; incarnation++) {
      if (!(state[MAIL]! >> incarnation & 1)) continue;
      attempt(Act.HEARD + incarnation, (next) => this.#hear(next, incarnation));
    }
    if (state[MAIL]! & 1 && emitter.describe(state) === "beating") {
      const probe = emitter.lives.event({ type: "probe" });
      attempt(Act.PROBED, (next) => this.#beat(next, probe, "a probe is answered by a heartbeat"));
    }
    const lives = [[monitor, monitor.life(state)], [emitter, emitter.life(state)]] as const;
    for (const [timed, life] of lives) {
      const fault = life === undefined ? undefined : timed.lives.fault(life);
      if (fault !== undefined) emit(Act.TICK, state, fault);
    }
  }

  /** The node boots, starts to beat, stops and dies. */
  #nodeLife(
    state: Words,
    attempt: (action: number, change: (next: Words) => string | undefined | void) => void,
  ): void {
    const { emitter } = this;
    const { crashes } = this.options;
    const at = emitter.describe(state);
    if (at === "none") {
      if (state[INCARNATION]! > crashes) return;
      attempt(Act.BOOT, (next) => {
        next[INCARNATION]!++;
        next[SINCE] = 0;
        emitter.begin(next);
      });
      return;
    }
    attempt(Act.CRASH, (next) => emitter.end(next));
    if (at === "idle") {
      const start = emitter.lives.event({ type: "start" });
      attempt(Act.START, (next) => this.#beat(next, start, "a node that starts beats at once"));
    }
    attempt(Act.STOP, (next) => {
      const broken = this.#beat(next, emitter.lives.event({ type: "stop" }));
      return broken ?? (emitter.life(next) === undefined ? undefined : "a stopped node is silent");
    });
  }

  /** Gives the emitter an event; `owed`: whether it has to beat at once. */
  #beat(state: Words, event: number, owed?: string): string | undefined {
    const { life, effects } = this.emitter.stepNumber(state, event);
    const { type } = this.emitter.lives.eventOf(event);
    const asked = type === "probe" ? "probed" : "due";
    for (const effect of effects) {
      if (effect.type === "reject") return `no message is unexpected: the emitter got ${type}`;
      const { because } = effect.params as { because: string };
      if (because !== asked) return "a heartbeat says why it was sent";
      if (because === "due") state[SINCE] = 0;
      state[MAIL]! |= 1 << state[INCARNATION]!;
    }
    if (this.emitter.lives.done(life)) {
      this.emitter.end(state);
      if (type !== "stop") return "a node beats until it is stopped";
    }
    return effects.length === 0 ? owed : undefined;
  }

  #tick(state: Words): void {
    this.monitor.tick(state);
    this.emitter.tick(state);
    // Beyond the limits all ages are alike.
    state[SILENCE] = Math.min(state[SILENCE]! + 1, this.#patience + 1);
    const up = this.emitter.describe(state) === "beating";
    state[SINCE] = up ? Math.min(state[SINCE]! + 1, this.options.intervalMs + 1) : 0;
  }

  #hear(state: Words, incarnation: number): string | undefined {
    const newest = state[NEWEST]!;
    const newer = newest !== 0 && incarnation > newest;
    const older = incarnation < newest;
    state[NEWEST] = Math.max(newest, incarnation);
    if (!older) state[SILENCE] = 0;
    const event = this.monitor.lives.event({ type: "heartbeat", newer, older });
    return this.#watch(state, event, { newer, older });
  }

  #watch(state: Words, event: number, heard: Heard | undefined): string | undefined {
    const before = this.monitor.describe(state);
    const { effects } = this.monitor.stepNumber(state, event);
    const after = this.monitor.describe(state);
    for (const { type, params } of effects) {
      if (type === "probe") state[MAIL]! |= 1;
      if (type !== "notify") continue;
      const { status } = params as { status: (typeof STATUSES)[number] };
      state[STATUS] = STATUSES.indexOf(status);
    }
    return monitorFault(before, after, effects, heard);
  }

  #show(state: Words): readonly Shown[] {
    const up = state[INCARNATION] === 0 ? "never up" : `incarnation ${state[INCARNATION]}`;
    return [
      { name: "monitor", state: `${this.monitor.describe(state)} (silent for ${state[SILENCE]})` },
      { name: "emitter", state: `${this.emitter.describe(state)} (${up})` },
    ];
  }
}
