/**
 * The roster of one node, or of the operator: the configuration of the cluster as it has heard it from
 * f + 1 replicas, and a client through which the roles beside it order changes.
 *
 * | message                | from                | body                     | answer              |
 * | ---------------------- | ------------------- | ------------------------ | ------------------- |
 * | `configuration.notice` | replicas            | a configuration, signed  |                     |
 * | `order`                | roles of the node   | an operation             | what came of it     |
 * | `roster.get`           | roles of the node   |                          | `roster`, as a message |
 *
 * @module
 */
import {
  believable,
  type Configuration,
  isOperation,
} from "../protocols/configuration/configuration.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import { type MessageHandler, nodeOf, type Services } from "../runtime/role.ts";
import {
  clientIn,
  type ConfigurationClients,
  configurationDigest,
  isNotice,
  isProved,
  type Notice,
  replicasOf,
} from "./configuration_group.ts";
import type { MemberKeys } from "./configuration_keys.ts";
import { relayHandler, sendingVia, type Via } from "./configuration_relay.ts";
import { Keys } from "./pbft_keys.ts";
import { PbftClient, type PbftClientConfig } from "./pbft_client.ts";

/** What a roster begins with. */
export interface RosterConfig {
  /** What the cluster begins with. */
  readonly configuration: Configuration;
  /** Under which it orders. */
  readonly name: string;
  /** What it signs its orders with. */
  readonly keys: MemberKeys;
  /** All who may order. */
  readonly clients: ConfigurationClients;
  /** Who hands messages on to replicas that no link leads to. */
  readonly via: Via;
}

type Tale = {
  readonly epoch: number;
  readonly digest: string;
  readonly configuration: Configuration;
};

const PULL_MS = 1000;

/** Hears of the configuration, and orders changes of it. */
export class Roster {
  /** What its role understands of it. */
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #services: Services;
  #now: Configuration;
  #keys: Keys;
  #client: PbftClient;
  /** The last that each replica has told. */
  #told: Record<string, Tale> = {};
  #answered = new Set<number>();
  #stopped = false;

  /** Believes what the cluster begins with. @param changed called with all that is believed later */
  constructor(
    services: Services,
    private readonly config: RosterConfig,
    private readonly changed: (configuration: Configuration) => void,
  ) {
    this.#services = sendingVia(services, config.via);
    this.#now = config.configuration;
    const client = this.#clientConfig();
    this.#keys = new Keys(client.keyring);
    this.#client = new PbftClient(this.#services, client);
    const own = (envelope: Envelope) => nodeOf(envelope.from) === services.node;
    const known = () => [...replicasOf(this.#now), services.address];
    this.messages = {
      relay: relayHandler(this.#services, config.via, known, () => this.messages),
      "configuration.notice": {
        accepts: isNotice,
        handle: (notice: Notice, envelope) => this.#noticed(notice, envelope),
      },
      "pbft.reply": this.#clients("pbft.reply"),
      "pbft.part": this.#clients("pbft.part"),
      order: {
        accepts: isOperation,
        handle: (operation, envelope) => {
          if (!own(envelope)) return this.#refuse(envelope);
          this.#order(operation, envelope);
        },
      },
      "roster.get": {
        accepts: () => true,
        handle: (_, envelope) => {
          if (own(envelope)) services.send(envelope.from, "roster", this.#now);
          else this.#refuse(envelope);
        },
      },
    };
  }

  /** What it believes. */
  get now(): Configuration {
    return this.#now;
  }

  /** What the client of the present group makes of a message. */
  #clients(type: string): MessageHandler {
    return {
      accepts: (body) => this.#client.messages[type]!.accepts(body),
      handle: (body, envelope) => this.#client.messages[type]!.handle(body, envelope),
    };
  }

  #order(operation: unknown, asked: Envelope): void {
    this.#client.messages["invoke"]!.handle({ operation } as never, asked);
  }

  #refuse(envelope: Envelope): void {
    this.#services.deadLetter("forbidden", envelope);
    this.#services.fail(envelope, "forbidden");
  }

  #clientConfig(): PbftClientConfig {
    const { clients, name, keys } = this.config;
    return clientIn(this.#now, clients, name, keys);
  }

  /** Asks all replicas, before long, what it may have missed. */
  serve(): void {
    const { timers, clock } = this.#services;
    timers.set(clock.now() + PULL_MS, () => this.#pull());
  }

  /** Hears no more. */
  stop(): void {
    this.#stopped = true;
    this.#client.stop();
  }

  #pull(): void {
    const { members, faulty } = this.#now;
    if (this.#stopped || this.#answered.size >= members.length - faulty) return;
    const { epoch, generation } = this.#now;
    replicasOf(this.#now).forEach((address, index) => {
      if (this.#answered.has(index)) return;
      this.#services.send(address, "configuration.get", { epoch, generation });
    });
    const { timers, clock } = this.#services;
    timers.set(clock.now() + PULL_MS, () => this.#pull());
    this.#services.wake();
  }

  #noticed(notice: Notice, envelope: Envelope): void {
    const { from, configuration, generation } = notice;
    const { epoch } = configuration;
    // Those of before say so to one who is there already: they are to stop.
    if (generation < this.#now.generation) return this.#confirm(envelope.from);
    if (generation !== this.#now.generation || !isProved(notice, this.#keys)) {
      return this.#services.deadLetter("forbidden", envelope);
    }
    this.#answered.add(from);
    if (epoch > (this.#told[from]?.epoch ?? this.#now.epoch)) {
      const tale = { epoch, digest: configurationDigest(configuration), configuration };
      this.#told = { ...this.#told, [from]: tale };
      const believed = believable(this.#told, this.#now.faulty, this.#now.epoch);
      const found = Object.values(this.#told).find(({ digest }) => digest === believed);
      if (found !== undefined) this.#believe(found.configuration);
    }
    this.#confirm(envelope.from);
  }

  #confirm(to: Address): void {
    const { epoch, generation } = this.#now;
    this.#services.send(to, "configuration.heard", { epoch, generation });
  }

  #believe(configuration: Configuration): void {
    const before = this.#now;
    this.#now = configuration;
    if (configuration.generation !== before.generation) {
      // The old group answers no more: the new one is asked. What it has done already it does not
      // do again (see `applyConfiguration`).
      const withdrawn = this.#client.withdraw();
      const client = this.#clientConfig();
      this.#keys = new Keys(client.keyring);
      this.#client = new PbftClient(this.#services, client);
      this.#told = {};
      withdrawn.forEach(({ operation, asked }) => this.#order(operation, asked));
    }
    for (const address of replicasOf(configuration)) this.#confirm(address);
    this.changed(configuration);
  }
}
