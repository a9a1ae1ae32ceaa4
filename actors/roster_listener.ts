/**
 * How a role hears of the configuration: from its own node alone, which has it from f + 1 replicas.
 *
 * @module
 */
import type { Configuration } from "../protocols/configuration/configuration.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import { isConfiguration } from "./configuration_group.ts";

/** Hears of configurations, each epoch once and in order. */
export class RosterListener {
  /** To be taken up into those of the role. */
  readonly messages: Readonly<Record<string, MessageHandler>>;
  #now: Configuration | undefined;

  /** @param heard called with each later configuration */
  constructor(
    private readonly services: Services,
    private readonly heard: (configuration: Configuration) => void,
  ) {
    this.messages = {
      roster: {
        accepts: isConfiguration,
        handle: (configuration: Configuration, envelope) => this.#hear(configuration, envelope),
      },
    };
  }

  /** The last that was heard. */
  get now(): Configuration | undefined {
    return this.#now;
  }

  /** Asks the node what it knows: it may have told an earlier incarnation. */
  ask(): void {
    this.services.send(this.#node, "roster.get", null);
  }

  get #node(): string {
    return `${this.services.node}/node`;
  }

  #hear(configuration: Configuration, envelope: Envelope): void {
    if (envelope.from !== this.#node) return this.services.deadLetter("forbidden", envelope);
    if (configuration.epoch <= (this.#now?.epoch ?? 0)) return;
    this.#now = configuration;
    this.heard(configuration);
  }
}
