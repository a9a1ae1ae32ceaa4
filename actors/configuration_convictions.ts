/**
 * What follows when a member of the group is caught: all members are shown the evidence and hear it no
 * more, and each has its node accuse it, so that the group orders the conviction.
 *
 * @module
 */
import type {
  Configuration,
  ConfigurationOperation,
} from "../protocols/configuration/configuration.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import { replicasOf } from "./configuration_group.ts";
import { isRecord } from "./guards.ts";
import type { Evidence } from "./pbft_evidence.ts";

/** What convictions work on. */
export interface ConvictionParts {
  readonly services: Services;
  /** Number in the group. */
  readonly index: number;
  /** What the group began with. */
  readonly start: Configuration;
  readonly now: () => Configuration;
  /** Takes evidence of another member; whether it convicts. @throws {Error} for what is none */
  readonly hear: (evidence: Evidence) => boolean;
}

/** Who was caught, in one group. */
export class Convictions {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #caught = new Set<number>();
  readonly #replicas: readonly Address[];

  constructor(private readonly parts: ConvictionParts) {
    this.#replicas = replicasOf(parts.start);
    this.messages = {
      "configuration.evidence": {
        accepts: isRecord,
        handle: (evidence: Evidence, envelope) => this.#heard(evidence, envelope),
      },
    };
  }

  /** A convicted replica counts as a silent one: nothing it says itself is heard any more. */
  isIsolated(from: Address): boolean {
    const replica = this.#replicas.indexOf(from);
    if (replica < 0) return false;
    return this.#caught.has(replica) || this.parts.now().convicted[replica] !== undefined;
  }

  /** Handlers that isolated members are not heard by. */
  guard(messages: Readonly<Record<string, MessageHandler>>): Record<string, MessageHandler> {
    const guarded = Object.entries(messages).map(([type, { accepts, handle }]) => {
      const guard = (body: never, envelope: Envelope) => {
        if (!this.isIsolated(envelope.from)) return handle(body, envelope);
        this.parts.services.deadLetter("forbidden", envelope);
      };
      return [type, { accepts, handle: guard }] as const;
    });
    return Object.fromEntries(guarded);
  }

  /** This replica has evidence. */
  accuse(evidence: Evidence): void {
    const { services, index, start: { generation } } = this.parts;
    const { replica, offence } = evidence;
    if (replica === index) return;
    this.#caught.add(replica);
    for (const address of this.#replicas) {
      if (address !== services.address) services.send(address, "configuration.evidence", evidence);
    }
    const order = { op: "accuse", generation, replica, offence } satisfies ConfigurationOperation;
    services.send(`${services.node}/node`, "order", order);
  }

  /** Evidence convicts whoever shows it. */
  #heard(evidence: Evidence, envelope: Envelope): void {
    let isFound = false;
    try {
      if (evidence.replica === this.parts.index) return; // It knows best.
      isFound = this.#replicas.includes(envelope.from) && this.parts.hear(evidence);
    } catch {
      // Not even the shape of evidence.
    }
    if (!isFound) this.parts.services.deadLetter("forbidden", envelope);
  }
}
