/**
 * A group's configuration in one piece: who its replicas and clients are, and their keys.
 *
 * @module
 */
import { groupFault, mostFaulty } from "../protocols/pbft/rules.ts";
import type { Address } from "../runtime/ports.ts";
import type { PbftClientConfig } from "./pbft_client.ts";
import { type Keyring, Keys, makeKeyrings } from "./pbft_keys.ts";
import { REPLICA_SETTINGS, type ReplicaConfig, type ReplicaSettings } from "./pbft_replica.ts";
import { type Evidence, isConvicting } from "./pbft_evidence.ts";
import { Authority } from "./pbft_authority.ts";

/** Who belongs to a group. */
export interface GroupMembers {
  /** What is signed for one group means nothing in another. */
  readonly group: string;
  /** Addresses of the replicas; their order gives them their numbers. */
  readonly replicas: readonly Address[];
  /** Addresses of clients by their names, which must not be numbers. */
  readonly clients: Readonly<Record<string, Address>>;
  /** How many replicas may be faulty. Default: as many as n >= 3f + 1 allows. */
  readonly faulty?: number;
  /** What differs from `REPLICA_SETTINGS`. */
  readonly settings?: Partial<ReplicaSettings>;
}

/** Configurations of all members of a group: plain data, secrets included, to be kept. */
export interface GroupConfig {
  /** By number. */
  readonly replicas: readonly ReplicaConfig[];
  /** By name. */
  readonly clients: Readonly<Record<string, PbftClientConfig>>;
}

/**
 * Whether evidence convicts the replica it names: anybody can look who is given the public keys, as
 * every member is.
 */
export function convicts(
  evidence: Evidence,
  member: Pick<ReplicaConfig, "group" | "replicas" | "faulty" | "keyring" | "settings">,
): boolean {
  const { group, replicas, faulty, keyring, settings } = member;
  const size = { replicas: replicas.length, faulty };
  const authority = new Authority(group, size, new Keys(keyring));
  return isConvicting(evidence, authority, settings?.window ?? REPLICA_SETTINGS.window);
}

/**
 * Makes the keys of a group, and the configurations that contain them.
 *
 * @param random gives so many random bytes, such as `(n) => crypto.getRandomValues(new Uint8Array(n))`
 * @throws {RangeError} if there are too few replicas, with the reason
 */
export function makeGroup(
  members: GroupMembers,
  random: (count: number) => Uint8Array,
): GroupConfig {
  const { group, replicas, clients, settings = {} } = members;
  const faulty = members.faulty ?? mostFaulty(replicas.length);
  const fault = groupFault({ replicas: replicas.length, faulty });
  if (fault !== undefined) throw new RangeError(`Cannot make the group ${group}: ${fault}`);
  const strange = Object.keys(clients).find((name) => !/^[A-Za-z][\w.-]*$/.test(name));
  if (strange !== undefined) {
    throw new RangeError(`Cannot make the group ${group}: "${strange}" is no name of a client`);
  }
  const numbers = replicas.map((_, index) => String(index));
  const keyrings = makeKeyrings([...numbers, ...Object.keys(clients)], random);
  const common = { group, replicas, faulty };
  const of = (name: string): { readonly keyring: Keyring } => ({ keyring: keyrings[name]! });
  return {
    replicas: replicas.map((_, index) => {
      return { ...common, index, clients, settings, ...of(String(index)) };
    }),
    clients: Object.fromEntries(
      Object.keys(clients).map((name) => [name, { ...common, ...of(name) }]),
    ),
  };
}
