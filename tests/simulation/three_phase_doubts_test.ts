/**
 * Operators and three-phase commit: what is open is told, and what waits for participants that have
 * failed may be ended by hand while nobody knows better.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { participantOf } from "../../actors/cluster_plan.ts";
import type { ClusterTransactions } from "../../actors/oversight.ts";
import { loadProfile } from "../../examples/telecom/profile_loader.ts";
import { accountKey, seedMsisdn, shardOf } from "../../examples/telecom/rows.ts";
import { CLIENT } from "../../runtime/role.ts";
import { type Answer, World } from "./cluster_world.ts";
import { id, PARTICIPANT, prepare, Scene } from "./role_scene.ts";

const CORES = ["core-1", "core-2", "core-3", "core-4"];
const [A, B] = ["cloud-1", "cloud-2"] as const;
const INITIAL = 100_000;

/** The built-in profile, declared synchronous, with transfers by three-phase commit. */
function profile(): string {
  const loaded = loadProfile("carrier");
  if (!loaded.ok) throw new Error(loaded.error);
  const protocols = { "account.transfer": "3pc" };
  const settings = { ...loaded.profile.settings, synchronous: true, protocols };
  return JSON.stringify({ ...loaded.profile, settings });
}

/** A transfer of 7 cents from an account at one participant to one at another, and its accounts. */
class Transfer {
  readonly answer: Promise<Answer>;

  private constructor(readonly world: World, readonly from: string, readonly to: string) {
    const params = { from, to, amount: 7, idempotencyKey: "once" };
    this.answer = world.rpc("edge-1", "account.transfer", params);
  }

  static async begin(seed: number): Promise<Transfer> {
    const world = await World.start({ seed, profile: profile() });
    const keeper = (msisdn: string) => participantOf(world.cluster.plan)[shardOf(msisdn)];
    const all = Array.from({ length: 100 }, (_, i) => seedMsisdn(i));
    const at = (node: string) => all.find((it) => keeper(it) === `${node}/participant`)!;
    return new Transfer(world, at(A), at(B));
  }

  /** Time passes until a participant is in a state. */
  async reach(node: string, state: string): Promise<void> {
    const { system } = this.world;
    for (let i = 0; i < 5000; i++) {
      const stats = await system.until(system.ask(`${node}/participant`, "$stats"));
      if (state in (stats as { threePhase: object }).threePhase) return;
      await system.advance(0.2);
    }
    throw new Error(`${node} never comes to ${state}`);
  }

  down(...nodes: string[]): void {
    for (const node of nodes) this.world.cluster.crashNode(node);
  }

  async up(...nodes: string[]): Promise<void> {
    const { cluster, system } = this.world;
    for (const node of nodes) cluster.restartNode(node);
    await system.when(() => cluster.nodes().every(({ name, up }) => up || !nodes.includes(name)));
    await system.advance(3000);
  }

  async list(): Promise<ClusterTransactions> {
    const { result, error } = await this.world.call("edge-2", "transactions.list", {});
    assertEquals(error, undefined);
    return result as unknown as ClusterTransactions;
  }

  /** What operators see of it: where, and in which state. */
  async states(): Promise<string[][]> {
    const { transactions } = await this.list();
    return transactions.map(({ at, state }) => [at.split("/")[0]!, state]).sort();
  }

  async resolve(decision: "commit" | "abort"): Promise<Answer> {
    const [open] = (await this.list()).transactions;
    const params = { id: open!.id, decision, reason: "the other one burnt down" };
    return await this.world.call("edge-2", "transactions.resolve", params);
  }

  /** What the accounts have come to. */
  balances(): (number | undefined)[] {
    return [[A, this.from], [B, this.to]].map(([node, msisdn]) => {
      const rows = this.world.system.disks.rows(`disks/${node}.participant.sqlite`);
      const row = [...rows].find(([key]) => key === accountKey(msisdn!))?.[1];
      return row === undefined ? undefined : JSON.parse(row).balance - INITIAL;
    });
  }
}

/** Both have voted and failed; A is back alone. */
async function halfBack(seed: number, state = "uncertain"): Promise<Transfer> {
  const transfer = await Transfer.begin(seed);
  transfer.answer.catch(() => {});
  await transfer.reach(A, state);
  await transfer.reach(B, state);
  transfer.down(A, B, ...CORES);
  await transfer.world.system.advance(100);
  await transfer.up(A);
  return transfer;
}

Deno.test("what is open is told by all of its roles, and ends by itself where anybody lives", async () => {
  const transfer = await Transfer.begin(21);
  await using _ = transfer.world.system;
  await transfer.reach(B, "uncertain");
  const { transactions } = await transfer.list();
  const at = transactions.map(({ at }) => at.split("/")[0]!).sort();
  assertEquals(at.slice(0, 2), [A, B]);
  assertMatch(at[2]!, /^core/);
  for (const { id, participants, coordinator, since, locks, at } of transactions) {
    assertEquals(id, transactions[0]!.id);
    assertEquals([...participants].sort(), [`${A}/participant`, `${B}/participant`]);
    assertMatch(coordinator, /^core-\d\/coordinator$/);
    assert(since > 0 && locks.length > 0 === at.startsWith("cloud"));
  }
  const { error } = await transfer.resolve("abort");
  assertEquals(error?.data.reason, "not_in_doubt");
  assertEquals((await transfer.world.system.until(transfer.answer)).error, undefined);
  await transfer.world.system.advance(1000);
  assertEquals(await transfer.states(), []);
  assertEquals(transfer.balances(), [-7, 7]);
});

for (const decision of ["commit", "abort"] as const) {
  Deno.test(`one that is back alone waits, and a person may ${decision} what it waits for`, async () => {
    const transfer = await halfBack(22);
    const { world } = transfer;
    await using _ = world.system;
    await world.system.advance(60_000);
    assertEquals(await transfer.states(), [[A, "recovering"]]);
    const { result, error } = await transfer.resolve(decision);
    assertEquals(error, undefined);
    assertEquals(result!["participants"], [`${A}/participant`]);
    const written = decision === "commit" ? -7 : 0;
    assertEquals(transfer.balances(), [written, 0]);
    const before = await transfer.list();
    assertEquals(before.transactions, []);
    assertEquals(before.heuristics.map(({ verdict, operator }) => [verdict, operator]), [
      ["open", "operator"],
    ]);
    // Its rows are free.
    const debit = { subscriber: transfer.from, amount: 1, idempotencyKey: "another" };
    await transfer.up(...CORES);
    assertEquals((await world.call("edge-1", "account.debit", debit)).error, undefined);
    // The decision outlives its participant.
    transfer.down(A);
    await world.system.advance(100);
    await transfer.up(A);
    assertEquals((await transfer.list()).heuristics.map(({ verdict }) => verdict), ["open"]);
    assertEquals(transfer.balances(), [written - 1, 0]);
    // Once the other one is back all have failed undecided, and none is pre-committed: they abort.
    await transfer.up(B);
    await world.system.advance(30_000);
    const after = await transfer.list();
    assertEquals(after.transactions, []);
    const verdict = decision === "abort" ? "agreed" : "mixed";
    assertEquals(after.heuristics.map((it) => it.verdict), [verdict]);
    assertEquals(transfer.balances(), [written - 1, 0], "nothing is reversed");
    const loud = world.log.filter((line) => / failure .*HEURISTIC MIXED/.test(line)).length;
    assertEquals(loud, decision === "abort" ? 0 : 1);
  });
}

Deno.test("total failure: all are back undecided, so they abort", async () => {
  const transfer = await halfBack(23);
  await using _ = transfer.world.system;
  await transfer.up(B);
  await transfer.world.system.advance(5000); // Without any coordinator.
  assertEquals((await transfer.list()).transactions, []);
  await transfer.up(...CORES);
  await transfer.world.system.advance(10_000);
  assertEquals(await transfer.states(), []);
  assertEquals(transfer.balances(), [0, 0]);
});

Deno.test("total failure: one of them is pre-committed, so they commit", async () => {
  const transfer = await Transfer.begin(24);
  const { system } = transfer.world;
  await using _ = system;
  transfer.answer.catch(() => {});
  await transfer.reach(B, "uncertain");
  // Only one of them hears that all have voted yes.
  for (const core of CORES) system.switchboard.set(core, A, { up: false });
  await transfer.reach(B, "preCommitted");
  transfer.down(A, B, ...CORES);
  for (const core of CORES) system.switchboard.set(core, A, { up: true });
  await system.advance(100);
  await transfer.up(A);
  await system.advance(60_000);
  assertEquals(await transfer.states(), [[A, "recovering"]]);
  await transfer.up(B);
  await system.advance(5000);
  assertEquals(transfer.balances(), [-7, 7]);
  await transfer.up(...CORES);
  await system.advance(10_000);
  assertEquals(await transfer.states(), []);
});

Deno.test("a decision is refused while the outcome is known, or will be", async () => {
  const transfer = await halfBack(25);
  const { system } = transfer.world;
  await using _ = system;
  // The other one is back too, and cannot be heard by those it would decide with.
  for (const [from, to] of [[A, B], [B, A]] as const) {
    system.switchboard.set(from, to, { up: false });
  }
  await transfer.up(B);
  assertEquals(await transfer.states(), [[A, "recovering"], [B, "recovering"]]);
  for (const [from, to] of [[A, B], [B, A]] as const) {
    system.switchboard.set(from, to, { up: true });
  }
  const { error } = await transfer.resolve("commit");
  assert(["decision_known", "not_in_doubt"].includes(error?.data.reason ?? ""), error?.message);
  await system.advance(10_000);
  assertEquals(transfer.balances(), [0, 0]);
  assertEquals((await transfer.list()).heuristics, []);
});

/** A participant that has voted with the client as coordinator and peer, and is back. */
async function returned(scene: Scene): Promise<void> {
  await scene.withParticipant([CLIENT]);
  await scene.tell(PARTICIPANT, "3pc.prepare", { ...prepare(3), peers: [PARTICIPANT, CLIENT] });
  assertEquals(scene.said("3pc.voteYes").length, 1);
  scene.system.crash(PARTICIPANT);
  await scene.withParticipant([CLIENT]);
  scene.heard.length = 0;
}

async function order(scene: Scene, decision: string): Promise<Record<string, unknown>> {
  const body = { id, decision, operator: "ops", reason: "test" };
  const reply = await scene.system.until(scene.system.ask(PARTICIPANT, "resolve", body));
  return reply as Record<string, unknown>;
}

const ANSWERS = {
  commit: /knows the decision: commit/,
  abort: /knows the decision: abort/,
  open: /is still deciding/,
  recovering: /are about to decide/,
} as const;

for (const [knowledge, says] of Object.entries(ANSWERS)) {
  Deno.test(`a decision is refused where the others answer that it is ${knowledge}`, async () => {
    await using scene = new Scene();
    await returned(scene);
    scene.knowledge = knowledge;
    const { ok, code, message } = await order(scene, "commit");
    assertEquals([ok, code], [false, "known"]);
    assertMatch(String(message), says);
  });
}

Deno.test("one that was decided by hand goes on asking, and counts for others as back", async () => {
  await using scene = new Scene();
  await returned(scene);
  assertEquals(await order(scene, "abort"), { ok: true });
  scene.heard.length = 0;
  await scene.system.advance(10_000);
  const asked = scene.said("3pc.inquiry").map(({ body }) => body["state"]);
  assert(asked.length > 1 && asked.every((state) => state === "uncertain"), asked.join());
  // The peer has failed in the same state: so both abort, and say so.
  await scene.tell(PARTICIPANT, "3pc.inquiry", { id, index: 1, epoch: 1, state: "uncertain" });
  assertEquals(scene.said("3pc.ack").map(({ body }) => body["outcome"]), ["abort"]);
  const stats = await scene.system.until(scene.system.ask(PARTICIPANT, "$stats"));
  const { heuristicsOpen, heuristicsMixed } = stats as Record<string, number>;
  assertEquals([heuristicsOpen, heuristicsMixed], [0, 0]);
});

Deno.test("what salvage doubts locks nothing, says not what it was in, and goes by the others' word", async () => {
  await using scene = new Scene();
  await scene.withParticipant([CLIENT]);
  await scene.tell(PARTICIPANT, "3pc.prepare", { ...prepare(3), peers: [PARTICIPANT, CLIENT] });
  const { store } = scene.said("3pc.voteYes")[0]!.body;
  scene.system.crash(PARTICIPANT);
  const hazard = { protocol: "3pc", kind: "heuristic", decision: "hazard", operator: "salvage" };
  await scene.append({ ...hazard, id, reason: "lost", at: 1 });
  scene.heard.length = 0;
  await scene.withParticipant([CLIENT]);
  const stats = async () => {
    const found = await scene.system.until(scene.system.ask(PARTICIPANT, "$stats"));
    const { lockedRows, inDoubt, heuristicsOpen, heuristicsMixed } = found as Record<
      string,
      number
    >;
    return [lockedRows, inDoubt, heuristicsOpen, heuristicsMixed];
  };
  assertEquals(await stats(), [0, 0, 1, 0]);
  assert(scene.said("3pc.inquiry").length > 0);
  assert(scene.said("3pc.inquiry").every(({ body }) => !("state" in body)));
  // All are back, as far as it can tell, and it does not decide for all that.
  await scene.tell(PARTICIPANT, "3pc.inquiry", { id, index: 1, epoch: 1, state: "uncertain" });
  assertEquals(scene.said("3pc.ack"), []);
  await scene.tell(PARTICIPANT, "3pc.commit", { id, you: 0, store });
  assertEquals(scene.said("3pc.ack").map(({ body }) => body["outcome"]), ["commit"]);
  assertEquals(await stats(), [0, 0, 0, 1]);
});
