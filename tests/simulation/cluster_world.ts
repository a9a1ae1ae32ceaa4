/**
 * A whole telecom cluster in virtual time, for tests that break it.
 */
import { Cluster, type ClusterSettings } from "../../actors/cluster.ts";
import type { LinkParameters } from "../../runtime/ports.ts";
import { seeded } from "../../runtime/random.ts";
import { SimulatedSystem } from "../../runtime/simulated/system.ts";
import { loadProfile } from "../../examples/telecom/profile_loader.ts";
import { profileLinks } from "../../examples/telecom/profile_links.ts";
import { newConfigurationKeys, planCluster } from "../../examples/telecom/start.ts";
import { generateKeys, mint } from "../../examples/telecom/tokens.ts";

const keys = await generateKeys();
const DAY_MS = 24 * 60 * 60 * 1000;

/** An answer of the API. */
export interface Answer {
  readonly result?: Record<string, unknown>;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data: { readonly outcome: string; readonly reason: string };
  };
}

/** A cluster and a client in virtual time. */
export class World {
  readonly random: () => number;
  #id = 0;

  private constructor(
    readonly system: SimulatedSystem,
    readonly cluster: Cluster,
    readonly operator: string,
    readonly log: string[],
    seed: number,
  ) {
    this.random = seeded(seed);
  }

  /** Starts a cluster; `faults` is laid over every link of its profile. */
  static async start(
    options: {
      readonly seed: number;
      readonly profile?: string;
      readonly subscribers?: number;
      readonly faults?: Partial<LinkParameters>;
      /** What differs from the settings of the profile. */
      readonly settings?: Partial<ClusterSettings>;
      /** Whether a group orders the configuration. Default false. */
      readonly ordered?: boolean;
    },
  ): Promise<World> {
    const { seed, profile: name = "carrier", subscribers = 100, faults = {} } = options;
    const loaded = loadProfile(name);
    if (!loaded.ok) throw new Error(loaded.error);
    const { profile } = loaded;
    const made: { system?: SimulatedSystem } = {};
    const log: string[] = [];
    const note = (address: string, kind: string, text: string) =>
      void log.push(`${made.system!.now} ${kind} ${address} ${text}`);
    const { publicKey } = keys;
    const bytes = seeded(seed);
    const random = (count: number) => Uint8Array.from({ length: count }, () => bytes() * 256);
    const ordered = options.ordered ?? false;
    const configurationKeys = ordered ? newConfigurationKeys(profile, random) : undefined;
    const planned = planCluster({
      ...{ profile, publicKey, data: "disks", subscribers, configurationKeys },
      faults: ordered,
    });
    const plan = { ...planned, settings: { ...planned.settings, ...options.settings } };
    const cluster = new Cluster(
      (client) =>
        made.system = SimulatedSystem.create({
          nodes: profile.nodes.map(({ name }) => name),
          links: profileLinks(profile).map((link) => ({ ...link, up: true, ...faults })),
          seed,
          client,
          log: note,
        }),
      plan,
      { log: note },
    );
    const system = made.system!;
    await system.until(cluster.start());
    const now = system.host.clock.wall();
    const claims = { subject: "operator", role: "operator", ttlMs: DAY_MS, id: "op" } as const;
    const operator = await mint(keys.privateKey, claims, now);
    return new World(system, cluster, operator, log, seed);
  }

  /** Sends a request to an edge; the answer comes while the system is driven. */
  async rpc(edge: string, method: string, params: unknown): Promise<Answer> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#id, method, params });
    const authorization = `Bearer ${this.operator}`;
    try {
      const message = { body, authorization };
      const text = await this.system.ask(`${edge}/gateway`, "request", message, 10_000);
      return JSON.parse(text as string) as Answer;
    } catch (error) {
      const data = { outcome: "unknown", reason: (error as Error).message };
      return { error: { code: 0, message: "no answer", data } };
    }
  }

  /** Sends a request and drives the system until it is answered. */
  call(edge: string, method: string, params: unknown): Promise<Answer> {
    return this.system.until(this.rpc(edge, method, params));
  }

  /** Sends a write again and again, under its key, until its outcome is known. */
  async settle(method: string, params: unknown): Promise<Answer> {
    for (let attempt = 0;; attempt++) {
      const answer = await this.call(`edge-${attempt % 3 + 1}`, method, params);
      const retry = answer.error !== undefined &&
        (answer.error.data.outcome === "unknown" || answer.error.code === -32013 ||
          answer.error.data.reason === "conflict" || answer.error.data.reason === "unreachable");
      if (!retry || attempt > 30) return answer;
    }
  }

  /** Changes every link. */
  links(change: Partial<LinkParameters>): void {
    const { switchboard } = this.system;
    for (const [from, to] of switchboard.links()) {
      if (from !== "main" && to !== "main") switchboard.set(from, to, change);
    }
  }

  /** Transactions without an outcome anywhere. */
  async inDoubt(): Promise<number> {
    const stats = await this.system.until(this.cluster.stats());
    let inDoubt = 0;
    for (const [address, figures] of Object.entries(stats)) {
      if (address.endsWith("/participant")) {
        inDoubt += (figures as { inDoubt?: number }).inDoubt ?? 0; // None before it has recovered.
      }
    }
    return inDoubt;
  }
}
