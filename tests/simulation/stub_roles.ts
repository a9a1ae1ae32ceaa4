/**
 * Roles that do nothing but live: they take their time to start, drain and stop. They stand in for
 * real ones where only lives are looked at.
 *
 * @module
 */
import { defineRole, type Role, type RoleDefinition, type Services } from "../../runtime/role.ts";

/** What a stub is like; whatever else its configuration says does not matter. */
export interface StubConfig {
  /** Steps that it never gets done. */
  readonly stuck?: readonly ("serve" | "drain" | "stop")[];
  /** How long in ms it takes to serve, if not a moment. */
  readonly serveMs?: number;
  /** Longest time in ms that draining takes. */
  readonly drainMs?: number;
  /** Whether it cannot even be made, now and then. */
  readonly brittle?: boolean;
}

const DRAIN_MS = 400;
const STEP_MS = 60;
const WRITE_MS = 100;
const BRITTLE_SHARE = 0.4;
const anything = () => true;

function create(services: Services, config: StubConfig, durable: boolean): Role {
  const { random, timers, clock } = services;
  if (config.brittle === true && random.next() < BRITTLE_SHARE) throw new Error("brittle");
  let drainedAt = Infinity;
  let over = false;
  const stuck = (step: "serve" | "drain" | "stop") => config.stuck?.includes(step) === true;
  const ignored = { accepts: anything, handle: () => {} };
  const pause = (forever: boolean, ms?: number): Promise<void> | void => {
    if (ms === undefined && random.next() < 0.5 && !forever) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    if (!forever) timers.set(clock.now() + (ms ?? random.next() * STEP_MS), resolve);
    services.wake();
    return promise;
  };
  return {
    messages: { peerStatus: ignored, load: ignored },
    ...(durable ? { recover: () => keep(services, () => over) } : {}),
    serve: () => pause(stuck("serve"), config.serveMs),
    drain: () => {
      if (!stuck("drain")) drainedAt = clock.now() + random.next() * (config.drainMs ?? DRAIN_MS);
    },
    drained: () => clock.now() >= drainedAt,
    stop: () => {
      over = true;
      return pause(stuck("stop"));
    },
  };
}

/** Writes now and then, so that its disk has something to lose. */
function keep(services: Services, isOver: () => boolean): void {
  const { timers, clock, random } = services;
  services.openStore();
  const write = () => {
    if (isOver()) return;
    services.journal({ kind: "stub" }, true);
    timers.set(clock.now() + random.next() * WRITE_MS, write);
  };
  write();
}

/** One that keeps a store. */
export const durable: RoleDefinition<StubConfig> = defineRole({
  name: "stub",
  create: (services, config) => create(services, config, true),
});

/** One that keeps nothing. */
export const volatile: RoleDefinition<StubConfig> = defineRole({
  name: "stub",
  create: (services, config) => create(services, config, false),
});
