/**
 * A client of a group, as a role: ask it to `invoke` an operation and it answers with the result that
 * f + 1 replicas have given, or a quorum of them where it only reads.
 *
 * | message  | body                          | answer      |
 * | -------- | ----------------------------- | ----------- |
 * | `invoke` | `{ operation, readOnly? }`    | the result  |
 *
 * An operation is executed once, whenever its answer comes. An asker that gives up before does not
 * know whether it is: it has to look.
 *
 * @module
 */
import { client, type ClientEffects, type ClientEvent } from "../protocols/pbft/client.ts";
import { groupFault } from "../protocols/pbft/rules.ts";
import { decode, encode, type Envelope } from "../runtime/codec.ts";
import { type Instance, Instances, type Perform } from "../runtime/instances.ts";
import type { Address } from "../runtime/ports.ts";
import {
  defineRole,
  type MessageHandler,
  type Role,
  type RoleDefinition,
  type Services,
} from "../runtime/role.ts";
import { isRecord } from "./guards.ts";
import { Authority } from "./pbft_authority.ts";
import { type Keyring, Keys, sha256 } from "./pbft_keys.ts";
import { MAX_LANES, MAX_REQUEST_BYTES } from "./pbft_requests.ts";
import { isReplyWire, replyBytes, type ReplyWire, type SignedRequest } from "./pbft_wire.ts";

/** Configuration of a client. */
export interface PbftClientConfig {
  /** Name of the group. */
  readonly group: string;
  /** Where all replicas are, by number. */
  readonly replicas: readonly Address[];
  /** How many may be faulty. */
  readonly faulty: number;
  /** Its keys; its name is theirs. */
  readonly keyring: Keyring;
  /** Requests at a time, at most 64; more wait. Default 16. */
  readonly lanes?: number;
  /** Until a request goes to all replicas, and again, in ms. Default 500. */
  readonly resendMs?: number;
  /** How long a read may lack a quorum until it is ordered, in ms. Default 200. */
  readonly readTimeoutMs?: number;
}

/** What is asked. */
type Invocation = { readonly operation: unknown; readonly readOnly?: boolean };

type Facts = {
  readonly lane: number;
  readonly id: string;
  readonly timestamp: number;
  readonly operation: Uint8Array;
  readonly asked: Envelope;
  /** Results by their digest. */
  readonly results: Map<string, Uint8Array>;
  readonly signed: Map<boolean, SignedRequest>;
};

const LANES = 16;
const RESEND_MS = 500;
const READ_TIMEOUT_MS = 200;
const MAX_BACKOFF = 4;
/** What a request has besides its operation, at most. */
const REQUEST_HEAD_BYTES = 512;
/** Invocations that wait for a lane, at most. */
const MOST_WAITING = 10_000;

/** A client; part of a role of its own, or of one that does more. */
export class PbftClient implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #authority: Authority;
  readonly #instances: Instances<Facts, ClientEvent>;
  readonly #free: number[];
  readonly #waiting: (readonly [Invocation, Envelope])[] = [];
  #last = 0;
  #view = 0;
  #refused = 0;

  /** A client of a group. @throws {RangeError} if that has too few replicas */
  constructor(private readonly services: Services, private readonly config: PbftClientConfig) {
    const group = { replicas: config.replicas.length, faulty: config.faulty };
    const fault = groupFault(group);
    if (fault !== undefined) throw new RangeError(`Cannot start ${services.address}: ${fault}`);
    this.#authority = new Authority(config.group, group, new Keys(config.keyring));
    const lanes = Math.min(MAX_LANES, config.lanes ?? LANES);
    this.#free = Array.from({ length: lanes }, (_, lane) => lanes - 1 - lane);
    this.#instances = new Instances<Facts, ClientEvent>({
      engine: services.engine(client, "live"), // Digests never come again.
      effects: this.#performers(),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      done: ({ facts }) => this.#done(facts),
    });
    this.messages = {
      invoke: {
        accepts: (body) =>
          isRecord(body) && "operation" in body &&
          (body["readOnly"] === undefined || typeof body["readOnly"] === "boolean"),
        handle: (body: Invocation, envelope) => this.#invoke(body, envelope),
      },
      "pbft.reply": {
        accepts: isReplyWire,
        handle: (wire: ReplyWire, envelope) => this.#reply(wire, envelope),
      },
    };
  }

  /** Whether nothing is under way. */
  drained(): boolean {
    return this.#instances.size === 0;
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#instances.clear();
  }

  /** What is under way. */
  stats(): Record<string, unknown> {
    return {
      requests: this.#instances.census(),
      waiting: this.#waiting.length,
      refusedReplies: this.#refused,
    };
  }

  #invoke(invocation: Invocation, envelope: Envelope): void {
    const lane = this.#free.pop();
    if (lane !== undefined) return this.#begin(lane, invocation, envelope);
    if (this.#waiting.length >= MOST_WAITING) return this.services.fail(envelope, "full");
    this.#waiting.push([invocation, envelope]);
  }

  #begin(lane: number, { operation, readOnly = false }: Invocation, asked: Envelope): void {
    const { services, config } = this;
    const bytes = encode(operation);
    if (bytes.length > MAX_REQUEST_BYTES - REQUEST_HEAD_BYTES) {
      this.#free.push(lane);
      return services.fail(asked, "oversized");
    }
    // Upwards also over a restart, as long as the wall clock is not set back.
    this.#last = Math.max(this.#last + 1, Math.floor(services.clock.wall() * 1000));
    const id = `${this.#authority.keys.self}/${lane}`;
    const facts: Facts = {
      lane,
      id,
      timestamp: this.#last,
      operation: bytes,
      asked,
      results: new Map(),
      signed: new Map(),
    };
    const instance = this.#instances.create(id, {
      ...this.#authority.group,
      view: this.#view,
      resendMs: config.resendMs ?? RESEND_MS,
      maxBackoff: MAX_BACKOFF,
      readTimeoutMs: config.readTimeoutMs ?? READ_TIMEOUT_MS,
    }, facts);
    this.#instances.step(instance, { type: "invoke", readOnly });
  }

  #done({ lane }: Facts): void {
    this.#free.push(lane);
    const next = this.#waiting.shift();
    if (next !== undefined) this.#invoke(...next);
  }

  #reply(wire: ReplyWire, envelope: Envelope): void {
    const { client: id, timestamp, from, view, readOnly, result, mac } = wire;
    const { keys, name } = this.#authority;
    if (!keys.isFrom(String(from), replyBytes(name, wire), mac)) {
      this.#refused++;
      return this.services.deadLetter("forbidden", envelope);
    }
    const instance = this.#instances.get(id);
    if (instance === undefined || instance.facts.timestamp !== timestamp) return; // Answered.
    const digest = sha256(result);
    instance.facts.results.set(digest, result);
    this.#instances.step(instance, { type: "reply", from, view, digest, readOnly });
  }

  #performers(): Record<keyof ClientEffects, Perform<Facts>> {
    const { services, config } = this;
    return {
      send: ({ facts }, { to, readOnly }: ClientEffects["send"]) => {
        for (const one of to) {
          services.send(config.replicas[one]!, "pbft.request", this.#signed(facts, readOnly));
        }
      },
      deliver: ({ facts }, { digest, view }: ClientEffects["deliver"]) => {
        this.#view = view;
        services.reply(facts.asked, decode(facts.results.get(digest)!));
      },
      reject: (_: Instance<Facts>) => {
        this.#refused++;
      },
    };
  }

  #signed({ id, timestamp, operation, signed }: Facts, readOnly: boolean): SignedRequest {
    const known = signed.get(readOnly);
    if (known !== undefined) return known;
    const made = this.#authority.request({ client: id, timestamp, readOnly, operation });
    signed.set(readOnly, made);
    return made;
  }
}

/** The role. */
export const pbftClientRole: RoleDefinition<PbftClientConfig> = defineRole({
  name: "pbftClient",
  create: (services: Services, config: PbftClientConfig) => new PbftClient(services, config),
});
