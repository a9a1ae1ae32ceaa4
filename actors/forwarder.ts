/**
 * Reads on their way from an edge to the cloud: an edge reaches a participant only through here.
 *
 * @module
 */
import type { Envelope } from "../runtime/codec.ts";
import { AskFailed, type MessageHandler, type Services } from "../runtime/role.ts";
import { isIndex, isRecord } from "./guards.ts";
import type { ReadRequest } from "./reader.ts";

/** A read to pass on to the participant that keeps a shard. */
export interface Forward {
  readonly shard: number;
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
    const to = participantOf[request.shard];
    if (to === undefined) return services.fail(envelope, "invalidBody");
    const left = (envelope.metadata.deadline ?? Infinity) - services.clock.now();
    if (left <= 0) return; // Nobody waits any more.
    try {
      const reply = await services.ask(to, "read", request.read, Math.min(left, LONGEST_MS));
      services.reply(envelope, reply);
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

function isForward(body: unknown): boolean {
  return isRecord(body) && isIndex(body["shard"]) && isRecord(body["read"]);
}
