/** A group in virtual time, for tests that break it. */
import { type Behaviour, type Evidence, type GroupConfig, makeGroup } from "../../actors/mod.ts";
import type { ReplicaSettings } from "../../actors/pbft_replica.ts";
import type { LinkParameters } from "../../runtime/ports.ts";
import { seeded } from "../../runtime/random.ts";
import { SimulatedSystem } from "../../runtime/simulated/system.ts";

const module = new URL("../../examples/key_value_actor.ts", import.meta.url).href;
const actors = new URL("../../actors/mod.ts", import.meta.url).href;
const LINK: LinkParameters = {
  up: true,
  delayMs: 5,
  jitterMs: 1,
  bandwidthMbps: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
};
const CLIENT = "user/client";
const SETTINGS: Partial<ReplicaSettings> = {
  checkpointInterval: 4,
  window: 8,
  viewTimeoutMs: 300,
  statusMs: 100,
  fetchTimeoutMs: 200,
};

/** What a replica says about itself. */
export interface Figures {
  readonly replica: {
    readonly view: number;
    readonly active: boolean;
    readonly executed: number;
    readonly stable: number;
    readonly pending: number;
  };
  readonly requestsExecuted: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly evidence: readonly { readonly replica: number; readonly offence: string }[];
  readonly wrongStates: number;
}

/** Replicas and a client. */
export class Group implements AsyncDisposable {
  private constructor(
    readonly system: SimulatedSystem,
    readonly config: GroupConfig,
    readonly replicas: readonly string[],
  ) {}

  /** Starts a group. @param liars by number */
  static async start(
    replicas: number,
    liars: Readonly<Record<number, readonly Behaviour[]>> = {},
    settings: Partial<ReplicaSettings> = {},
  ): Promise<Group> {
    const nodes = Array.from({ length: replicas }, (_, index) => `n${index}`);
    const all = [...nodes, "user", "stranger"];
    const system = SimulatedSystem.create({
      nodes: all,
      links: all.flatMap((from) =>
        all.filter((to) => to !== from).map((to) => ({ from, to, ...LINK }))
      ),
      seed: 7,
    });
    const addresses = nodes.map((node) => `${node}/replica`);
    const random = seeded(11);
    const config = makeGroup({
      group: "test",
      replicas: addresses,
      clients: { user: CLIENT, stranger: "stranger/client" },
      settings: { ...SETTINGS, ...settings },
    }, (count) => Uint8Array.from({ length: count }, () => Math.floor(random() * 256)));
    const group = new Group(system, config, addresses);
    await Promise.all(addresses.map((_, index) => group.spawn(index, liars[index])));
    const client = { module: actors, name: "pbftClientRole" };
    await system.spawn({ address: CLIENT, ...client, config: config.clients["user"]! });
    return group;
  }

  /** Starts a replica, at first or again. */
  async spawn(index: number, behaviours: readonly Behaviour[] = []): Promise<void> {
    const { config, system } = this;
    await system.restart({
      address: this.replicas[index]!,
      module,
      name: "keyValueReplica",
      config: { ...config.replicas[index]!, behaviours, faults: true },
      store: `disk-${index}`,
    });
  }

  /** Asks for an operation, and drives the system until it is answered. */
  invoke(operation: unknown, readOnly = false, limitMs = 30_000): Promise<unknown> {
    const { system } = this;
    return system.until(
      system.ask(CLIENT, "invoke", { operation, readOnly }, limitMs),
      limitMs + 1,
    );
  }

  /** Adds one to a counter so many times. */
  async count(key: string, times: number): Promise<unknown> {
    let last: unknown;
    for (let i = 0; i < times; i++) last = await this.invoke({ add: key, by: 1 });
    return last;
  }

  figures(index: number): Promise<Figures> {
    const { system } = this;
    return system.until(system.ask(this.replicas[index]!, "$stats", null)) as Promise<Figures>;
  }

  evidence(index: number): Promise<readonly Evidence[]> {
    const { system } = this;
    const asked = system.ask(this.replicas[index]!, "pbft.evidence", null);
    return system.until(asked) as Promise<readonly Evidence[]>;
  }

  /** Cuts a node off, or joins it again. */
  cut(index: number, up = false): void {
    const { switchboard } = this.system;
    for (const [from, to] of [...switchboard.links()]) {
      if (from === `n${index}` || to === `n${index}`) switchboard.set(from, to, { up });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system[Symbol.asyncDispose]();
  }
}
