/**
 * A replica of the cluster's configuration: a replica of `pbft/` whose state machine is
 * `protocols/configuration`, which tells those who go by the configuration of every change until they
 * have heard it, hears no more of members that are convicted, and begins again as a member of the next
 * group when the members change.
 *
 * | message                   | from             | body                       | answer          |
 * | ------------------------- | ---------------- | -------------------------- | --------------- |
 * | `pbft.*`                  | members, clients | see `protocols/pbft`       |                 |
 * | `configuration.get`       | clients, members | `{ epoch, generation }`    | a notice        |
 * | `configuration.heard`     | clients, members | `{ epoch, generation }`    |                 |
 * | `configuration.notice`    | members          | of the next generation     |                 |
 * | `configuration.evidence`  | members          | evidence against another   |                 |
 * | `configuration.renew`     | main             |                            | new public keys |
 *
 * @module
 */
import {
  applyConfiguration,
  believable,
  type Configuration,
  type ConfigurationOperation,
  type ConfigurationReply,
} from "../protocols/configuration/configuration.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Address, Value } from "../runtime/ports.ts";
import {
  defineRole,
  MAIN_NODE,
  type MessageHandler,
  nodeOf,
  type Role,
  type RoleDefinition,
  type Services,
} from "../runtime/role.ts";
import {
  type ConfigurationClients,
  configurationDigest,
  GROUP_SETTINGS,
  groupName,
  isNotice,
  isProved,
  keyringIn,
  type Notice,
  replicasOf,
} from "./configuration_group.ts";
import { makeMemberKeys, type MemberKeys, publicKeysOf } from "./configuration_keys.ts";
import { Convictions } from "./configuration_convictions.ts";
import { Crier } from "./configuration_crier.ts";
import { relayHandler, sendingVia, type Via, withServices } from "./configuration_relay.ts";
import { isRecord } from "./guards.ts";
import { Keys } from "./pbft_keys.ts";
import { ReplicaActor, type ReplicaSettings } from "./pbft_replica.ts";
import type { StateMachine } from "./pbft_service.ts";

/** Configuration of such a role. */
export interface ConfigurationReplicaConfig {
  /** What the cluster begins with. */
  readonly configuration: Configuration;
  /** Its keys in the first generation. */
  readonly keys: MemberKeys;
  readonly clients: ConfigurationClients;
  /** Who hands messages on to nodes that no link leads to. */
  readonly via: Via;
  /** What differs from {@link GROUP_SETTINGS}. */
  readonly settings?: Partial<ReplicaSettings>;
  /** Whether its process may order it to lie. Default false. */
  readonly faults?: boolean;
}

/** What is kept of the generation it is in. */
type GenerationRow = { readonly start: Configuration; readonly keys: MemberKeys };

const GENERATION_ROW = "generation/now";
const RENEWED_ROW = "generation/renewed";
const STATE_ROWS = "state/";
const POLL_MS = 20;

/** The role. */
export const configurationRole: RoleDefinition<ConfigurationReplicaConfig> = defineRole({
  name: "configuration",
  create: (services, config) => new ConfigurationReplica(services, config),
});

class ConfigurationReplica implements Role {
  messages: Readonly<Record<string, MessageHandler>> = {};
  readonly #services: Services;
  #replica: ReplicaActor | undefined;
  #generation: GenerationRow;
  #now: Configuration;
  #keys: Keys;
  readonly #crier: Crier;
  /** Who has told of a later generation. */
  #told: Record<string, { readonly epoch: number; readonly digest: string }> = {};
  #starts = new Map<string, Configuration>();
  #switching = false;

  constructor(
    private readonly plain: Services,
    private readonly config: ConfigurationReplicaConfig,
  ) {
    this.#services = sendingVia(plain, config.via);
    this.#generation = { start: config.configuration, keys: config.keys };
    this.#now = config.configuration;
    this.#keys = this.#keysNow();
    this.#crier = new Crier({
      services: this.#services,
      first: config.configuration.epoch,
      subscribers: Object.values(config.clients).map(({ address }) => address),
      members: () => replicasOf(this.#now),
      now: () => this.#now,
      start: () => this.#generation.start,
      self: () => ({ index: this.#index, keys: this.#keys }),
    });
  }

  get #index(): number {
    return this.#generation.start.members.findIndex(({ node }) => node === this.plain.node);
  }

  #keysNow(): Keys {
    const { start, keys } = this.#generation;
    return new Keys(keyringIn(start, this.config.clients, String(this.#index), keys));
  }

  // Life -------------------------------------------------------------------------------------

  recover(): void {
    const store = this.plain.openStore();
    const row = store.get(GENERATION_ROW) as unknown as GenerationRow | undefined;
    if (row !== undefined) this.#generation = row;
    this.#begin();
  }

  /** Becomes a replica of the group of the present generation. */
  #begin(): void {
    const { start, keys } = this.#generation;
    const { clients, settings, faults = false } = this.config;
    this.#now = start;
    this.#keys = this.#keysNow();
    const machine: StateMachine<Configuration, ConfigurationOperation, ConfigurationReply> = {
      initial: start,
      apply: (state, operation, client) => this.#apply(state, operation, client),
      isReadOnly: (operation) => isRecord(operation) && operation["op"] === "get",
    };
    const services = withServices(this.#services, { openStore: () => this.plain.store });
    const index = this.#index;
    const convictions = new Convictions({
      services,
      index,
      start,
      now: () => this.#now,
      hear: (evidence) => replica.hearEvidence(evidence),
    });
    const replica: ReplicaActor = new ReplicaActor(
      services,
      {
        group: groupName(start),
        replicas: replicasOf(start),
        faulty: start.faulty,
        index,
        keyring: keyringIn(start, clients, String(index), keys),
        clients: Object.fromEntries(
          Object.entries(clients).map(([name, { address }]) => [name, address]),
        ),
        settings: { ...GROUP_SETTINGS, ...settings },
        faults,
      },
      machine as StateMachine,
      {
        changed: (state) => this.#changed(state as Configuration),
        accused: (evidence) => convictions.accuse(evidence),
      },
    );
    this.#replica = replica;
    this.messages = this.#handlers(replica, convictions);
    replica.recover();
  }

  /** After a change of members the group has nothing more to decide: the next one goes on. */
  #apply(
    state: Configuration,
    operation: ConfigurationOperation,
    client: string,
  ): readonly [Configuration, ConfigurationReply] {
    if (state.generation === this.#generation.start.generation) {
      return applyConfiguration(state, operation, client);
    }
    const message = "the members have changed: ask those of now";
    return [state, { ok: false, epoch: state.epoch, reason: "stale", message }];
  }

  serve(): void {
    this.#replica!.serve();
    this.#crier.silent = false;
  }

  stop(): void {
    this.#crier.silent = true;
    this.#replica?.stop();
    this.#replica = undefined;
  }

  stats(): Record<string, unknown> {
    const { epoch, generation, convicted } = this.#now;
    return {
      ...this.#replica?.stats(),
      configuration: { epoch, generation, convicted: { ...convicted } },
    };
  }

  #changed(state: Configuration): void {
    this.#now = state;
    if (state.generation > this.#generation.start.generation) {
      this.#awaitStable(state, this.#replica!.progress.executed + 1);
    }
    this.#crier.tell();
  }

  // Messages ---------------------------------------------------------------------------------

  #handlers(
    replica: ReplicaActor,
    convictions: Convictions,
  ): Record<string, MessageHandler> {
    const known = () => [...this.#crier.audience, this.plain.address];
    return {
      ...convictions.guard(replica.messages),
      ...convictions.messages,
      relay: relayHandler(this.#services, known, () => this.messages),
      ...this.#crier.messages,
      "configuration.notice": {
        accepts: isNotice,
        handle: (notice: Notice, envelope) => this.#noticed(notice, envelope),
      },
      "configuration.renew": {
        accepts: () => true,
        handle: (_, envelope) => this.#renew(envelope),
      },
    };
  }

  // Members ----------------------------------------------------------------------------------

  /** New keys, to be ordered; the secret ones stay here. */
  #renew(envelope: Envelope): void {
    if (nodeOf(envelope.from) !== MAIN_NODE) {
      this.plain.deadLetter("forbidden", envelope);
      return this.plain.fail(envelope, "forbidden");
    }
    const { plain } = this;
    // Those that were told before may be ordered yet: others would be of no use then.
    const told = plain.store.get(RENEWED_ROW) as unknown as MemberKeys | undefined;
    const keys = told ?? makeMemberKeys((count) => plain.random.bytes(count));
    if (told === undefined) plain.store.put(RENEWED_ROW, { ...keys });
    this.#whenWritten(() => plain.reply(envelope, { node: plain.node, ...publicKeysOf(keys) }));
  }

  /** Does something when all that was put into the store is durable. */
  #whenWritten(then: () => void): void {
    const { timers, clock, store } = this.plain;
    if (!store.dirty) return then();
    timers.set(clock.now() + POLL_MS, () => this.#whenWritten(then));
  }

  /** Q replicas have this state: the next group begins with it. */
  #awaitStable(start: Configuration, sequence: number): void {
    const { timers, clock } = this.plain;
    if (start.generation <= this.#generation.start.generation) return;
    const { stable = 0 } = this.#replica?.progress ?? {};
    if (stable >= sequence) return this.#switchTo(start);
    timers.set(clock.now() + POLL_MS, () => this.#awaitStable(start, sequence));
  }

  /** One that missed the end of its group is told by f + 1 of it. */
  #noticed(notice: Notice, envelope: Envelope): void {
    const { start } = this.#generation;
    const { configuration } = notice;
    const isNext = notice.generation === start.generation &&
      configuration.generation > start.generation;
    if (!isNext || !isProved(notice, this.#keys)) {
      if (configuration.generation <= start.generation) return this.#confirm(envelope.from);
      return this.plain.deadLetter("forbidden", envelope);
    }
    const digest = configurationDigest(configuration);
    this.#starts.set(digest, configuration);
    this.#told = { ...this.#told, [notice.from]: { epoch: configuration.epoch, digest } };
    const believed = believable(this.#told, start.faulty, start.epoch);
    if (believed !== undefined) this.#switchTo(this.#starts.get(believed)!);
  }

  #confirm(to: Address): void {
    const { epoch, generation } = this.#generation.start;
    this.#services.send(to, "configuration.heard", { epoch, generation });
  }

  /** Leaves its group for the next one: with an empty log, and the keys that were ordered. */
  #switchTo(start: Configuration): void {
    if (this.#switching || this.#replica === undefined) return;
    this.#switching = this.#crier.silent = true;
    const { plain } = this;
    const { store } = plain;
    const renewed = store.get(RENEWED_ROW) as unknown as MemberKeys | undefined;
    const ordered = start.members.find(({ node }) => node === plain.node)?.publicKey;
    const isRenewed = renewed !== undefined && publicKeysOf(renewed).publicKey === ordered;
    const keys = isRenewed ? renewed : this.#generation.keys;
    this.#replica.stop();
    this.#generation = { start, keys };
    for (const [key] of [...store.scan(STATE_ROWS)]) store.put(key, null);
    store.put(GENERATION_ROW, this.#generation as unknown as Value);
    if (isRenewed) store.put(RENEWED_ROW, null);
    store.checkpoint([]);
    this.#told = {};
    this.#starts.clear();
    plain.log("info", `${plain.address} is a member of ${groupName(start)}`);
    this.#whenWritten(() => {
      this.#switching = false;
      this.#begin();
      this.serve();
    });
  }
}
