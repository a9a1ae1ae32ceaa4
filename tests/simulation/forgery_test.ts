/**
 * Who may say what: messages of a role that has no say are not acted upon.
 */
import { assertEquals } from "@std/assert";
import { accountKey } from "../../examples/telecom/rows.ts";
import { CLIENT } from "../../runtime/role.ts";
import { COORDINATOR, id, PARTICIPANT, prepare, Scene, subscriber } from "./role_scene.ts";

Deno.test("a participant takes decisions, questions and reads from those who may send them", async () => {
  await using scene = await new Scene().withParticipant();
  await scene.tell(PARTICIPANT, "prepare", prepare(3));
  const [vote] = scene.said("voteYes");
  const decision = { id, you: 0, store: vote!.body["store"] };
  const read = { query: { method: "account.balance", params: { subscriber } }, rows: [] };
  const forged: [string, unknown][] = [
    ["commit", decision],
    ["abort", { id }],
    ["uncertain", { id }],
    ["prepare", prepare(4)],
    ["inquiry", { id: { ...id, sequence: 5 }, index: 0, epoch: 1 }],
    ["read", read],
    ["commit", { id: { ...id, sequence: 0 }, you: 0, store: decision.store }],
  ];
  for (const [at, [type, body]] of forged.entries()) {
    await scene.forge(PARTICIPANT, type, body);
    assertEquals(await scene.forbidden(PARTICIPANT), at + 1, type);
  }
  assertEquals(scene.said("ack"), []);
  await scene.tell(PARTICIPANT, "prepare", prepare(5)); // The forged question refused nothing.
  await scene.tell(PARTICIPANT, "commit", decision);
  assertEquals(scene.said("ack").length, 1);
  assertEquals(scene.said("voteYes").map(({ body }) => (body["id"] as typeof id).sequence), [3, 5]);
  const reply = scene.system.ask(PARTICIPANT, "read", read);
  await scene.tell(PARTICIPANT, "abort", { id: { ...id, sequence: 5 } });
  const { rows } = await scene.system.until(reply) as { rows: [string, { balance: number }][] };
  assertEquals(new Map(rows).get(accountKey(subscriber))?.balance, 99_999);
});

Deno.test("nobody says for an edge that it has let go of its copy", async () => {
  await using scene = await new Scene().withCoordinator([CLIENT]);
  const request = { shards: [{ shard: 0, operations: [1] }], answerShard: 0 };
  const fate = scene.system.ask(COORDINATOR, "transact", request, 4000);
  await scene.system.advance(20);
  const { id } = scene.said("prepare")[0]!.body;
  const holder = { address: "edge-1/gateway", incarnation: 1, leftMs: 900 };
  const yes = { id, index: 0, store: "s", answer: 1, entries: ["e"], holders: [holder] };
  const since = scene.system.now;
  await scene.tell(COORDINATOR, "voteYes", yes);
  await scene.forge(COORDINATOR, "held", { id, holder: holder.address, incarnation: 1 });
  assertEquals(await scene.forbidden(COORDINATOR), 1);
  const done = await scene.system.until(fate) as { outcome: string };
  assertEquals(done.outcome, "committed");
  assertEquals(scene.system.now - since >= 1000, true, "the lease was waited out");
});

Deno.test("a coordinator works for gateways only", async () => {
  await using scene = await new Scene().withCoordinator(["edge-1/gateway"]);
  const request = { shards: [{ shard: 0, operations: [1] }], answerShard: 0 };
  await scene.forge(COORDINATOR, "transact", request);
  await scene.forge(COORDINATOR, "read", { shard: 0, read: { query: 1, rows: [] } });
  assertEquals(await scene.forbidden(COORDINATOR), 2);
  assertEquals(scene.said("prepare"), []);
});
