/** One honest role, a rogue, and a client that notes what it hears. */
import type { CoordinatorConfig } from "../../actors/coordinator.ts";
import type { ParticipantConfig } from "../../actors/participant.ts";
import { seedMsisdn, shardOf } from "../../examples/telecom/rows.ts";
import type { Envelope } from "../../runtime/codec.ts";
import { LOCAL_LINK } from "../../runtime/link_model.ts";
import { CLIENT, defineRole } from "../../runtime/role.ts";
import type { RoleSpec } from "../../runtime/ports.ts";
import { SimulatedSystem } from "../../runtime/simulated/system.ts";

const ROGUE = "edge-1/rogue";
/** Addresses of the roles under test. */
export const PARTICIPANT = "cloud-1/participant";
export const COORDINATOR = "core-1/coordinator";
export const subscriber = seedMsisdn(0);
export const shard = shardOf(subscriber);

export interface Heard {
  readonly type: string;
  readonly body: Record<string, unknown>;
}

/** One honest role under test, a rogue, and a client that notes what it hears. */
export class Scene implements AsyncDisposable {
  readonly heard: Heard[] = [];
  /** What the client answers to those who ask for an outcome. */
  knowledge = "uncertain";
  readonly system: SimulatedSystem;
  #spec: RoleSpec | undefined;

  constructor() {
    const note = (type: string) => ({
      accepts: () => true,
      handle: (body: unknown, _: Envelope) => {
        this.heard.push({ type, body: body as Heard["body"] });
      },
    });
    const decisions = ["prepare", "commit", "abort", "voteYes", "voteNo", "ack", "inquiry"];
    const threePhase = [
      "voteYes",
      "voteNo",
      "preCommitAck",
      "ack",
      "stateReport",
      "abort",
      "inquiry",
    ];
    const types = [
      ...decisions,
      ...threePhase.map((type) => `3pc.${type}`),
      ...["waits", "finished"],
    ];
    const client = defineRole<never>({
      name: "client",
      create: (services) => ({
        messages: {
          ...Object.fromEntries(types.map((type) => [type, note(type)])),
          outcome: {
            accepts: () => true,
            handle: (_: unknown, envelope) => services.reply(envelope, this.knowledge),
          },
        },
      }),
    });
    const nodes = ["edge-1", "core-1", "cloud-1"];
    const links = nodes.flatMap((from) =>
      nodes.filter((to) => to !== from).map((to) => ({ ...LOCAL_LINK, from, to }))
    );
    this.system = SimulatedSystem.create({ nodes, links, client, seed: 5 });
  }

  /** @param peers who takes part besides */
  async withParticipant(peers: readonly string[] = []): Promise<this> {
    const config: ParticipantConfig = {
      shards: [shard],
      coordinators: [CLIENT],
      participants: [PARTICIPANT, ...peers],
      edges: ["edge-1/gateway"],
      detector: CLIENT,
      overseer: CLIENT,
      lockTimeoutMs: 100,
      inquireMs: 500,
      leaseMs: 1000,
      driftPpm: 0,
      synchronous: true,
      storeSince: 1,
      seed: { subscribers: 10, edges: ["edge-1"] },
    };
    const module = new URL("../../examples/telecom/participant_role.ts", import.meta.url).href;
    const name = "participant";
    this.#spec = { address: PARTICIPANT, module, name, config, store: "p" };
    await this.system.spawn(this.#spec);
    return await this.#withRogue();
  }

  async withCoordinator(
    gateways: readonly string[],
    participantOf: readonly string[] = [CLIENT],
  ): Promise<this> {
    const config: CoordinatorConfig = {
      participantOf,
      gateways,
      detector: CLIENT,
      voteTimeoutMs: 5000,
      resendMs: 500,
      leaseMs: 1000,
      driftPpm: 0,
      maxConcurrentTransactions: 10,
      maxRetries: 0,
    };
    const module = new URL("../../actors/coordinator.ts", import.meta.url).href;
    const name = "coordinatorRole";
    this.#spec = { address: COORDINATOR, module, name, config, store: "c" };
    await this.system.spawn(this.#spec);
    return await this.#withRogue();
  }

  async #withRogue(): Promise<this> {
    const module = new URL("./rogue.ts", import.meta.url).href;
    await this.system.spawn({ address: ROGUE, module, name: "rogue", config: undefined });
    await this.system.advance(20);
    return this;
  }

  /** Adds a record to the participant's journal while it is down. */
  async append(record: unknown): Promise<void> {
    const store = this.system.disks.open("p", () => {});
    store.append(record);
    store.commit();
    await this.system.advance(100);
    store.close();
  }

  /** The role under test crashes, and is started again. */
  async crash(): Promise<void> {
    this.system.crash(this.#spec!.address);
    await this.system.restart(this.#spec!);
    await this.system.advance(20);
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

export const id = { log: "6f1f7f3e-0000-4000-8000-000000000000", sequence: 3 };

export function prepare(sequence: number) {
  const debit = { op: "debit", msisdn: subscriber, amount: 1 };
  const operations = [{ shard, operations: [debit] }];
  return { id: { ...id, sequence }, lowest: 0, peers: [PARTICIPANT], you: 0, epoch: 1, operations };
}
