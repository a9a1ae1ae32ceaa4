/**
 * Clients' requests at a replica: taken once, kept until they are executed, answered.
 *
 * @module
 */
import { readableFrom } from "../protocols/pbft/log.ts";
import type { ReplicaContext, ReplicaEvent } from "../protocols/pbft/replica_types.ts";
import type { RequestId } from "../protocols/pbft/messages.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import type { Services } from "../runtime/role.ts";
import { type Authority, memberOf, type ReadRequest } from "./pbft_authority.ts";
import { inParts, mayNeedParts } from "./pbft_parts.ts";
import type { Service } from "./pbft_service.ts";
import { type Proof, replyBytes, type SignedRequest } from "./pbft_wire.ts";

/** Requests one client may have at a time, by the number behind its name. */
export const MAX_LANES = 64;
/** A request is no longer, in bytes. */
export const MAX_REQUEST_BYTES: number = 16 * 1024;

/** Those of a batch are not longer together, in bytes: a mailbox has to hold a few. */
export const MAX_BATCH_BYTES: number = 256 * 1024;

/** What requests are taken with. */
export interface RequestParts {
  readonly services: Services;
  readonly config: {
    readonly replicas: readonly Address[];
    readonly index: number;
    readonly clients: Readonly<Record<string, Address>>;
  };
  readonly authority: Authority;
  readonly service: Service;
  readonly context: () => ReplicaContext;
  readonly step: (event: ReplicaEvent) => void;
  readonly refuse: (reason: string, envelope: Envelope) => void;
  /** A liar spoils what it proves. */
  readonly proves: (proof: Proof) => Proof;
}

type Waiting = { readonly signed: SignedRequest; readonly request: ReadRequest };

/** The requests of one replica. */
export class Requests {
  /** The last of each client that is not executed. */
  readonly #waiting = new Map<string, Waiting>();
  /** The last read of each client that waits for the execution of a number. */
  readonly #reads = new Map<string, { readonly from: number; readonly request: ReadRequest }>();

  readonly #direct: RequestId[] = [];
  readonly #relayed: RequestId[] = [];
  #isCollecting = false;
  #replies = 0;

  constructor(private readonly parts: RequestParts) {}

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** A client asks, or a replica hands on what it was asked. */
  take(signed: SignedRequest, envelope: Envelope): void {
    const { authority, service, config, refuse } = this.parts;
    if (signed.bytes.length > MAX_REQUEST_BYTES) return refuse("oversized", envelope);
    const request = authority.read(signed);
    if (request === undefined) return refuse("signature", envelope);
    if (!isLane(request.client)) return refuse("lane", envelope);
    if (request.readOnly) {
      if (!service.isReadOnly(request)) return refuse("notReadOnly", envelope);
      const { log, executed } = this.parts.context();
      const from = readableFrom(log);
      if (executed >= from) return this.reply(request, service.read(request));
      this.#reads.set(request.client, { from, request });
      return;
    }
    switch (service.admit(request)) {
      case "outdated":
        return refuse("outdated", envelope);
      case "resendReply":
        return this.reply(request, service.answer(request.client)!.result);
      case "execute": {
        const { client, timestamp } = request;
        const known = this.#waiting.get(client);
        if (known === undefined || known.request.timestamp < timestamp) {
          this.#waiting.set(client, { signed, request });
        }
        const { digest } = this.#waiting.get(client)!.request;
        const from = config.replicas.includes(envelope.from) ? this.#relayed : this.#direct;
        from.push({ client, timestamp, digest });
        this.#collect();
      }
    }
  }

  /** The machine is told all requests of a turn at once. */
  #collect(): void {
    if (this.#isCollecting) return;
    this.#isCollecting = true;
    const { timers, clock } = this.parts.services;
    timers.set(clock.now(), () => {
      this.#isCollecting = false;
      for (const direct of [true, false]) {
        const taken = (direct ? this.#direct : this.#relayed).splice(0);
        // What is executed meanwhile would never be executed again, and be waited for until then.
        const requests = taken.filter((it) => this.#waiting.has(it.client));
        if (requests.length > 0) this.parts.step({ type: "request", requests, direct });
      }
    });
  }

  /** So much is executed: reads that waited for it are answered. */
  executed(sequence: number): void {
    for (const [client, { from, request }] of this.#reads) {
      if (sequence < from) continue;
      this.#reads.delete(client);
      this.reply(request, this.parts.service.read(request));
    }
  }

  /** Answers a client. */
  reply({ client, timestamp, readOnly }: ReadRequest, result: Uint8Array): void {
    const { services, config, authority, context, proves } = this.parts;
    const member = memberOf(client);
    const to = config.clients[member];
    if (to === undefined) return;
    const from = config.index;
    const reply = { client, timestamp, view: context().view, readOnly, result, from };
    const mac = proves(authority.keys.mac(member, replyBytes(authority.name, reply)));
    const body = { ...reply, mac };
    const id = services.incarnation * 2 ** 24 + this.#replies++;
    const parts = mayNeedParts(result.length) ? inParts("pbft.reply", id, body) : undefined;
    if (parts === undefined) return void services.send(to, "pbft.reply", body, { urgent: true });
    for (const part of parts) services.send(to, "pbft.part", part);
  }

  /** How many of these, the first ones, are not too long together for a batch. */
  fitting(ids: readonly RequestId[]): number {
    let bytes = 0;
    const tooMany = ids.findIndex(({ client }) => {
      bytes += this.#waiting.get(client)?.signed.bytes.length ?? 0;
      return bytes > MAX_BATCH_BYTES;
    });
    return tooMany < 0 ? ids.length : tooMany;
  }

  /** The requests of a batch; one that another has taken the place of is left out. */
  batch(ids: readonly RequestId[]): readonly SignedRequest[] {
    return ids.flatMap((id) => {
      const known = this.#waiting.get(id.client);
      return known?.request.digest === id.digest ? [known.signed] : [];
    });
  }

  /** Hands requests on. */
  relay(to: number, ids: readonly RequestId[]): void {
    const { services, config } = this.parts;
    for (const signed of this.batch(ids)) {
      services.send(config.replicas[to]!, "pbft.request", signed);
    }
  }

  /** These are executed: with all before them they wait no more. */
  done(executed: readonly Pick<RequestId, "client" | "timestamp">[]): void {
    for (const { client, timestamp } of executed) {
      const known = this.#waiting.get(client);
      if (known !== undefined && known.request.timestamp <= timestamp) this.#waiting.delete(client);
    }
  }
}

function isLane(client: string): boolean {
  const lane = client.slice(memberOf(client).length + 1);
  return lane === "" || /^\d{1,2}$/.test(lane) && Number(lane) < MAX_LANES;
}
