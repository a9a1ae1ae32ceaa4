/**
 * What a replica keeps of the generation of the group that it is a member of.
 *
 * @module
 */
import type { Configuration } from "../protocols/configuration/configuration.ts";
import type { Store, Value } from "../runtime/ports.ts";
import type { ConfigurationClients } from "./configuration_group.ts";
import { makeMemberKeys, type MemberKeys, publicKeysOf } from "./configuration_keys.ts";
import { Dossier } from "./pbft_evidence.ts";
import type { Via } from "./configuration_relay.ts";
import type { ReplicaSettings } from "./pbft_replica.ts";

/** Configuration of a replica of the configuration. */
export interface ConfigurationReplicaConfig {
  /** What the cluster begins with. */
  readonly configuration: Configuration;
  /** Its keys in the first generation. */
  readonly keys: MemberKeys;
  readonly clients: ConfigurationClients;
  /** Who hands messages on to nodes that no link leads to. */
  readonly via: Via;
  /** What differs from `GROUP_SETTINGS`. */
  readonly settings?: Partial<ReplicaSettings>;
  /** Whether its process may order it to lie. Default false. */
  readonly faults?: boolean;
}

/** What is kept of the generation it is in. */
export type GenerationRow = {
  readonly start: Configuration;
  readonly keys: MemberKeys;
  /** Those of the generation before, which those who are in it still can verify. */
  readonly before?: MemberKeys;
  /** What convicted members of earlier generations, as far as it was proved here. */
  readonly earlier?: readonly Proved[];
};
/** Evidence in short. */
export type Proved = { readonly replica: number; readonly offence: string };
/** What a member tells of the next one. */
export type Tale = {
  readonly epoch: number;
  readonly digest: string;
  readonly configuration: Configuration;
};

const GENERATION_ROW = "generation/now";
const RENEWED_ROW = "generation/renewed";
const STATE_ROWS = "state/";
/** Of earlier generations, what was proved last. */
const MOST_EARLIER = 64;

/** The generation that a store says; undefined: the first. */
export function generationIn(store: Store): GenerationRow | undefined {
  return store.get(GENERATION_ROW) as unknown as GenerationRow | undefined;
}

function renewedIn(store: Store): MemberKeys | undefined {
  return store.get(RENEWED_ROW) as unknown as MemberKeys | undefined;
}

/** Keys for the next generation. Those that were told before may be ordered yet: they stay. */
export function renewedKeys(store: Store, random: (count: number) => Uint8Array): MemberKeys {
  const told = renewedIn(store);
  if (told !== undefined) return told;
  const keys = makeMemberKeys(random);
  store.put(RENEWED_ROW, { ...keys });
  return keys;
}

/** Begins a generation with an empty log, and with the keys that were ordered. */
export function enterGeneration(
  store: Store,
  node: string,
  { keys: before }: GenerationRow,
  start: Configuration,
  proved: readonly Proved[],
): GenerationRow {
  const renewed = renewedIn(store);
  const ordered = start.members.find((member) => member.node === node)?.publicKey;
  const isRenewed = renewed !== undefined && publicKeysOf(renewed).publicKey === ordered;
  const keys = isRenewed ? renewed : before;
  const earlier = proved.slice(-MOST_EARLIER);
  const generation: GenerationRow = { start, keys, before, earlier };
  Dossier.clear(store);
  for (const [key] of [...store.scan(STATE_ROWS)]) store.put(key, null);
  store.put(GENERATION_ROW, generation as unknown as Value);
  if (isRenewed) store.put(RENEWED_ROW, null);
  store.checkpoint([]);
  return generation;
}
