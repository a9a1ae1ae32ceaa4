/**
 * Roles that do nothing but live: they take their time to start, drain and stop. They stand in for
 * real ones where only lives are looked at.
 *
 * @module
 */
import { defineRole, type Role, type RoleDefinition, type Services } from "../../runtime/role.ts";

/** What a stub is like; whatever else its configuration says does not matter. */
export interface StubConfig {
  /** The step that it never gets done. */
  readonly stuck?: "serve" | "stop";
  /** Longest time in ms that draining takes. */
  readonly drainMs?: number;
  /** Whether it cannot even be made, now and then. */
  readonly brittle?: boolean;
}

const DRAIN_MS = 400;
const STEP_MS = 60;
const BRITTLE_SHARE = 0.4;
const anything = () => true;

function create(services: Services, config: StubConfig, durable: boolean): Role {
  const { random, timers, clock } = services;
  if (config.brittle === true && random.next() < BRITTLE_SHARE) throw new Error("brittle");
  let drainedAt = Infinity;
  const ignored = { accepts: anything, handle: () => {} };
  const pause = (stuck: boolean): Promise<void> | void => {
    if (random.next() < 0.5 && !stuck) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    if (!stuck) timers.set(clock.now() + random.next() * STEP_MS, resolve);
    services.wake();
    return promise;
  };
  return {
    messages: { peerStatus: ignored, load: ignored },
    ...(durable ? { recover: () => void services.openStore() } : {}),
    serve: () => pause(config.stuck === "serve"),
    drain: () => {
      drainedAt = clock.now() + random.next() * (config.drainMs ?? DRAIN_MS);
    },
    drained: () => clock.now() >= drainedAt,
    stop: () => pause(config.stuck === "stop"),
  };
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
