/**
 * Who may say what: messages of a role that has no say are not acted upon.
 */
import { assertEquals } from "@std/assert";
import { accountKey } from "../../examples/telecom/rows.ts";
import type { Round, Wait } from "../../protocols/deadlock/messages.ts";
import {
  formatTransactionId,
  type TransactionId,
} from "../../protocols/two_phase_commit/messages.ts";
import { type AskFailed, CLIENT } from "../../runtime/role.ts";
import {
  COORDINATOR,
  type Heard,
  id,
  PARTICIPANT,
  prepare,
  Scene,
  subscriber,
} from "./role_scene.ts";

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

Deno.test("only the detector has a transaction aborted, and is told that it is decided", async () => {
  await using scene = await new Scene().withCoordinator([CLIENT]);
  const request = { shards: [{ shard: 0, operations: [1] }], answerShard: 0 };
  const fate = scene.system.ask(COORDINATOR, "transact", request, 4000);
  await scene.system.advance(20);
  const { id } = scene.said("prepare")[0]!.body as { id: TransactionId };
  const victim = { id: formatTransactionId(id) };
  await scene.forge(COORDINATOR, "victim", victim);
  assertEquals(await scene.forbidden(COORDINATOR), 1);
  assertEquals([scene.said("abort"), scene.said("finished")], [[], []]);
  await scene.tell(COORDINATOR, "victim", victim);
  assertEquals(scene.said("abort").map(({ body }) => body["id"]), [id]);
  assertEquals(scene.said("finished").map(({ body }) => body), [victim]);
  // It is begun again under another id, and remembers that it was chosen.
  await scene.system.advance(1000);
  const again = scene.said("prepare").at(-1)!.body as { id: TransactionId; standing: object };
  assertEquals(again.id.sequence > id.sequence, true);
  assertEquals((again.standing as { chosen: number }).chosen, 1);
  const yes = { id: again.id, index: 0, store: "s", answer: 1, entries: [], holders: [] };
  await scene.tell(COORDINATOR, "voteYes", yes);
  assertEquals((await scene.system.until(fate) as { outcome: string }).outcome, "committed");
  // What nobody knows is decided.
  await scene.tell(COORDINATOR, "victim", { id: "nobody:1" });
  assertEquals(scene.said("finished").length, 2);
});

Deno.test("a vote that an abort has overtaken is told of it; a drain waits for no pause", async () => {
  await using scene = await new Scene().withCoordinator([CLIENT]);
  const request = { shards: [{ shard: 0, operations: [1] }], answerShard: 0 };
  const fate = scene.system.ask(COORDINATOR, "transact", request, 4000);
  await scene.system.advance(20);
  const { id } = scene.said("prepare")[0]!.body as { id: TransactionId };
  await scene.tell(COORDINATOR, "victim", { id: formatTransactionId(id) });
  const yes = { index: 0, store: "s", answer: 1, entries: [], holders: [] };
  await scene.tell(COORDINATOR, "voteYes", { ...yes, id });
  assertEquals(scene.said("abort").map(({ body }) => body["id"]), [id, id]);
  // The victim pauses a quarter of a second and more; draining, it begins again at once.
  assertEquals(scene.said("prepare").length, 1);
  const drained = scene.system.ask(COORDINATOR, "$drain", null, 4000);
  await scene.system.advance(20);
  const again = scene.said("prepare").at(-1)!.body as { id: TransactionId; alone?: boolean };
  assertEquals(again.alone, true);
  assertEquals(again.id.sequence, id.sequence + 1);
  await scene.tell(COORDINATOR, "voteYes", { ...yes, id: again.id });
  assertEquals((await scene.system.until(fate) as { outcome: string }).outcome, "committed");
  await scene.tell(COORDINATOR, "ack", { id: again.id, index: 0 });
  await scene.system.until(drained);
});

Deno.test("a participant tells its waits to the detector only", async () => {
  await using scene = await new Scene().withParticipant();
  const round = { incarnation: 1, number: 7 };
  await scene.forge(PARTICIPANT, "refresh", { round, full: true });
  assertEquals(await scene.forbidden(PARTICIPANT), 1);
  await scene.tell(PARTICIPANT, "prepare", prepare(3));
  const other = { log: "another log", sequence: 4 }; // Of its own log it would follow, not wait.
  await scene.tell(PARTICIPANT, "prepare", { ...prepare(4), id: other, standing: STANDING });
  await scene.system.advance(30);
  const [first] = scene.said("waits");
  const { added, full, heard } = first!.body as { added: Wait[]; full: boolean; heard?: Round };
  assertEquals([added.length, full, heard], [1, false, undefined]);
  const own = { id: formatTransactionId(other), coordinator: CLIENT, held: 0 };
  assertEquals(added[0]!.waiter, { ...own, ...STANDING });
  assertEquals(added[0]!.holder.id, formatTransactionId(id));
  await scene.tell(PARTICIPANT, "refresh", { round, full: true });
  const { added: again, ...answer } = scene.said("waits").at(-1)!.body as { added: Wait[] };
  assertEquals(again, added);
  assertEquals(answer, { number: 1, full: true, removed: [], heard: round } as unknown);
  await scene.tell(PARTICIPANT, "refresh", { round, full: false });
  const nothing = { number: 2, full: false, added: [], removed: [], heard: round };
  assertEquals(scene.said("waits").at(-1)!.body, nothing as unknown as Heard["body"]);
  await scene.tell(PARTICIPANT, "abort", { id });
  await scene.system.advance(30);
  const { removed } = scene.said("waits").at(-1)!.body;
  assertEquals(removed, [[own.id, formatTransactionId(id)]]);
});

const STANDING = { begunAt: 5, priority: 2, chosen: 1 };

Deno.test("a transaction that makes no sense is refused with a word for what is wrong", async () => {
  await using scene = await new Scene().withCoordinator([CLIENT]);
  const part = (shard: number, ...operations: unknown[]) => ({ shard, operations });
  const rows: readonly (readonly [request: unknown, reason: string])[] = [
    [{ shards: [], answerShard: 0 }, "emptyTransaction"],
    [{ shards: [part(0)], answerShard: 0 }, "emptyTransaction"],
    [{ shards: [part(0, 1), part(0, 2)], answerShard: 0 }, "repeatedShard"],
    [{ shards: [part(0, 1), part(1, 1)], answerShard: 0 }, "unknownShard"],
    [{ shards: [part(0, 1)], answerShard: 1 }, "unknownAnswerShard"],
    [{ shards: [part(-1, 1)], answerShard: 0 }, "invalidBody"],
    [{ shards: [part(0, 1)], answerShard: 0, priority: -1 }, "invalidBody"],
    [{ shards: [{ shard: 0, operations: 1 }], answerShard: 0 }, "invalidBody"],
    [null, "invalidBody"],
  ];
  for (const [request, reason] of rows) {
    const refused = await scene.system.until(
      scene.system.ask(COORDINATOR, "transact", request, 1000).catch((error) => error),
    );
    assertEquals((refused as AskFailed).reason, reason, JSON.stringify(request));
  }
  assertEquals(scene.said("prepare"), []);
});
