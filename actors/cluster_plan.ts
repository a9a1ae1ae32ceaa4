/**
 * What a cluster consists of: from nodes and settings to the roles and their configurations.
 *
 * @module
 */
import type { Address, RoleSpec } from "../runtime/ports.ts";
import type { ConfigurationPlan } from "./configuration_group.ts";
import { ConfigurationRoles } from "./configuration_roles.ts";
import type { CoordinatorConfig } from "./coordinator.ts";
import type { DetectorConfig } from "./deadlock_detector.ts";
import type { VictimPolicy } from "../protocols/deadlock/victims.ts";
import type { GatewayConfig } from "./gateway.ts";
import type { MonitorConfig } from "./monitor.ts";
import { nodeOf } from "../runtime/role.ts";
import type { NodeConfig } from "./node.ts";
import type { ParticipantConfig } from "./participant.ts";

/** A node of a cluster. */
export interface NodePlan {
  /** First part of the addresses of its roles. */
  readonly name: string;
  /** Where it stands; tiers are stopped edges first. */
  readonly tier: "edge" | "core" | "cloud";
  /** Whether it takes requests. */
  readonly gateway: boolean;
  /** Whether it runs transactions. */
  readonly coordinator: boolean;
  /** Whether it keeps shards. */
  readonly participant: boolean;
}

/** An export of a module. */
export interface RoleModule {
  /** Absolute URL. */
  readonly module: string;
  /** Name of the export. */
  readonly name: string;
}

/** Times in ms. */
export interface ClusterSettings {
  /** Between two heartbeats. */
  readonly heartbeatIntervalMs: number;
  /** Heartbeats missed in a row until a node counts as failed. */
  readonly missedLimit: number;
  /** Until a transaction that lacks a vote is aborted. */
  readonly transactionTimeoutMs: number;
  /** Of one coordinator; more are refused. */
  readonly maxConcurrentTransactions: number;
  /** Until a lock conflict is a retryable no. */
  readonly lockTimeoutMs: number;
  /** Which transaction of a deadlock is aborted and begun again; `least-work` if not given. */
  readonly victimPolicy?: VictimPolicy;
  /** How long an edge may answer from an entry without renewing it. */
  readonly leaseMs: number;
  /** How far clocks may drift apart, in parts per million. */
  readonly driftPpm: number;
  /** Until a message is sent again, before round trips are measured. */
  readonly resendMs: number;
  /** Whether messages and processes keep their times, so that silence means failure; default false. */
  readonly synchronous?: boolean;
  /** How long whoever leads a three-phase commit may be silent; twice a transaction's time if not given. */
  readonly silenceMs?: number;
  /** Journals are cut when they are longer, in bytes; 8 MiB if not given. */
  readonly checkpointBytes?: number;
}

/** A cluster to start. */
export interface ClusterPlan {
  /** In the order in which they are shown. */
  readonly nodes: readonly NodePlan[];
  /** Times and limits. */
  readonly settings: ClusterSettings;
  /** How many shards the data has. */
  readonly shards: number;
  /** The application's participant and gateway. */
  readonly participant: RoleModule;
  /** Made by `gatewayRole`; the participant by `participantRole`. */
  readonly gateway: RoleModule;
  /** Handed to the gateways' application. */
  readonly application: unknown;
  /** Handed to the ledger's `seed`. */
  readonly seed: unknown;
  /** Where stores are kept: a folder, or a prefix for simulated ones. */
  readonly data: string;
  /** Where the gateways listen; undefined for none. */
  readonly http?: NonNullable<GatewayConfig["http"]>;
  /** Whether operators may order faults. Default false. */
  readonly faults?: boolean;
  /** Who orders the configuration; not given: it does not change. */
  readonly configuration?: ConfigurationPlan;
}

/** A role of a cluster. */
export interface RolePlan {
  /** What it does; the second part of its address. */
  readonly kind:
    | "node"
    | "monitor"
    | "gateway"
    | "coordinator"
    | "participant"
    | "detector"
    | "replica"
    | "client"
    | "configuration";
  /** How to start it. */
  readonly spec: RoleSpec;
}

const CACHE_ENTRIES = 50_000;
const MAX_REQUESTS = 10_000;
const MAX_RETRIES = 5;
const COMPLETE_MS = 1500;
const CONNECT_MS = 3000;

/** Which participant keeps a shard: shards go round. */
export function participantOf(plan: ClusterPlan): readonly Address[] {
  const keepers = plan.nodes.filter(({ participant }) => participant);
  return Array.from(
    { length: plan.shards },
    (_, shard) => `${keepers[shard % keepers.length]!.name}/participant`,
  );
}

/**
 * The roles of a cluster.
 *
 * @param overseer address of the role that hears of failures and answers for the whole
 * @param linked whether two nodes can talk to each other both ways
 */
export function planRoles(
  plan: ClusterPlan,
  overseer: Address,
  linked: (from: string, to: string) => boolean,
): readonly RolePlan[] {
  const planner = new Planner(plan, overseer, linked);
  return plan.nodes.flatMap((node) => planner.rolesOf(node));
}

class Planner {
  readonly #participantOf: readonly Address[];
  readonly #gateways: Readonly<Record<string, Address>>;
  readonly #coordinators: readonly Address[];
  readonly #detector: Address;
  readonly #configuration: ConfigurationRoles | undefined;

  constructor(
    private readonly plan: ClusterPlan,
    private readonly overseer: Address,
    private readonly linked: (from: string, to: string) => boolean,
  ) {
    this.#participantOf = participantOf(plan);
    const named = (has: "gateway" | "coordinator") => plan.nodes.filter((node) => node[has]);
    this.#gateways = Object.fromEntries(
      named("gateway").map(({ name }) => [name, `${name}/gateway`]),
    );
    this.#coordinators = named("coordinator").map(({ name }) => `${name}/coordinator`);
    this.#detector = `${this.#detectorNode()}/detector`;
    this.#configuration = plan.configuration &&
      new ConfigurationRoles(plan, plan.configuration, overseer, linked);
  }

  /** A core node that reaches all who wait and all who decide: the second, if there is one. */
  #detectorNode(): string {
    const [first = "", ...others] = this.#coordinators.map((address) => nodeOf(address));
    const all = [...this.#participantOf, ...this.#coordinators];
    const candidates = [...others, first];
    const reachesAll = (name: string) => this.#reachable(name, all).length === all.length;
    return candidates.find(reachesAll) ?? candidates[0]!;
  }

  rolesOf(node: NodePlan): RolePlan[] {
    const { name } = node;
    const durable: RolePlan[] = [];
    if (node.participant) durable.push(this.#participant(name));
    const coordinators = node.coordinator ? [this.#coordinator(name)] : [];
    durable.push(...coordinators);
    durable.push(...this.#configuration?.replica(name) ?? []);
    const gateways = node.gateway ? [this.#gateway(name)] : [];
    const helpers = nodeOf(this.#detector) === name ? [this.#deadlockDetector()] : [];
    const peers = this.plan.nodes.map((other) => other.name)
      .filter((other) => other !== name && this.linked(name, other));
    const addresses = (roles: readonly RolePlan[]) => roles.map(({ spec }) => spec.address);
    const monitor = this.#monitor(name, peers, [...addresses(gateways)]);
    const config: NodeConfig = {
      tier: node.tier,
      durable: addresses(durable),
      helpers: addresses(helpers),
      monitor: monitor.spec.address,
      gateways: addresses(gateways),
      peers: peers.map((peer) => `${peer}/node`),
      coordinators: addresses(coordinators),
      informs: node.coordinator ? this.#reachable(name, Object.values(this.#gateways)) : [],
      completeMs: COMPLETE_MS,
      connectMs: CONNECT_MS,
      ...(this.#configuration === undefined ? {} : { roster: this.#configuration.roster(name) }),
    };
    const own = role("node", name, this.#actor("node.ts", "nodeRole"), config);
    return [...durable, ...helpers, ...gateways, monitor, own];
  }

  /** The module of one of our own actors, beside this one. */
  #actor(file: string, name: string): RoleModule {
    return { module: new URL(file, import.meta.url).href, name };
  }

  #reachable(from: string, addresses: readonly Address[]): Address[] {
    return addresses.filter((address) => {
      const to = nodeOf(address);
      return to === from || this.linked(from, to);
    });
  }

  #participant(node: string): RolePlan {
    const { settings, participant, data, seed } = this.plan;
    const { lockTimeoutMs, resendMs, leaseMs, driftPpm } = settings;
    const address = `${node}/participant`;
    const shards = this.#participantOf.flatMap((keeper, shard) =>
      keeper === address ? [shard] : []
    );
    const config: ParticipantConfig = {
      shards,
      coordinators: this.#reachable(node, this.#coordinators),
      roster: this.#configuration !== undefined,
      participants: [...new Set(this.#participantOf)],
      edges: Object.values(this.#gateways),
      detector: this.#detector,
      lockTimeoutMs,
      inquireMs: 2 * resendMs,
      leaseMs,
      driftPpm,
      storeSince: 1,
      synchronous: settings.synchronous ?? false,
      silenceMs: settings.silenceMs ?? 2 * settings.transactionTimeoutMs,
      overseer: this.overseer,
      seed,
      ...cut(settings),
    };
    return role("participant", node, participant, config, `${data}/${node}.participant.sqlite`);
  }

  #coordinator(node: string): RolePlan {
    const { settings, data } = this.plan;
    const { transactionTimeoutMs, maxConcurrentTransactions, leaseMs, driftPpm, resendMs } =
      settings;
    const config: CoordinatorConfig = {
      participantOf: this.#participantOf,
      // The overseer speaks for operators, whose own thread it is.
      gateways: [...Object.values(this.#gateways), this.overseer],
      detector: this.#detector,
      voteTimeoutMs: transactionTimeoutMs,
      resendMs,
      leaseMs,
      driftPpm,
      maxConcurrentTransactions,
      maxRetries: MAX_RETRIES,
      overseer: this.overseer,
      roster: this.#configuration !== undefined,
      ...cut(settings),
    };
    const module = this.#actor("coordinator.ts", "coordinatorRole");
    return role("coordinator", node, module, config, `${data}/${node}.coordinator.sqlite`);
  }

  #deadlockDetector(): RolePlan {
    const { victimPolicy = "least-work", resendMs } = this.plan.settings;
    const config: DetectorConfig = {
      participants: [...new Set(this.#participantOf)],
      coordinators: this.#coordinators,
      policy: victimPolicy,
      resendMs,
    };
    const module = this.#actor("deadlock_detector.ts", "detectorRole");
    return role("detector", nodeOf(this.#detector), module, config);
  }

  #gateway(node: string): RolePlan {
    const { settings, gateway, http, application } = this.plan;
    const config: GatewayConfig = {
      coordinators: this.#reachable(node, this.#coordinators),
      roster: this.#configuration !== undefined,
      gateways: this.#gateways,
      ...(http === undefined ? {} : { http }),
      overseer: this.overseer,
      timeoutMs: settings.transactionTimeoutMs,
      leaseMs: settings.leaseMs,
      driftPpm: settings.driftPpm,
      cacheEntries: CACHE_ENTRIES,
      maxRequests: MAX_REQUESTS,
      application,
    };
    return role("gateway", node, gateway, config);
  }

  #monitor(node: string, peers: readonly string[], subscribers: readonly Address[]): RolePlan {
    const { heartbeatIntervalMs, missedLimit } = this.plan.settings;
    const config: MonitorConfig = {
      peers: peers.map((peer) => `${peer}/monitor`),
      intervalMs: heartbeatIntervalMs,
      missedLimit,
      subscribers,
      overseer: this.overseer,
    };
    return role("monitor", node, this.#actor("monitor.ts", "monitorRole"), config);
  }
}

function cut({ checkpointBytes }: ClusterSettings): { readonly checkpointBytes?: number } {
  return checkpointBytes === undefined ? {} : { checkpointBytes };
}

function role(
  kind: RolePlan["kind"],
  node: string,
  { module, name }: RoleModule,
  config: unknown,
  store?: string,
): RolePlan {
  const address = `${node}/${kind}`;
  return {
    kind,
    spec: { address, module, name, config, ...(store === undefined ? {} : { store }) },
  };
}
