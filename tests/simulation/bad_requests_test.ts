/**
 * Votes of strangers, amounts that make no sense and second decisions: each is answered, and nothing
 * is lost by it.
 */
import { assertEquals } from "@std/assert";
import { accountKey } from "../../examples/telecom/rows.ts";
import { CLIENT } from "../../runtime/role.ts";
import { COORDINATOR, id, PARTICIPANT, prepare, Scene, shard, subscriber } from "./role_scene.ts";

const BALANCE = 100_000;

async function balance(scene: Scene): Promise<number | undefined> {
  const query = { method: "account.balance", params: { subscriber } };
  const reply = scene.system.ask(PARTICIPANT, "read", { query, rows: [] });
  const { rows } = await scene.system.until(reply) as { rows: [string, { balance: number }][] };
  return new Map(rows).get(accountKey(subscriber))?.balance;
}

Deno.test("a vote of a node that does not take part is not counted", async () => {
  await using scene = await new Scene().withCoordinator([CLIENT]);
  const request = { shards: [{ shard: 0, operations: [1] }], answerShard: 0 };
  const fate = scene.system.ask(COORDINATOR, "transact", request, 8000);
  await scene.system.advance(20);
  const { id } = scene.said("prepare")[0]!.body;
  const yes = { id, index: 0, store: "s", answer: 1, entries: [], holders: [] };
  await scene.forge(COORDINATOR, "voteYes", yes);
  await scene.forge(COORDINATOR, "voteNo", { id, index: 0, retryable: false, reason: null });
  await scene.forge(COORDINATOR, "voteYes", { ...yes, index: 5 });
  assertEquals([await scene.forbidden(COORDINATOR), scene.said("commit")], [3, []]);
  const { outcome } = await scene.system.until(fate) as { outcome: string };
  assertEquals(outcome, "aborted", "nobody who may vote has voted");
});

Deno.test("amounts past 2^53, and operations of another shard, are a no with the reason", async () => {
  await using scene = await new Scene().withParticipant();
  const debit = { op: "debit", msisdn: subscriber, amount: 1 };
  const bad = [
    [{ shard, operations: [{ ...debit, amount: 2 ** 53 }] }],
    [{ shard, operations: [{ ...debit, amount: 1.5 }] }],
    [{ shard, operations: [{ ...debit, op: "mint" }] }],
    [{ shard: shard + 1, operations: [debit] }],
    [{ shard, operations: [] }],
  ];
  for (const [at, operations] of bad.entries()) {
    await scene.tell(PARTICIPANT, "prepare", { ...prepare(at), operations });
    const { reason, retryable } = scene.said("voteNo").at(-1)!.body;
    assertEquals([(reason as { code: string }).code, retryable], ["invalid_operations", false]);
  }
  assertEquals([scene.said("voteNo").length, scene.said("voteYes")], [bad.length, []]);
  assertEquals(await balance(scene), BALANCE);
});

Deno.test("a second, other decision changes nothing: what is decided stays so", async () => {
  await using scene = await new Scene().withParticipant();
  await scene.tell(PARTICIPANT, "prepare", prepare(3));
  const { store } = scene.said("voteYes")[0]!.body;
  const commit = (sequence: number) => ({ id: { ...id, sequence }, you: 0, store });
  await scene.tell(PARTICIPANT, "commit", commit(3));
  await scene.tell(PARTICIPANT, "abort", { id });
  assertEquals([scene.said("ack").length, await balance(scene)], [1, BALANCE - 1]);
  await scene.tell(PARTICIPANT, "prepare", prepare(4));
  await scene.tell(PARTICIPANT, "abort", { id: { ...id, sequence: 4 } });
  await scene.tell(PARTICIPANT, "commit", commit(4));
  assertEquals([scene.said("ack").length, await balance(scene)], [1, BALANCE - 1]);
  await scene.tell(PARTICIPANT, "commit", commit(3)); // Told again: acknowledged again, done once.
  assertEquals([scene.said("ack").length, await balance(scene)], [2, BALANCE - 1]);
});
