/**
 * Reads on their way from an edge to the cloud: an edge reaches a participant only through here.
 *
 * @module
 */
import type { Envelope } from "../runtime/codec.ts";
import { AskFailed, type MessageHandler, type Services } from "../runtime/role.ts";
import { isIndex, isRecord } from "./guards.ts";
import type { ReadReply, ReadRequest } from "./reader.ts";

/** A read to pass on to the participants that keep some shards. */
export interface Forward {
  readonly shard: number;
  /** Other shards, to be asked at the same time. */
  readonly also?: readonly number[];
  readonly read: ReadRequest;
}

const LONGEST_MS = 5000;

/** Handles reads by asking the participant that keeps their shard. */
export function forwardReads(
  services: Services,
  participantOf: readonly string[],
  mayAsk: (from: string) => boolean,
): MessageHandler {
  const forward = async (request: Forward, envelope: Envelope): Promise<void> => {
    if (!mayAsk(envelope.from)) {
      services.deadLetter("forbidden", envelope);
      return services.fail(envelope, "forbidden");
    }
    const keepers = [request.shard, ...request.also ?? []].map((shard) => participantOf[shard]);
    if (keepers.includes(undefined)) return services.fail(envelope, "invalidBody");
    const all = [...new Set(keepers as string[])];
    const left = (envelope.metadata.deadline ?? Infinity) - services.clock.now();
    if (left <= 0) return; // Nobody waits any more.
    try {
      const patience = Math.min(left, LONGEST_MS);
      const ask = (to: string) => services.ask(to, "read", request.read, patience);
      const replies = await Promise.all(all.map(ask));
      services.reply(envelope, merged(replies));
    } catch (error) {
      if (!(error instanceof AskFailed)) throw error;
      services.fail(envelope, error.reason);
    }
    services.wake();
  };
  return {
    accepts: isForward,
    handle: (body: Forward, envelope) => void forward(body, envelope),
  };
}

/** One answer of several: all rows, and what nobody had. */
function merged(replies: readonly unknown[]): unknown {
  if (replies.length === 1) return replies[0];
  const all = replies as readonly ReadReply[];
  const rows = new Map(all.flatMap((reply) => reply.rows));
  const missing = new Set(all.flatMap((reply) => reply.missing).filter((key) => !rows.has(key)));
  return { rows: [...rows], missing: [...missing] } satisfies ReadReply;
}

function isForward(body: unknown): boolean {
  return isRecord(body) && isIndex(body["shard"]) && isRecord(body["read"]) &&
    (body["also"] === undefined ||
      (Array.isArray(body["also"]) && body["also"].every((shard) => isIndex(shard))));
}
