/**
 * Balances as clients see them. An account's version grows by one with each operation, so a history
 * is linearizable if each version has one balance, and nothing that begins after something else has
 * ended shows a lower version (a write: a version no higher).
 */
import { assert, assertEquals } from "@std/assert";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { World } from "./cluster_world.ts";

interface Seen {
  readonly account: string;
  readonly from: number;
  readonly to: number;
  readonly version: number;
  readonly balance: number;
  readonly key?: string;
}

const INITIAL = 100_000;

/** One client: reads and writes in turn, asks again under its key as long as an outcome is unknown. */
async function client(world: World, name: string, rounds: number, seen: Seen[]): Promise<void> {
  const { system } = world;
  for (let i = 0; i < rounds; i++) {
    const account = seedMsisdn(Math.floor(3 * world.random()));
    const write = world.random() < 0.5;
    const key = `${name}-${i}`;
    const params = write
      ? { subscriber: account, amount: 1 + Math.floor(50 * world.random()), idempotencyKey: key }
      : { subscriber: account };
    const method = write ? "account.debit" : "account.balance";
    const from = system.now;
    for (let tries = 0; tries < 8; tries++) {
      const edge = `edge-${1 + Math.floor(3 * world.random())}`;
      const { result } = await world.rpc(edge, method, params);
      if (result === undefined) continue;
      const { version, balance } = result as { version: number; balance: number };
      seen.push({ account, from, to: system.now, version, balance, ...(write ? { key } : {}) });
      break;
    }
  }
}

function check(seen: readonly Seen[]): void {
  const balances = new Map<string, number>();
  const writers = new Map<string, string>();
  for (const { account, version, balance, key } of seen) {
    const at = `${account} version ${version}`;
    assertEquals(balances.get(at) ?? balance, balance, at);
    balances.set(at, balance);
    if (key === undefined) continue;
    assertEquals(writers.get(at) ?? key, key, `two writes made ${at}`);
    writers.set(at, key);
  }
  for (const later of seen) {
    for (const earlier of seen) {
      if (earlier.account !== later.account || earlier.to >= later.from) continue;
      const least = earlier.version + (later.key === undefined ? 0 : 1);
      const found = JSON.stringify({ earlier, later });
      assert(later.version >= least, found);
    }
  }
}

for (const seed of [101, 102, 103, 104]) {
  Deno.test(`balances are linearizable, whatever fails (seed ${seed})`, async () => {
    const world = await World.start({ seed, subscribers: 10, settings: { leaseMs: 500 } });
    await using _ = world.system;
    const { system, cluster } = world;
    world.links({ loss: 0.04, duplicate: 0.15, reorder: 0.1, jitterMs: 6 });
    const seen: Seen[] = [];
    const clients = Promise.all(
      ["a", "b", "c", "d", "e"].map((name) => client(world, name, 120, seen)),
    );
    let running = true;
    clients.finally(() => running = false);
    const victims = cluster.addresses.filter((a) => /participant|coordinator|gateway/.test(a));
    while (running) {
      await system.advance(500 + 3000 * world.random()); // Or their supervisor gives up.
      const victim = victims[Math.floor(victims.length * world.random())]!;
      if (system.spawner.running.includes(victim)) system.crash(victim);
    }
    check(seen);
    assert(seen.filter(({ key }) => key !== undefined).length > 40, `${seen.length} seen`);
    world.links({ loss: 0, duplicate: 0, reorder: 0 });
    await system.advance(5000);
    assertEquals(await world.inDoubt(), 0);
    // Every version that is missing among the writes is one whose writer never heard of it.
    for (let i = 0; i < 3; i++) {
      const subscriber = seedMsisdn(i);
      const { result } = await world.settle("account.balance", { subscriber });
      const writes = seen.filter(({ account, key }) => account === subscriber && key !== undefined);
      assert(result!["version"] as number >= 1 + writes.length);
      assert(result!["balance"] as number <= INITIAL);
    }
  });
}
