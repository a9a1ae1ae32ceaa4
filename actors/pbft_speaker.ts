/**
 * What a replica says, with signatures, authenticators, proofs and operations; a liar speaks here too.
 *
 * @module
 */
import {
  type Assigned,
  type Digest,
  NULL_DIGEST,
  type ReplicaMessage,
} from "../protocols/pbft/messages.ts";
import { isSameAssignment, primaryOf } from "../protocols/pbft/rules.ts";
import type { Address } from "../runtime/ports.ts";
import type { Services } from "../runtime/role.ts";
import type { Liar, Outgoing } from "./byzantine.ts";
import { type Authority, batchDigest } from "./pbft_authority.ts";
import { inParts, PartQueues } from "./pbft_parts.ts";
import type { Proofs } from "./pbft_proofs.ts";
import { newViewBytes, type NewViewWire, type Proof, type ViewChangeWire } from "./pbft_wire.ts";

/** What a speaker needs. */
export interface SpeakerParts {
  readonly services: Services;
  readonly config: { readonly replicas: readonly Address[]; readonly index: number };
  readonly authority: Authority;
  readonly proofs: Proofs;
  readonly liar: () => Liar;
}

/** Speaks for one replica. */
export class Speaker {
  #partId: number;
  readonly #queues: PartQueues;

  constructor(private readonly parts: SpeakerParts) {
    const { services, config } = parts;
    this.#queues = new PartQueues({
      send: (to, part) => services.send(config.replicas[to]!, "pbft.part", part) !== "full",
      later: (ms, work) => void services.timers.set(services.clock.now() + ms, work),
    });
    // Those of an earlier life are not put together with these.
    this.#partId = parts.services.incarnation * 2 ** 24;
  }

  /** Says something to a replica. */
  say(message: ReplicaMessage, to: number): void {
    for (const said of this.parts.liar().says(message, to)) {
      const body = this.#wire(said, to);
      if (body !== undefined) this.post(to, { type: `pbft.${said.type}`, body });
    }
  }

  /** A message with signature or authenticator, proofs and operations; undefined: it has no batch. */
  #wire(message: ReplicaMessage, to: number): unknown {
    const { authority, proofs, config } = this.parts;
    const { index: from } = config;
    const proves = (proof: Proof) => this.parts.liar().proves(proof);
    switch (message.type) {
      case "prePrepare": {
        const { view, sequence, digest } = message;
        const known = proofs.accepted.get(sequence);
        const isKnown = known?.view === view && known.digest === digest;
        if (!isKnown && primaryOf(view, authority.group) !== from) return undefined;
        const batch = digest === NULL_DIGEST ? [] : proofs.batches.get(digest);
        if (batch === undefined) return undefined;
        const signature = proves(isKnown ? known.signature : authority.sign(from, message));
        return { view, sequence, digest, signature, batch };
      }
      case "prepare": {
        const { view, sequence, digest } = message;
        const primary = proofs.accepted.get(sequence)?.signature ?? new Uint8Array();
        const signature = proves(authority.sign(from, message));
        return { view, sequence, digest, from, signature, primary };
      }
      case "checkpoint": {
        const { sequence, digest } = message;
        return { sequence, digest, from, signature: proves(authority.sign(from, message)) };
      }
      case "viewChange": {
        // The latest may be on its way to the disk: it is not said before.
        const wire = proofs.viewChanges.get(from);
        if (wire?.view !== message.view) return undefined;
        return { ...wire, signature: proves(wire.signature) };
      }
      case "newView": {
        const wire = proofs.newView;
        if (wire?.view !== message.view) return undefined;
        const isTrue = isSameContent(wire.assigned, message.assigned);
        const said = isTrue ? wire : this.newViewWire(message, wire.viewChanges);
        return { ...said, signature: proves(said.signature) };
      }
      case "commit":
      case "status": {
        const { type: _, ...content } = message;
        return { ...content, from, mac: proves(authority.mac(to, from, message)) };
      }
    }
  }

  /** Sends something to a replica. */
  post(to: number, outgoing: Outgoing): void {
    const { liar, services } = this.parts;
    for (const it of liar().sends(outgoing)) {
      const { delayMs } = liar();
      if (delayMs === 0) this.#transmit(to, it);
      else services.timers.set(services.clock.now() + delayMs, () => this.#transmit(to, it));
    }
  }

  #transmit(to: number, { type, body }: Outgoing): void {
    const { services, config } = this.parts;
    const id = this.#partId++;
    const parts = isLong(type) ? inParts(type, id, body) : undefined;
    if (parts !== undefined) return this.#queues.add(to, subjectOf(type, id, body), parts);
    services.send(config.replicas[to]!, type, body, { urgent: !isLong(type) });
  }

  /** A new view with what proves it, signed. */
  newViewWire(
    newView: Extract<ReplicaMessage, { readonly type: "newView" }>,
    viewChanges: readonly ViewChangeWire[],
  ): NewViewWire {
    const { authority, config } = this.parts;
    const { view } = newView;
    const assigned = newView.assigned.map((it) => {
      return {
        ...it,
        signature: authority.sign(config.index, { type: "prePrepare", view, ...it }),
      };
    });
    const wire = { view, viewChanges, assigned };
    return { ...wire, signature: authority.keys.sign(newViewBytes(authority.name, wire)) };
  }

  /** For a liar: the batch the other way round, or a single request twice; and back again. */
  otherBatch(digest: Digest): Digest {
    const { batches } = this.parts.proofs;
    const batch = batches.get(digest) ?? [];
    const [first, second] = batch;
    if (first === undefined) return NULL_DIGEST;
    const isTwice = batch.length === 2 && batchDigest([first]) === batchDigest([second!]);
    const other = isTwice ? [first] : batch.length === 1 ? [first, first] : [...batch].reverse();
    const otherDigest = batchDigest(other);
    batches.set(otherDigest, other);
    return otherDigest;
  }
}

function isSameContent(a: readonly Assigned[], b: readonly Assigned[]): boolean {
  return a.length === b.length && a.every((it, index) => isSameAssignment(it, b[index]!));
}

/** Two messages about the same are one. */
function subjectOf(type: string, id: number, body: unknown): string {
  if (Array.isArray(body)) return `${type} ${id}`;
  const { view, sequence } = body as { readonly view?: number; readonly sequence?: number };
  return `${type} ${view} ${sequence}`;
}

/** What may need more than a frame. */
function isLong(type: string): boolean {
  return ["pbft.prePrepare", "pbft.viewChange", "pbft.newView", "pbft.batch"].includes(type);
}
