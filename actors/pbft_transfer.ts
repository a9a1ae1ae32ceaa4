/**
 * Fetching by digest: states that are stable and batches that are committed. Whoever has them may
 * answer, since the digest tells whether it is them.
 *
 * @module
 */
import type { Assigned } from "../protocols/pbft/messages.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import { AskFailed, type MessageHandler, type Services } from "../runtime/role.ts";
import { isIndex, isRecord } from "./guards.ts";
import { sha256 } from "./pbft_keys.ts";
import { digestOfHashes, type Service, type Snapshot } from "./pbft_service.ts";
import { isAssigned, isBytes, isDigest, isListOf } from "./pbft_wire.ts";

/** What a transfer works with. */
export interface TransferParts {
  readonly services: Services;
  readonly replicas: readonly Address[];
  readonly service: Service;
  /** How long one answer may take, in ms. */
  readonly timeoutMs: number;
  /** What is handed out: a liar spoils it. */
  readonly handOut: (chunk: Uint8Array) => Uint8Array;
}

/** The chunks of a state, or why there are none: silence is answered by asking another. */
export type Fetched =
  | { readonly chunks: readonly Uint8Array[] }
  | { readonly failed: "wrong" | "silent" };

/** Fetches states, and hands them out. */
export class Transfer {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  /** Chunks that were right, by hash: a transfer goes on at another source, or for a later state. */
  readonly #chunks = new Map<string, Uint8Array>();
  /** Answers that were not what their digest says. */
  wrong = 0;

  constructor(private readonly parts: TransferParts) {
    this.messages = {
      "pbft.manifest": {
        accepts: isAssigned,
        handle: (body: Assigned, envelope) => this.#answer(envelope, body, ({ hashes }) => hashes),
      },
      "pbft.chunk": {
        accepts: (body) =>
          isAssigned(body) && isIndex((body as unknown as Record<string, unknown>)["index"]),
        handle: (body: Assigned & { readonly index: number }, envelope) =>
          this.#answer(envelope, body, ({ chunks }) => {
            const chunk = chunks[body.index];
            return chunk === undefined ? undefined : this.parts.handOut(chunk);
          }),
      },
    };
  }

  #answer(envelope: Envelope, checkpoint: Assigned, of: (snapshot: Snapshot) => unknown): void {
    const { services, service } = this.parts;
    const snapshot = service.snapshot(checkpoint);
    const answer = snapshot === undefined ? undefined : of(snapshot);
    if (answer === undefined) services.fail(envelope, "unknown");
    else services.reply(envelope, answer);
  }

  /** Fetches a state from one replica. */
  async fetch(checkpoint: Assigned, from: number): Promise<Fetched> {
    try {
      const hashes = await this.#ask(from, "pbft.manifest", checkpoint);
      if (!isListOf(hashes, isDigest) || digestOfHashes(hashes) !== checkpoint.digest) {
        return this.#spoilt();
      }
      const needed = new Set(hashes);
      for (const hash of this.#chunks.keys()) if (!needed.has(hash)) this.#chunks.delete(hash);
      for (const [index, hash] of hashes.entries()) {
        if (this.#chunks.has(hash)) continue;
        const chunk = await this.#ask(from, "pbft.chunk", { ...checkpoint, index });
        if (!isBytes(chunk) || sha256(chunk) !== hash) return this.#spoilt();
        this.#chunks.set(hash, chunk);
      }
      return { chunks: hashes.map((hash) => this.#chunks.get(hash)!) };
    } catch (error) {
      if (!(error instanceof AskFailed)) throw error;
      return { failed: "silent" };
    }
  }

  #spoilt(): Fetched {
    this.wrong++;
    return { failed: "wrong" };
  }

  #ask(from: number, type: string, body: unknown): Promise<unknown> {
    const { services, replicas, timeoutMs } = this.parts;
    return services.ask(replicas[from]!, type, body, timeoutMs);
  }

  /** Whether a body asks for a batch. */
  static isBatchRequest(body: unknown): body is { readonly digest: string } {
    return isRecord(body) && isDigest(body["digest"]);
  }
}
