/** The worker implementation of the ports, for the contract suite. */
import { DatabaseSync } from "node:sqlite";
import type { Host } from "../../../runtime/host.ts";
import { allocateInbox, Inbox } from "../../../runtime/inbox.ts";
import type { SealedBatch } from "../../../runtime/journal_chain.ts";
import type { RoleSpec, Store, Transport } from "../../../runtime/ports.ts";
import { Switchboard } from "../../../runtime/switchboard.ts";
import { ProcessRandom } from "../../../runtime/worker/environment.ts";
import { SqliteStore } from "../../../runtime/worker/sqlite_store.ts";
import { WorkerSystem } from "../../../runtime/worker/system.ts";
import { Directory, WorkerTransport } from "../../../runtime/worker/transport.ts";
import type { Implementation, TestNetwork, TestSystem } from "./implementation.ts";

function sentBy(host: Host): boolean {
  return host.stats()["outboxBytes"] === 0;
}

async function macrotask(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

function wrap(system: WorkerSystem): TestSystem {
  const gates = new Map<string, Int32Array>();
  return {
    switchboard: system.switchboard,
    clock: system.host.clock,
    spawn(spec: RoleSpec, start?: boolean) {
      const { stall } = (spec.config ?? {}) as { stall?: SharedArrayBuffer };
      if (stall !== undefined) gates.set(spec.address, new Int32Array(stall));
      return system.spawn(spec, start);
    },
    fence: (address) => system.spawner.fence(address),
    tell: (to, type, body) => system.tell(to, type, body),
    ask: (to, type, body, timeoutMs) => system.ask(to, type, body, timeoutMs),
    until: (promise) => promise,
    async flushed() {
      while (!sentBy(system.host)) await macrotask();
    },
    async stall(address) {
      const gate = gates.get(address)!;
      system.tell(address, "stall");
      while (Atomics.load(gate, 1) === 0) await macrotask();
      const open = (how: number) => {
        Atomics.store(gate, 0, how);
        Atomics.notify(gate, 0);
      };
      return { release: () => open(1), kill: () => open(2) };
    },
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  };
}

function network(): TestNetwork {
  const switchboard = new Switchboard(["n"]);
  const directory = new Directory();
  let slots = 0;
  return {
    add(address) {
      const slot = slots++, memory = allocateInbox();
      directory.add({ address, slot, memory });
      switchboard.setRuns(slot, true);
      const incarnation = switchboard.incarnate(slot);
      return new WorkerTransport(slot, incarnation, new Inbox(memory), directory, switchboard);
    },
    fence: ({ slot }: Transport) => void switchboard.incarnate(slot),
    setRuns: ({ slot }: Transport, runs) => switchboard.setRuns(slot, runs),
  };
}

/** Makes the implementation; its stores lie in a temporary directory. */
export function workerImplementation(): Implementation {
  const folder = Deno.makeTempDirSync({ prefix: "trunkline-contract-" });
  const open = new Set<Store>();
  let stores = 0;
  return {
    name: "worker",
    createSystem: (options) => wrap(WorkerSystem.create(options)),
    createNetwork: network,
    newStore: () => `${folder}/${++stores}.sqlite`,
    openStore(place) {
      const store = new SqliteStore(place);
      open.add(store);
      return store;
    },
    settled: () => Promise.resolve(),
    abandon(store) {
      if (open.delete(store)) store.close();
    },
    spoil(place, change) {
      const db = new DatabaseSync(place);
      const rows = db.prepare("SELECT first, last, crc, hash, body FROM journal ORDER BY first");
      const batches = rows.all() as unknown as SealedBatch[];
      db.exec("DELETE FROM journal");
      const insert = db.prepare("INSERT INTO journal VALUES (?, ?, ?, ?, ?)");
      for (const { first, last, crc, hash, body } of change(batches)) {
        insert.run(first, last, crc, hash, body);
      }
      db.close();
    },
    salvage(place) {
      const store = new SqliteStore(place, "FULL", "salvage");
      store.close();
      return store.salvaged ?? { dropped: [], kept: store.durable };
    },
    random: (seed) => new ProcessRandom(seed),
    stallable: () => ({ stall: new SharedArrayBuffer(8) }),
    dispose() {
      for (const store of open) store.close();
      Deno.removeSync(folder, { recursive: true });
    },
  };
}
