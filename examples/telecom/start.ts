/**
 * The one place where the telecom application and a system of workers are put together: from a
 * profile and keys to a cluster that can be started. The command line, `mod.ts` and the tests all
 * compose through here.
 *
 * @module
 */
import { Cluster, type ClusterHooks, type ClusterPlan } from "../../actors/cluster.ts";
import { type ConfigurationKeys, makeConfigurationKeys } from "../../actors/mod.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";
import type { ApiConfig } from "./gateway_api.ts";
import type { SeedOptions } from "./ledger.ts";
import { profileLinks } from "./profile_links.ts";
import type { NodeRole, Profile } from "./profiles.ts";
import { SHARDS } from "./rows.ts";

/** How long a session lasts, in ms. */
export const SESSION_MS: number = 60 * 60 * 1000;

/** Attempts of one write, each at another coordinator. */
const ATTEMPTS = 2;

/** What a telecom cluster is made of. */
export interface TelecomOptions {
  readonly profile: Profile;
  /** Verifies tokens; who holds the private key can make them. */
  readonly publicKey: CryptoKey;
  /** An existing folder for the stores. */
  readonly data: string;
  /** How many built-in subscribers a new data folder is filled with. */
  readonly subscribers: number;
  /** Where the gateways listen; undefined for none. */
  readonly http?: ClusterPlan["http"] | undefined;
  /** Links without delay, jitter and limit of bandwidth. Default false. */
  readonly fast?: boolean | undefined;
  /** Whether operators may order faults. Default false. */
  readonly faults?: boolean | undefined;
  /** Seed of the link models' randomness. Default 1. */
  readonly seed?: number | undefined;
  /** Of the group that orders the configuration; undefined: the configuration stays as it is. */
  readonly configurationKeys?: ConfigurationKeys | undefined;
  readonly hooks?: ClusterHooks | undefined;
}

/** A cluster and the system of workers it runs on. */
export interface Composition {
  readonly cluster: Cluster;
  readonly system: WorkerSystem;
}

/** Puts a cluster together; `cluster.start()` starts it, disposing of `system` ends its workers. */
export function composeCluster(options: TelecomOptions): Composition {
  const { profile, fast = false, seed = 1, hooks = {} } = options;
  const unhindered = fast ? { delayMs: 0, jitterMs: 0, bandwidthMbps: 0 } : {};
  const made: { system?: WorkerSystem } = {};
  const cluster = new Cluster(
    (client) =>
      made.system = WorkerSystem.create({
        nodes: profile.nodes.map(({ name }) => name),
        links: profileLinks(profile).map((link) => ({ ...link, ...unhindered, up: true })),
        seed,
        client,
        ...(hooks.log === undefined ? {} : { log: hooks.log }),
      }),
    planCluster(options),
    hooks,
  );
  return { cluster, system: made.system! };
}

/** What the cluster of a profile consists of. */
export function planCluster(options: Omit<TelecomOptions, "fast" | "seed" | "hooks">): ClusterPlan {
  const { profile, publicKey, data, subscribers, http, faults = false } = options;
  const { configurationKeys: keys } = options;
  const { group, f: faulty } = profile.settings.pbft;
  const own = (file: string) => new URL(file, import.meta.url).href;
  const edges = namesOf(profile, "gateway");
  return {
    nodes: profile.nodes.map(({ name, tier, roles }) => ({
      name,
      tier,
      gateway: roles.includes("gateway"),
      coordinator: roles.includes("coordinator"),
      participant: roles.includes("participant"),
    })),
    settings: profile.settings,
    shards: SHARDS,
    participant: { module: own("./participant_role.ts"), name: "participant" },
    gateway: { module: own("./gateway_role.ts"), name: "gateway" },
    application: {
      publicKey,
      edges,
      sessionMs: SESSION_MS,
      attempts: ATTEMPTS,
      protocols: profile.settings.protocols ?? {},
    } satisfies ApiConfig,
    seed: { subscribers, edges } satisfies SeedOptions,
    data,
    faults,
    // Where no liar is to be borne there is nothing to agree on.
    ...(keys === undefined || faulty === 0 ? {} : { configuration: { group, faulty, keys } }),
    ...(http === undefined ? {} : { http }),
  };
}

/** New keys of all who take part in ordering the configuration of a profile's cluster. */
export function newConfigurationKeys(
  { nodes, settings: { pbft } }: Profile,
  random: (count: number) => Uint8Array,
): ConfigurationKeys {
  return makeConfigurationKeys(pbft.group, nodes.map(({ name }) => name), random);
}

/** The nodes of a profile that have a role, in its order. */
export function namesOf(profile: Profile, role: NodeRole): readonly string[] {
  return profile.nodes.filter(({ roles }) => roles.includes(role)).map(({ name }) => name);
}

/** Files of the stores of a cluster, of all roles or of one kind, relative to its data folder. */
export function storeFiles(cluster: Cluster, kind = ""): readonly string[] {
  return cluster.addresses.flatMap((address) => {
    const store = cluster.spec(address)?.store;
    return store === undefined || !address.endsWith(kind)
      ? []
      : [store.slice(store.lastIndexOf("/") + 1)];
  });
}
