/**
 * Keeps roles running: restarts those that end, sees those that hang, and gives up on those that
 * cannot be helped.
 *
 * @module
 */
import type { EventObject } from "xstate";
import { type Engine, TableEngine } from "./engine.ts";
import { type Instance, Instances, type Observer } from "./instances.ts";
import type { Address, RoleSpec, Spawned, Spawner } from "./ports.ts";
import type { LogKind } from "./role.ts";
import {
  type SupervisionEvent,
  type SupervisionInput,
  supervisionMachine,
} from "./supervisor_machine.ts";
import type { Timers } from "./timers.ts";
import type { AnyStateMachine } from "./xstate_types.ts";

/** Restart policy unless told otherwise. */
export const SUPERVISION: SupervisionInput = {
  backoffMs: 100,
  maxBackoffMs: 5000,
  maxRestarts: 8,
  provenMs: 10_000,
};

/** Options of a {@link Supervisor}. */
export interface SupervisorOptions {
  /** Starts the roles. */
  readonly spawner: Spawner;
  /** For pauses before restarts. */
  readonly timers: Timers;
  /** Cluster time in ms. */
  readonly now: () => number;
  /** Called when timers were set outside of a turn. */
  readonly wake: () => void;
  /** For the operator's log. */
  readonly log: (kind: LogKind, text: string) => void;
  /** What differs from {@link SUPERVISION}. */
  readonly policy?: Partial<SupervisionInput>;
  /** A role whose counter of turns stands still for this long hangs, in ms. Default 5000. */
  readonly hangMs?: number;
  /** Called with each new incarnation, to start it. */
  readonly spawned?: (address: Address, incarnation: number, first: boolean) => void;
  /** A role ended, and why. */
  readonly ended?: (address: Address, reason: string) => void;
  /** Steps the charts. Default: a table of its own. */
  readonly engine?: (machine: AnyStateMachine) => Engine<unknown>;
  /** Who looks on at the steps of the charts, if anyone. */
  readonly observe?: () => Observer | undefined;
  /** A role was restarted too often and is given up. */
  readonly gaveUp?: (address: Address) => void;
}

interface Facts {
  readonly spec: RoleSpec;
  readonly first: PromiseWithResolvers<void>;
  readonly retired: PromiseWithResolvers<void>;
  spawned: Spawned | undefined;
  /** How often it was spawned: what an earlier one still does says nothing about the present. */
  life: number;
  restarts: number;
  beats: number;
  beatAt: number;
}

const CHECK_MS = 500;

/** Supervises roles of one spawner. */
export class Supervisor {
  readonly #roles: Instances<Facts, SupervisionEvent & EventObject>;

  /** A supervisor without roles. */
  constructor(private readonly options: SupervisorOptions) {
    this.#roles = new Instances<Facts, SupervisionEvent & EventObject>({
      engine: options.engine?.(supervisionMachine) ?? new TableEngine(supervisionMachine),
      observe: () => options.observe?.(),
      timers: options.timers,
      now: options.now,
      effects: {
        spawn: (instance) => void this.#spawn(instance),
        terminate: ({ facts }) => facts.spawned?.terminate(),
        fence: ({ key }) => {
          options.log("failure", `${key} hangs: fenced, its thread is lost`);
          options.spawner.fence(key);
        },
        giveUp: ({ key, facts }) => {
          options.log("failure", `${key} is given up after ${facts.restarts} restarts`);
          facts.first.reject(new Error(`${key} cannot be started`));
          facts.retired.resolve();
          options.gaveUp?.(key);
        },
        retired: ({ facts }) => facts.retired.resolve(),
        reject: ({ key }) => options.log("warning", `${key}: unexpected event for its supervisor`),
      },
    });
    this.#watchBeats();
  }

  /** Starts a role and keeps it running; resolves when its first incarnation takes messages. */
  async supervise(spec: RoleSpec): Promise<void> {
    const facts: Facts = {
      spec,
      first: Promise.withResolvers(),
      retired: Promise.withResolvers(),
      spawned: undefined,
      life: 0,
      restarts: -1,
      beats: -1,
      beatAt: 0,
    };
    const input: SupervisionInput = { ...SUPERVISION, ...this.options.policy };
    this.#roles.create(spec.address, input, facts);
    this.options.wake();
    await facts.first.promise;
  }

  async #spawn(instance: Instance<Facts>): Promise<void> {
    const { key, facts } = instance;
    const { options } = this;
    const first = ++facts.restarts === 0;
    const life = ++facts.life;
    let reason: string;
    try {
      const spawned = await options.spawner.spawn(facts.spec);
      const wanted = life === facts.life && this.#roles.get(key) === instance;
      if (wanted) this.#spawned(instance, spawned, first);
      else spawned.terminate(); // A later one was asked for meanwhile, or none any more.
      reason = await spawned.exited;
    } catch (error) {
      reason = (error as Error).message;
    }
    options.ended?.(key, reason);
    // A fenced thread may end long after its successor has begun.
    if (life !== facts.life) return;
    facts.spawned = undefined;
    this.#step(key, { type: "exited" });
  }

  #spawned({ key, facts }: Instance<Facts>, spawned: Spawned, first: boolean): void {
    const { options } = this;
    facts.spawned = spawned;
    facts.beatAt = options.now();
    this.#step(key, { type: "spawned" });
    facts.first.resolve();
    options.spawned?.(key, spawned.incarnation, first);
  }

  #step(address: Address, event: SupervisionEvent): void {
    const instance = this.#roles.get(address);
    if (instance !== undefined) this.#roles.step(instance, event);
    this.options.wake();
  }

  #watchBeats(due: number = this.options.now()): void {
    const { timers, now, spawner, hangMs = 5000 } = this.options;
    // Where this thread itself stood still (SIGSTOP, a suspended machine), so may all others have.
    const late = now() - due;
    const next = now() + CHECK_MS;
    timers.set(next, () => this.#watchBeats(next));
    for (const { key, facts } of [...this.#roles]) {
      if (facts.spawned === undefined) continue;
      facts.beatAt += late;
      const beat = spawner.beats(key);
      if (beat === undefined || beat !== facts.beats) {
        facts.beats = beat ?? -1;
        facts.beatAt = now();
      } else if (now() - facts.beatAt > hangMs) {
        facts.spawned = undefined;
        this.#step(key, { type: "hung" });
      }
    }
  }

  /** Ends a role and keeps it from being restarted until {@link Supervisor.resume}. */
  hold(address: Address): void {
    this.#step(address, { type: "hold" });
  }

  /** Starts a role that was held. */
  resume(address: Address): void {
    this.#step(address, { type: "resume" });
  }

  /** Ends an incarnation without a word, as a fault would; it is restarted by policy. */
  kill(address: Address): void {
    this.#roles.get(address)?.facts.spawned?.terminate();
  }

  /** Expects a role to end; resolves when it has. */
  retire(address: Address): Promise<void> {
    const instance = this.#roles.get(address);
    if (instance === undefined) return Promise.resolve();
    this.#step(address, { type: "retire" });
    return instance.facts.retired.promise;
  }

  /** State of each role's supervision, and how often it was restarted. */
  status(): Record<Address, { readonly state: string; readonly restarts: number }> {
    const status: Record<Address, { state: string; restarts: number }> = {};
    for (const instance of this.#roles) {
      const state = this.#roles.describe(instance);
      status[instance.key] = { state, restarts: Math.max(0, instance.facts.restarts) };
    }
    return status;
  }
}
