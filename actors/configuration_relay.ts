/**
 * Messages between members of a group whose nodes no link joins: an edge and the cloud. Members that
 * are linked to both hand them on, all of them, so that one that is silent stops nothing. They need not
 * be trusted: what travels here is signed, authenticated, or looked up by its digest.
 *
 * @module
 */
import { decodeBody, encode, type Envelope, MalformedFrame } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import type { MessageHandler, SendOptions, Services } from "../runtime/role.ts";
import { nodeOf } from "../runtime/role.ts";
import { isRecord } from "./guards.ts";
import type { Handed } from "./pbft_parts.ts";

/** Who hands messages on, by the node they are for. */
export type Via = Readonly<Record<string, readonly Address[]>>;

type Relayed = {
  readonly from: Address;
  readonly to: Address;
  readonly type: string;
  readonly body: Uint8Array;
};

/** Services of a role, some of them done in another way. */
export function withServices(services: Services, other: Partial<Services>): Services {
  return new Proxy(services, {
    get: (target, key: keyof Services) => {
      if (Object.hasOwn(other, key)) return other[key];
      const own = target[key];
      return typeof own === "function" ? (own as () => void).bind(target) : own;
    },
  });
}

/** Services that send around where no link leads. */
export function sendingVia(services: Services, via: Via): Services {
  if (Object.keys(via).length === 0) return services;
  const send = (to: Address, type: string, body: unknown, options?: SendOptions) => {
    const relays = via[nodeOf(to)];
    if (relays === undefined) return services.send(to, type, body, options);
    const relayed = { from: services.address, to, type, body: encode(body) } satisfies Relayed;
    const results = relays.map((relay) => services.send(relay, "relay", relayed, options));
    return results.includes("accepted") ? "accepted" : results[0]!;
  };
  return withServices(services, { send });
}

function isRelayed(body: unknown): body is Relayed {
  return isRecord(body) && body["body"] instanceof Uint8Array &&
    ["from", "to", "type"].every((name) => typeof body[name] === "string");
}

/**
 * Takes what was handed on, and hands on what is for another.
 *
 * Nobody but these may say whose a message is that comes in another's name, and only of those that no
 * link leads to: else whoever is not heard any more would speak under another name.
 *
 * @param via who hands on what, also the other way round
 * @param members whose messages are handed on, and to whom
 * @param own handlers of this role
 */
export function relayHandler(
  services: Services,
  via: Via,
  members: () => readonly Address[],
  own: () => Readonly<Record<string, MessageHandler>>,
): MessageHandler {
  const deliver = (relayed: Relayed, envelope: Envelope): void => {
    const handlers = own();
    const handler = Object.hasOwn(handlers, relayed.type) ? handlers[relayed.type] : undefined;
    let body: unknown;
    try {
      body = decodeBody(relayed.body);
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      return services.deadLetter("malformed", envelope);
    }
    if (handler === undefined || relayed.type === "relay" || !handler.accepts(body)) {
      return services.deadLetter("invalidBody", envelope);
    }
    const { from, type } = relayed;
    const handed: Handed = { ...envelope, from, type, metadata: {}, handedBy: envelope.from };
    handler.handle(body as never, handed);
  };
  return {
    accepts: isRelayed,
    handle: (relayed: Relayed, envelope: Envelope) => {
      const known = members();
      if (!known.includes(relayed.from) || !known.includes(relayed.to)) {
        return services.deadLetter("forbidden", envelope);
      }
      if (relayed.to === services.address) {
        if (via[nodeOf(relayed.from)]?.includes(envelope.from)) return deliver(relayed, envelope);
        return services.deadLetter("forbidden", envelope);
      }
      // Once only: who hands on is linked to both.
      if (relayed.from !== envelope.from) return services.deadLetter("forbidden", envelope);
      services.send(relayed.to, "relay", relayed, { urgent: true });
    },
  };
}
