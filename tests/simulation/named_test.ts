/** Who asks for it is told which transaction its request became. */
import { assert, assertEquals } from "@std/assert";
import { isFate, isTransactRequest } from "../../actors/transact.ts";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { plan } from "../../examples/telecom/plan.ts";
import { World } from "./cluster_world.ts";

const REQUESTS = 40;

Deno.test("an answer names the transaction, of several attempts the last, if it is asked to", async () => {
  const world = await World.start({ seed: 3, settings: { lockTimeoutMs: 20 } });
  await world.system.advance(1000); // Until every log has numbers to give.
  await using _ = world.system;
  const operator = { role: "operator", subject: "op" } as const;
  const [one, two] = [seedMsisdn(0), seedMsisdn(1)];
  // All of them want the same two accounts, half of them in the other order.
  const answers = Array.from({ length: REQUESTS }, (_, i) => {
    const [from, to] = i % 2 === 0 ? [one, two] : [two, one];
    const planned = plan(
      "account.transfer",
      { from, to, amount: 1, idempotencyKey: `k${i}` },
      operator,
    );
    assert(planned.ok);
    const { shards, answerShard } = planned.plan;
    const request = { shards, answerShard, ...(i === 0 ? {} : { named: true }) };
    return world.system.ask(`core-${1 + i % 2}/coordinator`, "transact", request, 30_000);
  });
  const fates = await world.system.until(Promise.all(answers));
  const stats = await world.system.until(world.cluster.stats());
  const retried = ["core-1", "core-2"].map((node) =>
    (stats[`${node}/coordinator`] as { readonly retried: number }).retried
  );
  assert(retried.some((count) => count > 0), "some were begun again");
  const [unnamed, ...names] = fates.map((fate) => isFate(fate) ? fate.transaction : "no fate");
  assertEquals(unnamed, undefined);
  assertEquals(new Set(names).size, REQUESTS - 1);
  // First attempts have the first numbers of their logs.
  const sequences = names.map((name) => Number(/^[0-9a-f-]{36}:(\d+)$/.exec(name!)![1]));
  const first = Math.min(...sequences);
  assert(sequences.some((it) => it >= first + REQUESTS / 2), `${sequences}`);
});

Deno.test("a name is asked for by yes or no, and nothing else", () => {
  const request = { shards: [{ shard: 0, operations: [1] }], answerShard: 0 };
  assert(isTransactRequest(request) && isTransactRequest({ ...request, named: true }));
  assert(!isTransactRequest({ ...request, named: "yes" }));
});
