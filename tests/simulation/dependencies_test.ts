/**
 * Transactions of one log that build on one another before they are decided: at the participant that
 * lets them, and at the coordinator that sees to it that none commits without those before it.
 */
import { assertEquals } from "@std/assert";
import { accountKey } from "../../examples/telecom/rows.ts";
import {
  formatTransactionId,
  type TransactionId,
} from "../../protocols/two_phase_commit/messages.ts";
import { COORDINATOR, id, PARTICIPANT, prepare, Scene, shard, subscriber } from "./role_scene.ts";

const READ = { query: { method: "account.balance", params: { subscriber } }, rows: [] };

async function balance(scene: Scene): Promise<number> {
  const { rows } = await scene.system.until(scene.system.ask(PARTICIPANT, "read", READ)) as {
    rows: [string, { balance: number }][];
  };
  return new Map(rows).get(accountKey(subscriber))!.balance;
}

function operation(sequence: number, operations: readonly unknown[]) {
  return { ...prepare(sequence), operations: [{ shard, operations }] };
}

const debit = (amount: number) => ({ op: "debit", msisdn: subscriber, amount });

/** The votes as sequence, balance promised, and what it depends on. */
function votes(scene: Scene): [number, number, readonly number[]][] {
  return scene.said("voteYes").map(({ body }) => [
    (body["id"] as TransactionId).sequence,
    (body["answer"] as { balance: number }).balance,
    body["after"] as number[] ?? [],
  ]);
}

Deno.test("a participant lets the next of a log build on what the last will write", async () => {
  await using scene = await new Scene().withParticipant();
  for (const sequence of [3, 4, 5]) await scene.tell(PARTICIPANT, "prepare", prepare(sequence));
  assertEquals(votes(scene), [[3, 99_999, []], [4, 99_998, [3]], [5, 99_997, [4]]]);
  const { store } = scene.said("voteYes")[0]!.body;
  // A commit tells of all that it depends on, whichever arrives first.
  await scene.tell(PARTICIPANT, "commit", { id: { ...id, sequence: 4 }, you: 0, store });
  assertEquals(scene.said("ack").map(({ body }) => (body["id"] as TransactionId).sequence), [3, 4]);
  await scene.tell(PARTICIPANT, "commit", { id, you: 0, store });
  // Asked again, the last one depends on nothing any more.
  await scene.tell(PARTICIPANT, "prepare", prepare(5));
  assertEquals(votes(scene).at(-1), [5, 99_997, []]);
  await scene.tell(PARTICIPANT, "abort", { id: { ...id, sequence: 5 } });
  assertEquals(await balance(scene), 99_998);
});

Deno.test("what built on an aborted transaction goes on naming it", async () => {
  await using scene = await new Scene().withParticipant();
  for (const sequence of [3, 4]) await scene.tell(PARTICIPANT, "prepare", prepare(sequence));
  await scene.tell(PARTICIPANT, "abort", { id });
  await scene.tell(PARTICIPANT, "prepare", prepare(4));
  assertEquals(votes(scene).at(-1), [4, 99_998, [3]]);
  await scene.tell(PARTICIPANT, "prepare", prepare(6));
  assertEquals(votes(scene).at(-1), [6, 99_997, [4]], "it builds on one that cannot commit");
  await scene.tell(PARTICIPANT, "abort", { id: { ...id, sequence: 4 } });
  await scene.tell(PARTICIPANT, "abort", { id: { ...id, sequence: 6 } });
  await scene.tell(PARTICIPANT, "prepare", prepare(7));
  assertEquals(votes(scene).at(-1), [7, 99_999, []]);
});

Deno.test("what is begun again builds on nothing undecided, nor is built on", async () => {
  await using scene = await new Scene().withParticipant();
  await scene.tell(PARTICIPANT, "prepare", prepare(3));
  await scene.tell(PARTICIPANT, "prepare", { ...prepare(4), alone: true });
  assertEquals(votes(scene).length, 1);
  await scene.tell(PARTICIPANT, "abort", { id });
  await scene.tell(PARTICIPANT, "prepare", prepare(5));
  assertEquals(votes(scene).at(-1), [4, 99_999, []]);
  await scene.tell(PARTICIPANT, "abort", { id: { ...id, sequence: 4 } });
  assertEquals(votes(scene).at(-1), [5, 99_999, []]);
});

Deno.test("a refusal is not given for what may never have been", async () => {
  await using scene = await new Scene().withParticipant();
  await scene.tell(PARTICIPANT, "prepare", operation(3, [debit(100_000)]));
  await scene.tell(PARTICIPANT, "prepare", operation(4, [debit(1)]));
  assertEquals([votes(scene).length, scene.said("voteNo").length], [1, 0]);
  await scene.tell(PARTICIPANT, "abort", { id });
  assertEquals(votes(scene).at(-1), [4, 99_999, []]);
  // Nor is it given up waiting for, beyond the patience with locks.
  await scene.tell(PARTICIPANT, "prepare", operation(5, [debit(100_000)]));
  await scene.system.advance(200);
  const [no] = scene.said("voteNo");
  assertEquals((no!.body["reason"] as { code: string }).code, "conflict");
});

Deno.test("what was answered is told again, whoever holds the rows", async () => {
  await using scene = await new Scene().withParticipant();
  const claim = { op: "claim-key", msisdn: subscriber, principal: "p", key: "k", hash: "h" };
  await scene.tell(PARTICIPANT, "prepare", operation(3, [claim, debit(1)]));
  const { store } = scene.said("voteYes")[0]!.body;
  await scene.tell(PARTICIPANT, "commit", { id, you: 0, store });
  const other = { log: "another log", sequence: 1 };
  await scene.tell(PARTICIPANT, "prepare", { ...prepare(4), id: other });
  await scene.tell(PARTICIPANT, "prepare", operation(5, [claim, debit(1)]));
  await scene.tell(PARTICIPANT, "prepare", operation(6, [{ ...claim, hash: "i" }, debit(1)]));
  const reasons = scene.said("voteNo").map(({ body }) => body["reason"] as { code: string });
  assertEquals(reasons.map(({ code }) => code), ["duplicate", "key_reused"]);
});

Deno.test("promises that build on one another are taken up in order after a restart", async () => {
  await using scene = await new Scene().withParticipant();
  // A higher number comes first: the order of the promises is not that of their numbers.
  for (const sequence of [9, 4, 6]) await scene.tell(PARTICIPANT, "prepare", prepare(sequence));
  assertEquals(votes(scene).map(([it, , after]) => [it, after]), [[9, []], [4, [9]], [6, [4]]]);
  const { store } = scene.said("voteYes")[0]!.body;
  await scene.crash();
  await scene.tell(PARTICIPANT, "prepare", prepare(10));
  assertEquals(votes(scene).at(-1), [10, 99_996, [6]]);
  await scene.tell(PARTICIPANT, "commit", { id: { ...id, sequence: 6 }, you: 0, store });
  const acks = scene.said("ack").map(({ body }) => (body["id"] as TransactionId).sequence);
  assertEquals(acks, [9, 4, 6]);
  await scene.tell(PARTICIPANT, "abort", { id: { ...id, sequence: 10 } });
  assertEquals(await balance(scene), 99_997);
});

Deno.test("an operator decides about them in the order in which the row holds them", async () => {
  await using scene = await new Scene().withParticipant();
  for (const sequence of [3, 4, 5]) await scene.tell(PARTICIPANT, "prepare", prepare(sequence));
  const resolve = async (sequence: number, decision: string) => {
    const order = { id: { ...id, sequence }, decision, operator: "o", reason: "r" };
    const reply = await scene.system.until(scene.system.ask(PARTICIPANT, "resolve", order, 4000));
    return (reply as { ok: boolean; code?: string }).code ?? "done";
  };
  assertEquals(await resolve(4, "commit"), "dependent");
  assertEquals(await resolve(4, "abort"), "dependent");
  assertEquals(await resolve(5, "abort"), "done");
  assertEquals(await resolve(3, "commit"), "done");
  assertEquals(await resolve(4, "commit"), "done");
  assertEquals(await balance(scene), 99_998);
});

/** A coordinator with transactions under way; their ids. */
async function begun(scene: Scene, count: number): Promise<TransactionId[]> {
  for (let i = 0; i < count; i++) {
    const request = { shards: [{ shard: 0, operations: [1] }], answerShard: 0 };
    scene.system.ask(COORDINATOR, "transact", request, 4000).catch(() => {});
  }
  await scene.system.advance(20);
  return scene.said("prepare").map(({ body }) => body["id"] as TransactionId);
}

function yes(id: TransactionId, ...after: TransactionId[]) {
  const own = { id, index: 0, store: "s", answer: id.sequence, entries: [], holders: [] };
  return after.length === 0 ? own : { ...own, after: after.map(({ sequence }) => sequence) };
}

function told(scene: Scene, type: string): string[] {
  return scene.said(type).map(({ body }) => formatTransactionId(body["id"] as TransactionId));
}

Deno.test("a coordinator commits nobody before those it depends on", async () => {
  await using scene = await new Scene().withCoordinator(["main/client"]);
  const [one, two, three] = await begun(scene, 3) as [TransactionId, TransactionId, TransactionId];
  await scene.tell(COORDINATOR, "voteYes", yes(three, two, one));
  await scene.tell(COORDINATOR, "voteYes", yes(two, one));
  assertEquals(told(scene, "commit"), []);
  await scene.tell(COORDINATOR, "voteYes", yes(one));
  assertEquals(told(scene, "commit"), [one, two, three].map(formatTransactionId));
});

Deno.test("a coordinator aborts who depends on an aborted or unknown transaction", async () => {
  await using scene = await new Scene().withCoordinator(["main/client"]);
  const ids = await begun(scene, 4);
  const [one, two, three, four] = ids as [
    TransactionId,
    TransactionId,
    TransactionId,
    TransactionId,
  ];
  await scene.tell(COORDINATOR, "voteYes", yes(three, two));
  await scene.tell(COORDINATOR, "voteYes", yes(two, one));
  await scene.tell(COORDINATOR, "voteNo", { id: one, index: 0, retryable: false, reason: {} });
  assertEquals(told(scene, "abort"), [one, two, three].map(formatTransactionId));
  await scene.tell(COORDINATOR, "voteYes", yes(four, one));
  assertEquals(told(scene, "abort").at(-1), formatTransactionId(four));
  assertEquals(told(scene, "commit"), []);
});

Deno.test("a coordinator breaks a circle of dependencies", async () => {
  await using scene = await new Scene().withCoordinator(["main/client"]);
  const [one, two] = await begun(scene, 2) as [TransactionId, TransactionId];
  await scene.tell(COORDINATOR, "voteYes", yes(one, two));
  await scene.tell(COORDINATOR, "voteYes", yes(two, one));
  assertEquals(told(scene, "abort"), [two, one].map(formatTransactionId));
  await scene.tell(COORDINATOR, "voteYes", yes(one, one)); // Nonsense, and too late besides.
  assertEquals(told(scene, "commit"), []);
});

Deno.test("victims of deadlocks ask one participant after another, all in the same order", async () => {
  for (const [other, asked] of [["cloud-1/a", false], ["zone-1/z", true]] as const) {
    await using scene = await new Scene().withCoordinator(["main/client"], ["main/client", other]);
    const shards = [0, 1].map((shard) => ({ shard, operations: [1] }));
    const request = { shards, answerShard: 0 };
    scene.system.ask(COORDINATOR, "transact", request, 9000).catch(() => {});
    await scene.system.advance(20);
    const [first] = scene.said("prepare");
    const id = formatTransactionId(first!.body["id"] as TransactionId);
    await scene.tell(COORDINATOR, "victim", { id });
    await scene.system.advance(1000);
    const again = told(scene, "prepare").filter((each) => each !== id);
    assertEquals(again.length > 0, asked, other);
  }
});
