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
import { Authority, MAX_OPERATIONS } from "./pbft_authority.ts";
import { type Keyring, Keys, sha256 } from "./pbft_keys.ts";
import { Assemblies, isPart, type Part, pathOf } from "./pbft_parts.ts";
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

/** Somebody waits for the result of an operation. */
export type Withdrawn = { readonly operation: unknown; readonly asked: Envelope };

/** It waits for a lane, coded. */
type Waiting = {
  readonly operation: Uint8Array;
  readonly readOnly: boolean;
  readonly asked: Envelope;
};

type Facts = {
  readonly lane: number;
  readonly id: string;
  readonly timestamp: number;
  readonly operations: readonly Uint8Array[];
  /** Who asked for each operation. */
  readonly asked: readonly Envelope[];
  /** The last result of each replica: a liar may have any number of them. */
  readonly results: Map<number, { readonly digest: string; readonly result: Uint8Array }>;
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
/** Operations that share a request, and its signature, have so many bytes together. */
const BUNDLE_BYTES = 4096;

/** A client; part of a role of its own, or of one that does more. */
export class PbftClient implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #authority: Authority;
  readonly #instances: Instances<Facts, ClientEvent>;
  readonly #free: number[];
  #waiting: Waiting[] = [];
  #isFlushing = false;
  readonly #assemblies = new Assemblies();
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
      "pbft.part": {
        accepts: (body) => isPart(body) && body.of === "pbft.reply",
        handle: (part: Part, envelope) => {
          if (!config.replicas.includes(envelope.from)) {
            return services.deadLetter("forbidden", envelope);
          }
          const wire = this.#assemblies.add(pathOf(envelope), part);
          if (isReplyWire(wire)) this.#reply(wire, envelope);
        },
      },
    };
  }

  /** Whether nothing is under way. */
  drained(): boolean {
    return this.#instances.size === 0 && this.#waiting.length === 0;
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#instances.clear();
    this.#waiting = [];
  }

  /** Gives up what is under way, for another client to ask: whether it is done is not known. */
  withdraw(): readonly Withdrawn[] {
    const begun = [...this.#instances].flatMap(({ facts: { operations, asked } }) =>
      operations.map((operation, index) => ({ operation, asked: asked[index]! }))
    );
    const withdrawn = [...begun, ...this.#waiting].map(({ operation, asked }) => {
      return { operation: decode(operation), asked };
    });
    this.stop();
    return withdrawn;
  }

  /** What is under way. */
  stats(): Record<string, unknown> {
    return {
      requests: this.#instances.census(),
      waiting: this.#waiting.length,
      refusedReplies: this.#refused,
    };
  }

  #invoke({ operation: value, readOnly = false }: Invocation, asked: Envelope): void {
    const operation = encode(value);
    if (operation.length > MAX_REQUEST_BYTES - REQUEST_HEAD_BYTES) {
      return this.services.fail(asked, "oversized");
    }
    if (this.#waiting.length >= MOST_WAITING) return this.services.fail(asked, "full");
    this.#waiting.push({ operation, readOnly, asked });
    this.#flush();
  }

  /** What is asked within a turn, and while no lane is free, goes together: a signature for all. */
  #flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    const { timers, clock } = this.services;
    timers.set(clock.now(), () => {
      this.#isFlushing = false;
      while (this.#waiting.length > 0 && this.#free.length > 0) {
        this.#begin(this.#free.pop()!, this.#bundle());
      }
    });
  }

  /** The oldest invocation, and others of its kind. */
  #bundle(): readonly Waiting[] {
    const [first, ...rest] = this.#waiting;
    const bundle = [first!], left: Waiting[] = [];
    let bytes = first!.operation.length;
    for (const it of rest) {
      const sum = bytes + it.operation.length;
      const fits = bundle.length < MAX_OPERATIONS && sum <= BUNDLE_BYTES;
      if (fits && it.readOnly === first!.readOnly) {
        bundle.push(it);
        bytes = sum;
      } else left.push(it);
    }
    this.#waiting = left;
    return bundle;
  }

  #begin(lane: number, bundle: readonly Waiting[]): void {
    const { services, config } = this;
    // Upwards also over a restart, as long as the wall clock is not set back.
    this.#last = Math.max(this.#last + 1, Math.floor(services.clock.wall() * 1000));
    const id = `${this.#authority.keys.self}/${lane}`;
    const facts: Facts = {
      lane,
      id,
      timestamp: this.#last,
      operations: bundle.map(({ operation }) => operation),
      asked: bundle.map(({ asked }) => asked),
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
    this.#instances.step(instance, { type: "invoke", readOnly: bundle[0]!.readOnly });
  }

  #done({ lane }: Facts): void {
    this.#free.push(lane);
    if (this.#waiting.length > 0) this.#flush();
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
    instance.facts.results.set(from, { digest, result });
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
        const agreed = [...facts.results.values()].find((it) => it.digest === digest)!;
        const results = decode(agreed.result) as readonly Uint8Array[];
        facts.asked.forEach((asked, index) => services.reply(asked, decode(results[index]!)));
      },
      reject: (_: Instance<Facts>) => {
        this.#refused++;
      },
    };
  }

  #signed({ id, timestamp, operations, signed }: Facts, readOnly: boolean): SignedRequest {
    const known = signed.get(readOnly);
    if (known !== undefined) return known;
    const made = this.#authority.request({ client: id, timestamp, readOnly, operations });
    signed.set(readOnly, made);
    return made;
  }
}

/** The role. */
export const pbftClientRole: RoleDefinition<PbftClientConfig> = defineRole({
  name: "pbftClient",
  create: (services: Services, config: PbftClientConfig) => new PbftClient(services, config),
});
