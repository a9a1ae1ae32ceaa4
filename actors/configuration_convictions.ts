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

/** Until those who have not accused are shown the evidence again, in ms: links lose messages. */
const TELL_MS = 1000;

/** Who was caught, in one group. */
export class Convictions {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  /** One piece of evidence each is enough. */
  readonly #caught = new Map<number, Evidence>();
  #stopped = false;
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
    const { replica } = evidence;
    if (replica === this.parts.index || this.#caught.has(replica)) return;
    this.#caught.set(replica, evidence);
    this.#tell(evidence);
  }

  /** Says no more: another group has taken over, or the role ends. */
  stop(): void {
    this.#stopped = true;
  }

  /** Shows it to those who have not accused yet, and accuses, until the group has convicted. */
  #tell(evidence: Evidence): void {
    const { services, start: { generation, members }, now } = this.parts;
    const { replica, offence } = evidence;
    const { accusers, convicted, generation: latest } = now();
    if (this.#stopped || convicted[replica] !== undefined || latest !== generation) return;
    const heard = accusers[replica] ?? [];
    for (const [index, address] of this.#replicas.entries()) {
      if (address === services.address || heard.includes(members[index]!.node)) continue;
      services.send(address, "configuration.evidence", evidence);
    }
    if (!heard.includes(services.node)) {
      const order = { op: "accuse", generation, replica, offence } satisfies ConfigurationOperation;
      services.send(`${services.node}/node`, "order", order);
    }
    services.timers.set(services.clock.now() + TELL_MS, () => this.#tell(evidence));
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
