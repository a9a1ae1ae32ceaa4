/**
 * Replicas that lie: what a faulty member of a group can do with its own key, as behaviours that are
 * switched on in a replica's role, alone or together. They change what it says; what it could not sign
 * it cannot say.
 *
 * @module
 */
import {
  type Digest,
  NULL_DIGEST,
  type ReplicaMessage,
  type RequestId,
} from "../protocols/pbft/messages.ts";
import { sha256 } from "./pbft_keys.ts";
import type { Proof } from "./pbft_wire.ts";

/** Ways to be faulty. */
export const BEHAVIOURS = [
  /** Says nothing. */
  "silent",
  /** As primary tells some replicas one batch and the others another. */
  "equivocate",
  /** Votes for digests that nobody proposed. */
  "wrongDigest",
  /** Signs and authenticates wrongly. */
  "forgedSignature",
  /** Says again what it and others said in earlier views. */
  "replayOldViews",
  /** Votes for what was proposed and for something else. */
  "voteForBoth",
  /** As primary orders nothing of some clients. */
  "skipRequests",
  /** As primary orders the last request first. */
  "reorderRequests",
  /** Gives wrong digests of its state, and hands out wrong states. */
  "lyingCheckpoint",
  /** As new primary begins its view with something else than follows. */
  "forgedNewView",
  /** Says everything many times, and nonsense besides. */
  "flood",
  /** Says everything just before the others lose patience. */
  "delay",
] as const;

/** A way to be faulty. */
export type Behaviour = typeof BEHAVIOURS[number];

/** What a liar needs of its role. */
export interface LiarParts {
  /** Number of the replica. */
  readonly index: number;
  /** Another batch of the same requests or fewer: its digest. It is kept, so that it can be sent. */
  readonly otherBatch: (digest: Digest) => Digest;
  /** How long the others wait, in ms. */
  readonly viewTimeoutMs: () => number;
}

/** A message on its way out. */
export type Outgoing = { readonly type: string; readonly body: unknown };

const FLOOD = 8;
const REPLAYED = 40;
const ALMOST = 0.9;

/** One replica's behaviours. */
export class Liar {
  readonly #on: ReadonlySet<Behaviour>;
  readonly #heard: Outgoing[] = [];
  #replay = 0;

  /** With these behaviours; none: a correct replica. */
  constructor(readonly behaviours: readonly Behaviour[], private readonly parts: LiarParts) {
    this.#on = new Set(behaviours);
  }

  #is(behaviour: Behaviour): boolean {
    return this.#on.has(behaviour);
  }

  /** What it says to `to` instead of a message. */
  says(message: ReplicaMessage, to: number): readonly ReplicaMessage[] {
    if (this.#on.size === 0) return [message];
    if (this.#is("silent")) return [];
    const { type } = message;
    const isVote = type === "prepare" || type === "commit";
    if (this.#is("equivocate") && (type === "prePrepare" || type === "commit") && to % 2 === 1) {
      return [{ ...message, digest: this.parts.otherBatch(message.digest) }];
    }
    if (this.#is("wrongDigest") && isVote) {
      return [{ ...message, digest: sha256("wrong", message.digest) }];
    }
    if (this.#is("voteForBoth") && isVote) {
      const other = { ...message, digest: this.parts.otherBatch(message.digest) };
      // The first vote counts: to each what it may have heard of a primary that equivocates.
      return to % 2 === this.parts.index % 2 ? [message, other] : [other, message];
    }
    if (this.#is("lyingCheckpoint") && type === "checkpoint") {
      return [{ ...message, digest: sha256("lie", message.digest) }];
    }
    if (this.#is("forgedNewView") && type === "newView") {
      const assigned = message.assigned.length === 0
        ? [{ sequence: 1, digest: NULL_DIGEST }]
        : message.assigned.map((it) => ({ ...it, digest: NULL_DIGEST }));
      return [{ ...message, assigned }];
    }
    return [message];
  }

  /** Which requests it orders as primary, and how. */
  orders(requests: readonly RequestId[]): readonly RequestId[] {
    const chosen = this.#is("skipRequests")
      ? requests.filter(({ client }) => client.charCodeAt(client.length - 1) % 2 === 1)
      : requests;
    return this.#is("reorderRequests") ? [...chosen].reverse() : chosen;
  }

  /** A signature or authenticator, as it sends it. */
  proves(proof: Proof): Proof {
    return this.#is("forgedSignature") ? proof.map((byte) => byte ^ 0xff) : proof;
  }

  /** A piece of its state, as it hands it out. */
  handsOut(chunk: Uint8Array): Uint8Array {
    return this.#is("lyingCheckpoint") ? chunk.map((byte) => byte ^ 1) : chunk;
  }

  /** It has heard this from somebody. */
  hears(type: string, body: unknown): void {
    if (!this.#is("replayOldViews")) return;
    this.#heard.push({ type, body });
    if (this.#heard.length > REPLAYED) this.#heard.shift();
  }

  /** What goes out with a message. */
  sends(outgoing: Outgoing): readonly Outgoing[] {
    const all = [outgoing];
    if (this.#is("replayOldViews")) {
      const old = this.#heard[this.#replay++ % Math.max(1, this.#heard.length)];
      if (old !== undefined) all.push(old);
      this.hears(outgoing.type, outgoing.body);
    }
    if (this.#is("flood")) {
      for (let i = 0; i < FLOOD; i++) {
        all.push(outgoing, { type: outgoing.type, body: { nonsense: i } });
      }
    }
    return all;
  }

  /** How long it holds what it says, in ms. */
  get delayMs(): number {
    return this.#is("delay") ? ALMOST * this.parts.viewTimeoutMs() : 0;
  }
}

/** Whether a value is a list of behaviours. */
export function isBehaviours(value: unknown): value is readonly Behaviour[] {
  return Array.isArray(value) && value.every((it) => BEHAVIOURS.includes(it));
}
