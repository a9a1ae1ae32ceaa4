/**
 * Who may say what: messages of a role that has no say are not acted upon.
 */
import { assertEquals } from "@std/assert";
import type { CoordinatorConfig } from "../../actors/coordinator.ts";
import type { ParticipantConfig } from "../../actors/participant.ts";
import { accountKey, seedMsisdn, shardOf } from "../../examples/telecom/rows.ts";
import type { Envelope } from "../../runtime/codec.ts";
import { LOCAL_LINK } from "../../runtime/link_model.ts";
import { CLIENT, defineRole } from "../../runtime/role.ts";
import { SimulatedSystem } from "../../runtime/simulated/system.ts";

const ROGUE = "edge-1/rogue";
const PARTICIPANT = "cloud-1/participant";
const COORDINATOR = "core-1/coordinator";
const subscriber = seedMsisdn(0);
const shard = shardOf(subscriber);

interface Heard {
  readonly type: string;
  readonly body: Record<string, unknown>;
}

/** One honest role under test, a rogue, and a client that notes what it hears. */
class Scene implements AsyncDisposable {
  readonly heard: Heard[] = [];
  readonly system: SimulatedSystem;

  constructor() {
    const note = (type: string) => ({
      accepts: () => true,
      handle: (body: unknown, _: Envelope) => {
        this.heard.push({ type, body: body as Heard["body"] });
      },
    });
    const types = ["prepare", "commit", "abort", "voteYes", "voteNo", "ack", "inquiry"];
    const client = defineRole<never>({
      name: "client",
      create: () => ({ messages: Object.fromEntries(types.map((type) => [type, note(type)])) }),
    });
    const nodes = ["edge-1", "core-1", "cloud-1"];
    const links = nodes.flatMap((from) =>
      nodes.filter((to) => to !== from).map((to) => ({ ...LOCAL_LINK, from, to }))
    );
    this.system = SimulatedSystem.create({ nodes, links, client, seed: 5 });
  }

  async withParticipant(): Promise<this> {
    const config: ParticipantConfig = {
      shards: [shard],
      coordinators: [CLIENT],
      participants: [PARTICIPANT],
      edges: ["edge-1/gateway"],
      lockTimeoutMs: 100,
      inquireMs: 500,
      leaseMs: 1000,
      driftPpm: 0,
      storeSince: 1,
      seed: { subscribers: 10, edges: ["edge-1"] },
    };
    const module = new URL("../../examples/telecom/participant_role.ts", import.meta.url).href;
    const name = "participant";
    await this.system.spawn({ address: PARTICIPANT, module, name, config, store: "p" });
    return await this.#withRogue();
  }

  async withCoordinator(gateways: readonly string[]): Promise<this> {
    const config: CoordinatorConfig = {
      participantOf: [CLIENT],
      gateways,
      voteTimeoutMs: 5000,
      resendMs: 500,
      leaseMs: 1000,
      driftPpm: 0,
      maxConcurrentTransactions: 10,
      maxRetries: 0,
    };
    const module = new URL("../../actors/coordinator.ts", import.meta.url).href;
    const name = "coordinatorRole";
    await this.system.spawn({ address: COORDINATOR, module, name, config, store: "c" });
    return await this.#withRogue();
  }

  async #withRogue(): Promise<this> {
    const module = new URL("./rogue.ts", import.meta.url).href;
    await this.system.spawn({ address: ROGUE, module, name: "rogue", config: undefined });
    await this.system.advance(20);
    return this;
  }

  /** The rogue says something, and it arrives. */
  async forge(to: string, type: string, body: unknown): Promise<void> {
    this.system.tell(ROGUE, "say", { to, type, body });
    await this.system.advance(20);
  }

  async tell(to: string, type: string, body: unknown): Promise<void> {
    this.system.tell(to, type, body);
    await this.system.advance(20);
  }

  said(type: string): Heard[] {
    return this.heard.filter((heard) => heard.type === type);
  }

  async forbidden(role: string): Promise<number> {
    const stats = await this.system.until(this.system.ask(role, "$stats"));
    return (stats as { deadLetters: Record<string, number> }).deadLetters["forbidden"] ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system[Symbol.asyncDispose]();
  }
}

const id = { log: "6f1f7f3e-0000-4000-8000-000000000000", sequence: 3 };

function prepare(sequence: number) {
  const debit = { op: "debit", msisdn: subscriber, amount: 1 };
  const operations = [{ shard, operations: [debit] }];
  return { id: { ...id, sequence }, lowest: 0, peers: [PARTICIPANT], you: 0, epoch: 1, operations };
}

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
