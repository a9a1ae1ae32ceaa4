/**
 * The way of a log's records from who has sealed it to who is to serve it, in pieces.
 *
 * @module
 */
import { decode, encode, type Envelope } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import { AskFailed, type MessageHandler, nodeOf, type Services } from "../runtime/role.ts";
import { isIndex, isRecord } from "./guards.ts";
import { sha256 } from "./pbft_keys.ts";

const CHUNK_BYTES = 32 * 1024;
const FETCH_MS = 2000;
/** No log that is sealed has more: what has ended is not in it. */
const MOST_CHUNKS = 4096;

type Wanted = { readonly log: string; readonly digest: string; readonly index: number };

/** Digest of the records of a log. */
export function digestOfLog(records: readonly unknown[]): string {
  return sha256("log", encode(records));
}

/**
 * Hands records out.
 *
 * @param records of a log with that digest, if a node may have them
 */
export function handsOut(
  services: Services,
  records: (log: string, digest: string, to: string) => readonly unknown[] | "forbidden",
): Readonly<Record<string, MessageHandler>> {
  const answer = ({ log, digest, index }: Wanted, envelope: Envelope) => {
    const isCoordinator = envelope.from.endsWith("/coordinator");
    const found = isCoordinator ? records(log, digest, nodeOf(envelope.from)) : "forbidden";
    if (found === "forbidden") {
      services.deadLetter("forbidden", envelope);
      return services.fail(envelope, "forbidden");
    }
    const bytes = encode(found);
    const at = index * CHUNK_BYTES;
    const count = Math.ceil(bytes.length / CHUNK_BYTES);
    services.reply(envelope, { count, bytes: bytes.slice(at, at + CHUNK_BYTES) });
  };
  return {
    "log.chunk": {
      accepts: (body) =>
        isRecord(body) && typeof body["log"] === "string" &&
        typeof body["digest"] === "string" && isIndex(body["index"]),
      handle: answer,
    },
  };
}

/** Fetches records; undefined: there was no answer, or another one than the digest says. */
export async function fetchLog(
  services: Services,
  from: Address,
  log: string,
  digest: string,
): Promise<readonly unknown[] | undefined> {
  const chunks: Uint8Array[] = [];
  try {
    for (let index = 0, count = 1; index < count && count <= MOST_CHUNKS; index++) {
      const answer = await services.ask(from, "log.chunk", { log, digest, index }, FETCH_MS);
      if (!isRecord(answer) || !(answer["bytes"] instanceof Uint8Array)) return undefined;
      chunks.push(answer["bytes"]);
      count = Number(answer["count"]);
    }
  } catch (error) {
    if (!(error instanceof AskFailed)) throw error;
    return undefined;
  }
  if (sha256("log", ...chunks) !== digest) return undefined;
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return decode(bytes) as unknown[];
}
