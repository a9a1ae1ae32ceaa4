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
import type { Address } from "../runtime/ports.ts";
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
  configurationDigest,
  GROUP_SETTINGS,
  groupName,
  isNotice,
  isProved,
  keyringIn,
  type Notice,
  replicasOf,
} from "./configuration_group.ts";
import {
  type ConfigurationReplicaConfig,
  enterGeneration,
  generationIn,
  type GenerationRow,
  type Proved,
  renewedKeys,
  type Tale,
} from "./configuration_generation.ts";
import { publicKeysOf } from "./configuration_keys.ts";
import { Convictions } from "./configuration_convictions.ts";
import { Crier } from "./configuration_crier.ts";
import { relayHandler, sendingVia, withServices } from "./configuration_relay.ts";
import { isRecord } from "./guards.ts";
import { Keys } from "./pbft_keys.ts";
import { ReplicaActor } from "./pbft_replica.ts";
import type { StateMachine } from "./pbft_service.ts";

export type { ConfigurationReplicaConfig } from "./configuration_generation.ts";

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
  #convictions: Convictions | undefined;
  #generation: GenerationRow;
  #now: Configuration;
  #keys: Keys;
  readonly #crier: Crier;
  /** Who has told of a later generation. */
  #told: Record<string, Tale> = {};
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
      self: (generation) => ({ index: this.#index, keys: this.#keysOf(generation) }),
    });
  }

  /** What convicts a member, also of an earlier group: those who are replaced are remembered. */
  get #evidence(): readonly Proved[] {
    const now = this.#replica?.stats()["evidence"] as Proved[] | undefined;
    return [...this.#generation.earlier ?? [], ...now ?? []];
  }

  get #index(): number {
    return this.#generation.start.members.findIndex(({ node }) => node === this.plain.node);
  }

  #keysNow(): Keys {
    const { start, keys } = this.#generation;
    return new Keys(keyringIn(start, this.config.clients, String(this.#index), keys));
  }

  /** What those who go by the members of a generation can verify. */
  #keysOf(generation: number): Keys {
    const { start, keys, before = keys } = this.#generation;
    if (generation === start.generation) return this.#keys;
    return new Keys(keyringIn(start, this.config.clients, String(this.#index), before));
  }

  // Life -------------------------------------------------------------------------------------

  recover(): void {
    const store = this.plain.openStore();
    this.#generation = generationIn(store) ?? this.#generation;
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
    this.#convictions = convictions;
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
    this.#convictions?.stop();
    this.#replica = undefined;
  }

  stats(): Record<string, unknown> {
    const { epoch, generation, convicted } = this.#now;
    return {
      ...this.#replica?.stats(),
      evidence: this.#evidence,
      configuration: { epoch, generation, convicted: { ...convicted } },
    };
  }

  #changed(state: Configuration): void {
    this.#now = state;
    if (state.generation > this.#generation.start.generation) {
      this.#awaitStable(state, this.#replica!.progress.executed + 1);
      // Those that were first to leave do not vote any more: what it has executed counts as told.
      this.#tell(this.#index, state);
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
      relay: relayHandler(this.#services, this.config.via, known, () => this.messages),
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
    const keys = renewedKeys(plain.store, (count) => plain.random.bytes(count));
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
    this.#tell(notice.from, configuration);
  }

  #tell(from: number, configuration: Configuration): void {
    const { start } = this.#generation;
    const { epoch } = configuration;
    const digest = configurationDigest(configuration);
    this.#told = { ...this.#told, [from]: { epoch, digest, configuration } };
    const believed = believable(this.#told, start.faulty, start.epoch);
    const found = Object.values(this.#told).find((tale) => tale.digest === believed);
    if (found === undefined) return;
    // Not in the middle of an execution.
    const { timers, clock } = this.plain;
    timers.set(clock.now(), () => this.#switchTo(found.configuration));
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
    const proved = this.#evidence;
    this.#replica.stop();
    this.#convictions?.stop();
    this.#generation = enterGeneration(plain.store, plain.node, this.#generation, start, proved);
    this.#told = {};
    plain.log("info", `${plain.address} is a member of ${groupName(start)}`);
    this.#whenWritten(() => {
      this.#switching = false;
      this.#begin();
      this.serve();
    });
  }
}
