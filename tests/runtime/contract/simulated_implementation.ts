/** The simulated implementation of the ports, for the contract suite. */
import type { Transport } from "../../../runtime/ports.ts";
import { SimulatedRandom } from "../../../runtime/simulated/random.ts";
import { Scheduler } from "../../../runtime/simulated/scheduler.ts";
import { SimulatedDisks, type SimulatedStore } from "../../../runtime/simulated/store.ts";
import { SimulatedSystem } from "../../../runtime/simulated/system.ts";
import {
  Mailbox,
  SimulatedDirectory,
  SimulatedTransport,
} from "../../../runtime/simulated/transport.ts";
import { Switchboard } from "../../../runtime/switchboard.ts";
import type { Implementation, TestNetwork, TestSystem } from "./implementation.ts";

function wrap(system: SimulatedSystem): TestSystem {
  return {
    switchboard: system.switchboard,
    clock: system.scheduler,
    spawn: (spec, start) => system.spawn(spec, start),
    fence: (address) => system.spawner.fence(address),
    tell: (to, type, body) => system.tell(to, type, body),
    ask: (to, type, body, timeoutMs) => system.until(system.ask(to, type, body, timeoutMs)),
    until: (promise) => system.until(promise),
    flushed: () => system.when(() => system.host.stats()["outboxBytes"] === 0),
    stall(address) {
      const release = system.spawner.pause(address);
      return Promise.resolve({ release, kill: () => system.crash(address) });
    },
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  };
}

function network(): TestNetwork {
  const switchboard = new Switchboard(["n"]);
  const directory = new SimulatedDirectory();
  let slots = 0;
  return {
    add(address) {
      const slot = slots++, mailbox = new Mailbox();
      directory.set(address, { slot, mailbox, arrived: () => {} });
      switchboard.setRuns(slot, true);
      const incarnation = switchboard.incarnate(slot);
      return new SimulatedTransport(slot, incarnation, mailbox, directory, switchboard, () => 0);
    },
    fence: ({ slot }: Transport) => void switchboard.incarnate(slot),
    setRuns: ({ slot }: Transport, runs) => switchboard.setRuns(slot, runs),
  };
}

/** Makes the implementation. */
export function simulatedImplementation(): Implementation {
  const scheduler = new Scheduler();
  const disks = new SimulatedDisks(scheduler, new SimulatedRandom(7));
  let stores = 0;
  return {
    name: "simulated",
    createSystem: (options) => wrap(SimulatedSystem.create(options)),
    createNetwork: network,
    newStore: () => `store-${++stores}`,
    openStore: (place) => disks.open(place, () => {}),
    async settled() {
      while (scheduler.step());
      await Promise.resolve();
    },
    abandon: (store) => (store as SimulatedStore).crash(),
    spoil: (place, change) => disks.damage(place, change),
    salvage: (place) => disks.salvage(place),
    random: (seed) => new SimulatedRandom(seed),
    stallable: () => ({}),
    dispose() {},
  };
}
