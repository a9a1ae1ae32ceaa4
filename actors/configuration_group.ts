/**
 * The group that orders a cluster's configuration: who its members are and with which keys, and what
 * they say of a configuration to those who go by it.
 *
 * @module
 */
import { type Configuration, OPERATOR } from "../protocols/configuration/configuration.ts";
import { encode } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import {
  keyringOf,
  makeMemberKeys,
  type MemberKeys,
  type PublicKeys,
  publicKeysOf,
} from "./configuration_keys.ts";
import { isIndex, isRecord } from "./guards.ts";
import { type Keyring, type Keys, sha256 } from "./pbft_keys.ts";
import type { PbftClientConfig } from "./pbft_client.ts";
import type { ReplicaSettings } from "./pbft_replica.ts";

/** A client of the group: a node, or the operator. */
export interface ConfigurationClient {
  /** Where it is answered. */
  readonly address: Address;
  /** What its requests are verified with. */
  readonly keys: PublicKeys;
}

/** Clients by name. */
export type ConfigurationClients = Readonly<Record<string, ConfigurationClient>>;

/**
 * Little is ordered, and each order matters: a checkpoint after each, so that a change of members
 * takes effect at once, and one that was away fetches a state instead of a history.
 */
export const GROUP_SETTINGS: Partial<ReplicaSettings> = {
  checkpointInterval: 1,
  window: 8,
  maxBatch: 8,
  maxInFlight: 4,
  statusMs: 1000,
};

/** Name of the group of a generation: what was signed in an earlier one means nothing in it. */
export function groupName({ generation }: Pick<Configuration, "generation">): string {
  return `configuration/${generation}`;
}

/** The replicas' addresses, by number. */
export function replicasOf({ members }: Configuration): readonly Address[] {
  return members.map(({ node }) => `${node}/configuration`);
}

/** Keys of one member or client in a generation. @param self number of a replica, name of a client */
export function keyringIn(
  configuration: Configuration,
  clients: ConfigurationClients,
  self: string,
  keys: MemberKeys,
): Keyring {
  const members = Object.fromEntries([
    ...configuration.members.map((member, index) => [String(index), member] as const),
    ...Object.entries(clients).map(([name, { keys }]) => [name, keys] as const),
  ]);
  return keyringOf(groupName(configuration), self, keys, members);
}

/** Configuration of a client in a generation. */
export function clientIn(
  configuration: Configuration,
  clients: ConfigurationClients,
  self: string,
  keys: MemberKeys,
): PbftClientConfig {
  return {
    group: groupName(configuration),
    replicas: replicasOf(configuration),
    faulty: configuration.faulty,
    keyring: keyringIn(configuration, clients, self, keys),
    lanes: 4,
  };
}

/** What a replica says of a configuration. */
export interface Notice {
  /** Of the group in which the sender has this number. */
  readonly generation: number;
  readonly from: number;
  readonly configuration: Configuration;
  readonly signature: Uint8Array;
}

/** Digest of a configuration. */
export function configurationDigest(configuration: Configuration): string {
  return sha256("configuration", encode(configuration));
}

function noticeBytes({ generation, from, configuration }: Omit<Notice, "signature">): Uint8Array {
  return encode([
    "notice",
    groupName({ generation }),
    from,
    configuration.epoch,
    configurationDigest(configuration),
  ]);
}

/** Signs a notice. */
export function makeNotice(content: Omit<Notice, "signature">, keys: Keys): Notice {
  return { ...content, signature: keys.sign(noticeBytes(content)) };
}

/** Whether a notice is its replica's. */
export function isProved(notice: Notice, keys: Keys): boolean {
  return keys.verify(String(notice.from), noticeBytes(notice), notice.signature);
}

/** Whether a body has the shape of a notice; what it says is believed of f + 1 only. */
export function isNotice(body: unknown): body is Notice {
  return isRecord(body) && isIndex(body["generation"]) && isIndex(body["from"]) &&
    body["signature"] instanceof Uint8Array && isConfiguration(body["configuration"]);
}

/** Whether a value looks like a configuration. */
export function isConfiguration(value: unknown): value is Configuration {
  return isRecord(value) && isIndex(value["epoch"]) && isIndex(value["generation"]) &&
    Array.isArray(value["members"]) && isRecord(value["logs"]) &&
    Array.isArray(value["coordinators"]) && Array.isArray(value["shards"]);
}

/** Keys of all who take part, secrets included: to be kept by whoever starts the cluster. */
export interface ConfigurationKeys {
  /** Of the replicas, by node. */
  readonly replicas: Readonly<Record<string, MemberKeys>>;
  /** Of the clients, by name. */
  readonly clients: Readonly<Record<string, MemberKeys>>;
}

/** Makes the keys of replicas on some nodes, of all nodes as clients, and of the operator. */
export function makeConfigurationKeys(
  group: readonly string[],
  nodes: readonly string[],
  random: (count: number) => Uint8Array,
): ConfigurationKeys {
  const keysOf = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, makeMemberKeys(random)]));
  return { replicas: keysOf(group), clients: keysOf([...nodes, OPERATOR]) };
}

/** The group of a cluster, as it is planned. */
export interface ConfigurationPlan {
  /** Nodes with a replica; their order gives the replicas their numbers. */
  readonly group: readonly string[];
  /** How many may lie. */
  readonly faulty: number;
  /** Of all who take part. */
  readonly keys: ConfigurationKeys;
}

/** Clients as others know them. */
export function clientsOf(
  { keys }: ConfigurationPlan,
  addressOf: (name: string) => Address,
): ConfigurationClients {
  return Object.fromEntries(
    Object.entries(keys.clients).map(([name, own]) => {
      return [name, { address: addressOf(name), keys: publicKeysOf(own) }];
    }),
  );
}
