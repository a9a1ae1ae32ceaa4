/**
 * Journals that are cut again and again, in the middle of everything, keep what is needed.
 */
import { assert, assertEquals } from "@std/assert";
import { Checkpoints } from "../../actors/checkpoints.ts";
import { seedImsi, seedMsisdn } from "../../examples/telecom/rows.ts";
import type { Services } from "../../runtime/role.ts";
import { type Answer, World } from "./cluster_world.ts";

const SUBSCRIBERS = 24;
const INITIAL = 100_000;

interface Sent {
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly answer: Promise<Answer>;
}

/** Transfers between a few accounts, and numbers that go to new SIMs. */
function load(world: World, round: number): Sent[] {
  const pick = (limit: number) => Math.floor(world.random() * limit);
  return Array.from({ length: 25 }, (_, i): Sent => {
    const idempotencyKey = `${round}-${i}`;
    const edge = `edge-${i % 3 + 1}`;
    const from = pick(SUBSCRIBERS);
    if (i % 4 === 0) {
      const toImsi = String(639_030_000_000_000 + pick(12)); // Wanted by several.
      const params = { msisdn: seedMsisdn(from), toImsi, idempotencyKey };
      return { method: "number.port", params, answer: world.rpc(edge, "number.port", params) };
    }
    const to = seedMsisdn((from + 1 + pick(SUBSCRIBERS - 1)) % SUBSCRIBERS);
    const params = { from: seedMsisdn(from), to, amount: 1 + pick(100), idempotencyKey };
    return {
      method: "account.transfer",
      params,
      answer: world.rpc(edge, "account.transfer", params),
    };
  });
}

/** The money of all, and that each number has one SIM, and each SIM one number. */
async function verify(world: World): Promise<void> {
  let sum = 0;
  const used = new Set<string>();
  for (let i = 0; i < SUBSCRIBERS; i++) {
    const msisdn = seedMsisdn(i);
    const { result } = await world.settle("subscriber.get", { msisdn });
    assert(result !== undefined);
    sum += result["balance"] as number;
    const imsi = result["imsi"] as string;
    assert(!used.has(imsi), `${imsi} has two owners`);
    used.add(imsi);
    const { result: owner } = await world.settle("subscriber.get", { imsi });
    assertEquals(owner?.["msisdn"], msisdn);
  }
  assertEquals(sum, SUBSCRIBERS * INITIAL);
  const sims = Array.from({ length: SUBSCRIBERS }, (_, i) => seedImsi(i));
  for (let i = 0; i < 12; i++) sims.push(String(639_030_000_000_000 + i));
  for (const imsi of sims.filter((sim) => !used.has(sim))) {
    const { error } = await world.settle("subscriber.get", { imsi });
    assertEquals(error?.data.reason, "unknown_subscriber", `${imsi} is free`);
  }
}

for (let seed = 81; seed < 87; seed++) {
  Deno.test(`crashes with journals cut again and again lose nothing (seed ${seed})`, async () => {
    const world = await World.start({
      seed,
      subscribers: SUBSCRIBERS,
      settings: { checkpointBytes: 1 },
      faults: seed % 2 === 0 ? {} : { loss: 0.05, duplicate: 0.1, reorder: 0.1 },
    });
    await using _ = world.system;
    const { system, cluster } = world;
    const victims = cluster.addresses.filter((a) => /participant|coordinator/.test(a));
    const acknowledged: { method: string; params: unknown; result: unknown }[] = [];
    for (let round = 0; round < 6; round++) {
      const sent = load(world, round);
      for (let crash = 0; crash < 3; crash++) {
        await system.advance(world.random() * 60);
        const victim = victims[Math.floor(world.random() * victims.length)]!;
        if (system.spawner.running.includes(victim)) system.crash(victim);
      }
      const answers = await system.until(Promise.all(sent.map(({ answer }) => answer)));
      sent.forEach(({ method, params }, i) => {
        const { result } = answers[i]!;
        if (result !== undefined) acknowledged.push({ method, params, result });
      });
    }
    world.links({ loss: 0, duplicate: 0, reorder: 0 });
    await system.advance(5000);
    assertEquals(await world.inDoubt(), 0);
    await verify(world);
    assert(acknowledged.length > 30, `only ${acknowledged.length} acknowledged`);
    for (const { method, params, result } of acknowledged) {
      assertEquals((await world.settle(method, params)).result, result);
    }
    await verify(world);
    const stats = await system.until(cluster.stats());
    for (const [address, figures] of Object.entries(stats)) {
      if (!/participant|coordinator/.test(address)) continue;
      const { journalBytes, transactions } = figures as {
        journalBytes: number;
        transactions: Record<string, number>;
      };
      assert(journalBytes < 100_000, `${address}: ${journalBytes} bytes of journal`);
      if (address.endsWith("coordinator")) assertEquals(transactions, {}, address);
    }
  });
}

Deno.test("a journal that has to keep much is not written again for every batch", () => {
  const store = {
    durable: 0,
    journalBytes: 0,
    kept: 0,
    checkpoint(records: readonly unknown[]) {
      this.kept = records.length;
    },
  };
  const needed: number[] = [];
  let written = 0;
  const checkpoints = new Checkpoints(
    { store } as unknown as Services,
    1000,
    () => (written += needed.length, [...needed]),
  );
  for (let i = 0; i < 20_000; i++) {
    needed.push(i); // Nothing is ever forgotten; a record takes one byte.
    store.kept = 0;
    checkpoints.written();
    store.durable++;
    store.journalBytes = store.kept > 0 ? store.kept : store.journalBytes + 1;
  }
  assert(written < 60_000, `${written} records written again`);
});
