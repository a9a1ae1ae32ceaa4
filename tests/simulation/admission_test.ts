/** Past the limit transactions are turned away, what matters least first, and told when to return. */
import { assert, assertEquals } from "@std/assert";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { type Answer, World } from "./cluster_world.ts";

const LIMIT = 40;

function codes(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { error } of answers) {
    const reason = error?.data.reason ?? "ok";
    counts[reason] = (counts[reason] ?? 0) + 1;
  }
  return counts;
}

Deno.test("overload: sessions are turned away first, provisioning last, and nothing is half done", async () => {
  const settings = { maxConcurrentTransactions: LIMIT };
  const world = await World.start({ seed: 91, profile: "reference", subscribers: 200, settings });
  await using _ = world.system;
  const many = (count: number, method: string, params: (i: number) => unknown) =>
    Array.from({ length: count }, (_, i) => world.rpc(`edge-${i % 2 + 1}`, method, params(i)));
  // Far more than all coordinators take at once: the last to come find no room below the top class.
  const debits = many(200, "account.debit", (i) => ({
    subscriber: seedMsisdn(i),
    amount: 1,
    idempotencyKey: `d${i}`,
  }));
  const sessions = many(20, "session.open", (i) => ({ subscriber: seedMsisdn(i) }));
  const sims = many(3, "sim.provision", (i) => ({
    imsi: `63909000000000${i}`,
    msisdn: `25479000000${i}`,
    balance: 10,
    idempotencyKey: `s${i}`,
  }));
  const all = (answers: Promise<Answer>[]) => world.system.until(Promise.all(answers));
  const [debited, opened, provisioned] = [await all(debits), await all(sessions), await all(sims)];
  assertEquals(codes(provisioned), { ok: 3 });
  const { ok: paid = 0, overloaded: refused = 0, ...others } = codes(debited);
  assertEquals(others, {});
  assert(paid > 0 && refused > 0, `${paid} paid, ${refused} refused`);
  assertEquals(codes(opened), { overloaded: 20 });
  for (const { error } of [...debited, ...opened]) {
    if (error === undefined) continue;
    const { retryAfterMs, outcome } = error.data as { retryAfterMs?: number; outcome: string };
    assert(retryAfterMs !== undefined && retryAfterMs >= 100 && retryAfterMs <= 10_000);
    assert(error.message.includes(`retry after ${retryAfterMs} ms`));
    assertEquals([error.code, outcome], [-32011, "none"]);
  }
  // Who returns when told to is served.
  await world.system.advance(1000);
  const again = await world.call("edge-1", "session.open", { subscriber: seedMsisdn(0) });
  assertEquals(again.error, undefined);
});
